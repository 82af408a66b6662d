#![cfg(test)]
//! Runs the language-neutral vectors of `tests/vectors`. No dependency of this package writes a
//! canonical form, so each vector tests the code of this crate.

mod definitions;
mod files;
mod identities;
mod keys;
mod listing;
mod texts;
mod trust;

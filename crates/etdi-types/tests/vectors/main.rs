#![cfg(test)]
//! Runs the language-neutral vectors of `tests/vectors`. This package has no other canonicaliser
//! among its dependencies, so a second one cannot hide a difference.

mod definitions;
mod files;
mod identities;
mod keys;
mod listing;
mod texts;
mod trust;

#![cfg(test)]
//! Runs the language-neutral vectors of `tests/vectors`, and nothing that could mask a difference:
//! this package has no other canonicaliser among its dependencies.

mod definitions;
mod files;
mod identities;
mod keys;
mod listing;
mod texts;
mod trust;

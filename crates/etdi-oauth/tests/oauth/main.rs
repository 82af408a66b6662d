//! The crate against a loopback issuer, over real sockets, and its pure parts against forged tokens.
#![cfg(test)]

mod acquiring;
mod attesting;
mod failures;
mod jwks;
mod keys;
mod providers;
mod secrets;
mod validating;

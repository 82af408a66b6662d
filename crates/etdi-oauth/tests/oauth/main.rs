//! The crate against a loopback issuer, over real sockets, and its pure parts against forged tokens.
#![cfg(test)]

mod acquiring;
mod attesting;
mod discovering;
mod failures;
mod jwks;
mod keys;
mod limiting;
mod providers;
mod revoking;
mod secrets;
mod validating;

//! Tokens: attestations that vouch for something else, access tokens that are not good, and the keys
//! that both are verified with.

mod access;
mod attestation;
mod jwks;
mod withdrawn;

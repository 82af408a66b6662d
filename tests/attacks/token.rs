//! Tokens: attestations for something else, invalid access tokens, and the keys that verify both.

mod access;
mod attestation;
mod jwks;
mod withdrawn;

//! Servers, issuers, keys and terminals that the tests of the workspace share.
//!
//! Each part is a feature, so that a package compiles only the parts that its tests use. The crate
//! is a dev-dependency by path, without a version: `cargo package` drops it from the published
//! manifests.

#![forbid(unsafe_code)]

pub mod book;
#[cfg(all(unix, feature = "terminal"))]
pub mod folder;
#[cfg(feature = "handler")]
pub mod handler;
#[cfg(feature = "issuer")]
pub mod issuer;
#[cfg(feature = "issuer")]
pub mod keys;
#[cfg(feature = "publisher")]
pub mod publisher;
#[cfg(feature = "json")]
pub mod spelling;
#[cfg(all(unix, feature = "terminal"))]
pub mod terminal;
#[cfg(all(unix, feature = "terminal"))]
pub mod views;

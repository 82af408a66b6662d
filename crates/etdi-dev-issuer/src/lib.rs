#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
#![warn(missing_docs)]

mod dpop;
mod error;
mod issuer;
mod key;
mod metadata;
mod registration;
mod request;
mod tenant;
mod token;

pub use error::{KeyError, StartError};
pub use issuer::{DevIssuer, DevIssuerBuilder};
pub use key::RsaSigningKey;
pub use registration::{Api, IssuerLayout, RegisteredClient, TokenAlgorithm};

/// The claim in which attestations list definitions.
pub const DEFINITIONS_CLAIM: &str = "https://etdi.dev/definitions";

//! The reasons why a definition comes from an impostor or cannot be checked.

use serde::Serialize;

use crate::jws::SignatureError;
use crate::text::escaped;

/// A claim of a definition that the definition cannot prove.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImpostorReason {
    /// The definition member has neither a signature nor an attestation.
    #[error("it carries a definition without any evidence")]
    NoEvidence,
    /// The signature is refused.
    #[error("{0}")]
    Signature(SignatureError),
    /// The attestation is refused.
    #[error("its attestation is refused: {0}")]
    Attestation(String),
    /// The provider may not sign ids of this authority.
    #[error(
        "the provider \"{}\" may not sign tool ids of \"{}\"",
        escaped(provider),
        escaped(authority)
    )]
    ForeignAuthority {
        /// The id's authority.
        authority: String,
        /// The provider that the definition names.
        provider: String,
    },
    /// The definition's `servers` does not name this server.
    #[error("the definition may not be served by this server; it lists {}",
        if .listed.is_empty() { "none".to_owned() } else { escaped(&.listed.join(", ")).to_string() })]
    ServerNotListed {
        /// The servers that it names.
        listed: Vec<String>,
    },
}

/// The reason why a definition cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownReason {
    /// The provider has no trust entry, and no person supplied the key for this server.
    #[error(
        "no trust entry is for the provider \"{}\", so its key \"{}\" is not trusted",
        escaped(provider),
        escaped(kid)
    )]
    UntrustedKey {
        /// The provider that the definition names.
        provider: String,
        /// The key id that its signature names.
        kid: String,
    },
    /// The provider's keys are published at a `jwks_uri` and could not be fetched.
    #[error("the provider's keys could not be fetched: {0}")]
    KeysUnavailable(String),
    /// The attestation could not be checked.
    #[error("the attestation could not be checked: {0}")]
    AttestationUnchecked(String),
}

macro_rules! serialize_as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_text!(ImpostorReason, UnknownReason);

//! Public keys as JWKs, verification, and the publisher's signing key.

mod ed25519;
mod jwk;
mod signing;
mod verifying;

pub use jwk::Jwk;
pub use signing::SigningKey;
pub use verifying::VerifyingKey;

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// The signature algorithms of the wire format, section 3, by their JOSE names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SigAlg {
    /// Ed25519 (RFC 8037, section 3.1). `Ed25519` of RFC 9864 is an alias of it.
    #[serde(alias = "Ed25519")]
    EdDSA,
    /// ECDSA on P-256 with SHA-256, signature R‖S (RFC 7518, section 3.4).
    ES256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of at least 2048 bits (RFC 7518, section 3.3).
    RS256,
}

impl SigAlg {
    /// Returns the algorithm with this JOSE name.
    #[must_use]
    pub fn from_jose(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::EdDSA),
            "ES256" => Some(Self::ES256),
            "RS256" => Some(Self::RS256),
            _ => None,
        }
    }
}

impl Display for SigAlg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EdDSA => "EdDSA",
            Self::ES256 => "ES256",
            Self::RS256 => "RS256",
        })
    }
}

/// The reason why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a JSON object with the members of a JWK.
    #[error("the key is not a JWK (RFC 7517): {0}")]
    NotAJwk(String),
    /// The key type, curve or algorithm is not supported.
    #[error("the key has an unsupported type, curve or algorithm; use Ed25519, P-256, or RSA")]
    Unsupported,
    /// A symmetric key where a public key belongs.
    #[error("the key is symmetric (`oct`); a trust configuration holds public keys only")]
    Symmetric,
    /// A private key where a public key belongs.
    #[error("the JWK holds a private key; publish the public members only")]
    Private,
    /// `use` is not `sig`, or `key_ops` lacks `verify`.
    #[error("the key is not meant for signatures (`use` or `key_ops`)")]
    NotForSignatures,
    /// A member that is missing, not base64url, or of the wrong length.
    #[error("the key's member `{0}` is missing or malformed")]
    Member(&'static str),
    /// An Ed25519 key whose point has a small order: anyone could make its signatures.
    #[error("the Ed25519 key is a point of small order, for which anyone can make signatures")]
    SmallOrder,
    /// An RSA modulus under 2048 bits or over 8192.
    #[error("the RSA key must have between 2048 and 8192 bits")]
    RsaSize,
    /// The system's random number generator failed.
    #[error("the system's random number generator failed")]
    NoRandomness,
    /// A PEM file without a usable private key.
    #[error("the PEM text holds no Ed25519 private key in PKCS #8 (`BEGIN PRIVATE KEY`)")]
    Pem,
    /// The file could not be read.
    #[error("cannot read the key file {path}: {reason}")]
    File {
        /// The path of the file.
        path: String,
        /// The error of the operating system.
        reason: String,
    },
}

/// Decodes strict base64url: no padding, no white space, no non-zero trailing bits (wire format,
/// section 3). Returns `None` for any other text.
///
/// ```
/// use etdi_types::keys::base64url_decode;
/// assert_eq!(base64url_decode("AQ"), Some(vec![1]));
/// assert_eq!(base64url_decode("AR"), None); // trailing bits
/// assert_eq!(base64url_decode("AQ=="), None); // padding
/// ```
#[must_use]
pub fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes as base64url without padding (RFC 7515, section 2).
#[must_use]
pub fn base64url_encode(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

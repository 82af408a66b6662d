//! The publisher's private key.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::{Jwk, KeyError};

/// An Ed25519 private key that signs definitions. Cheap to clone; `Debug` shows the `kid` only.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: Jwk,
}

impl SigningKey {
    /// Makes a new key with the system's random number generator. Its `kid` is its RFC 7638
    /// thumbprint.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] if the random number generator fails.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::NoRandomness)?;
        Self::from_pair(pair)
    }

    /// Reads a key from PKCS #8 PEM (RFC 7468, section 10; RFC 8410).
    ///
    /// # Errors
    /// [`KeyError::Pem`] if the text holds no Ed25519 private key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let block = pem::parse(pem).map_err(|_| KeyError::Pem)?;
        if block.tag() != "PRIVATE KEY" {
            return Err(KeyError::Pem);
        }
        let der = Zeroizing::new(block.into_contents());
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| KeyError::Pem)?;
        Self::from_pair(pair)
    }

    /// Returns the key as PKCS #8 PEM. Write it to a file that only its owner can read.
    ///
    /// # Errors
    /// [`KeyError::Pem`] if the key cannot be encoded.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
            self.pair.as_der().map_err(|_| KeyError::Pem)?;
        let block = pem::Pem::new("PRIVATE KEY", der.as_ref());
        Ok(Zeroizing::new(pem::encode(&block)))
    }

    /// Returns the key id that signatures name.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.public.kid().unwrap_or_default()
    }

    /// Returns the same key under a `kid` of the publisher's choice.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.public = self.public.with_kid(kid);
        self
    }

    /// Returns the public half, for a trust configuration.
    #[must_use]
    pub fn public_jwk(&self) -> &Jwk {
        &self.public
    }

    /// Signs `message` (RFC 8032, Ed25519). The signature has 64 bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    fn from_pair(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public: [u8; 32] =
            pair.public_key().as_ref().try_into().map_err(|_| KeyError::Unsupported)?;
        Ok(Self { pair: Arc::new(pair), public: Jwk::ed25519(&public) })
    }
}

impl Debug for SigningKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}

//! The issuer's RSA-2048 keys. The issuer makes them at run time, and does not write them to a
//! file.

use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use etdi_types::keys::base64url_encode;
use serde_json::{Value, json};

use crate::error::KeyError;

/// The number of bytes before the modulus in the DER of an RSA-2048 public key (RFC 8017, A.1.1):
/// the headers of the sequence and of the integer, and the integer's leading zero.
const BEFORE_MODULUS: usize = 9;
const MODULUS: usize = 256;

/// An RSA-2048 key that signs with RS256 (RFC 7518, section 3.3).
///
/// A clone shares the key.
#[derive(Clone)]
pub struct RsaSigningKey(Arc<Inner>);

struct Inner {
    kid: String,
    pair: KeyPair,
    modulus: [u8; MODULUS],
}

impl RsaSigningKey {
    /// Makes a key with this id. Takes some tenths of a second.
    ///
    /// # Errors
    /// Fails if the library does not make a key.
    pub fn generate(kid: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::NotGenerated)?;
        Self::new(kid, pair).ok_or(KeyError::NotGenerated)
    }

    /// Reads a private key of 2048 bits in PKCS #8 (RFC 5208), in DER.
    ///
    /// # Errors
    /// Fails if the bytes are not a private RSA key of 2048 bits in PKCS #8.
    pub fn from_pkcs8(kid: &str, der: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(der).map_err(|_| KeyError::NotRead)?;
        Self::new(kid, pair).ok_or(KeyError::NotRead)
    }

    fn new(kid: &str, pair: KeyPair) -> Option<Self> {
        let der = pair.public_key().as_ref();
        let modulus = der.get(BEFORE_MODULUS..BEFORE_MODULUS + MODULUS)?.try_into().ok()?;
        let is_2048 = pair.public_modulus_len() == MODULUS;
        is_2048.then(|| Self(Arc::new(Inner { kid: kid.to_owned(), pair, modulus })))
    }

    /// Returns the private key in PKCS #8 (RFC 5208), in DER.
    ///
    /// # Errors
    /// Fails if the library does not write the key.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        let der: Pkcs8V1Der<'_> = self.0.pair.as_der().map_err(|_| KeyError::NotWritten)?;
        Ok(der.as_ref().to_vec())
    }

    /// Returns the key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.0.kid
    }

    /// Returns the modulus, without a leading zero.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.0.modulus
    }

    /// Returns the public key in DER, an `RSAPublicKey` (RFC 8017, A.1.1).
    #[must_use]
    pub fn public_der(&self) -> &[u8] {
        self.0.pair.public_key().as_ref()
    }

    /// Returns the public key as a JWK (RFC 7517, section 4).
    #[must_use]
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(),
            "n": base64url_encode(self.modulus()), "e": "AQAB",
        })
    }

    /// Returns a JWT with these claims, and a header of `alg`, `kid` and this `typ`.
    ///
    /// # Errors
    /// Fails if the library does not sign.
    pub fn sign(&self, typ: &str, claims: &Value) -> Result<String, KeyError> {
        let header = json!({"alg": "RS256", "typ": typ, "kid": self.kid()});
        self.sign_texts(&header.to_string(), &claims.to_string())
    }

    /// Returns a compact JWS (RFC 7515, section 3.1) of these texts, unchanged: the texts may have
    /// any content, and need not be JSON.
    ///
    /// # Errors
    /// Fails if the library does not sign.
    pub fn sign_texts(&self, header: &str, payload: &str) -> Result<String, KeyError> {
        let input = signing_input(header, payload);
        let mut signature = vec![0; self.0.pair.public_modulus_len()];
        self.0
            .pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .map_err(|_| KeyError::NotSigned)?;
        Ok(format!("{input}.{}", base64url_encode(&signature)))
    }
}

/// Shows the key's id without the private key.
impl Debug for RsaSigningKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaSigningKey").field("kid", &self.0.kid).finish_non_exhaustive()
    }
}

/// The keys that one issuer publishes. The newest key signs.
#[derive(Debug)]
pub(crate) struct KeyRing(Mutex<Ring>);

#[derive(Debug)]
struct Ring {
    signing: RsaSigningKey,
    others: Vec<RsaSigningKey>,
    made: usize,
}

impl KeyRing {
    pub(crate) fn new() -> Result<Self, KeyError> {
        let signing = RsaSigningKey::generate("key-1")?;
        Ok(Self(Mutex::new(Ring { signing, others: Vec::new(), made: 1 })))
    }

    pub(crate) fn signing(&self) -> RsaSigningKey {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).signing.clone()
    }

    pub(crate) fn published(&self) -> Vec<RsaSigningKey> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.others.iter().chain([&ring.signing]).cloned().collect()
    }

    pub(crate) fn rotate(&self) -> Result<RsaSigningKey, KeyError> {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = RsaSigningKey::generate(&format!("key-{}", ring.made + 1))?;
        ring.made += 1;
        let old = std::mem::replace(&mut ring.signing, key.clone());
        ring.others.push(old);
        Ok(key)
    }

    pub(crate) fn withdraw(&self, kid: &str) -> bool {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ring.others.len();
        ring.others.retain(|key| key.kid() != kid);
        ring.others.len() < before
    }
}

/// Returns a JWT with these claims, signed with a shared secret (HS256).
pub(crate) fn sign_with_secret(secret: &str, claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let input = signing_input(&header.to_string(), &claims.to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", base64url_encode(tag.as_ref()))
}

/// Returns the text that a JWS signature covers (RFC 7515, section 5.1).
fn signing_input(header: &str, payload: &str) -> String {
    format!("{}.{}", base64url_encode(header.as_bytes()), base64url_encode(payload.as_bytes()))
}

/// Returns 32 random bytes as base64url.
pub(crate) fn random_text() -> Result<String, KeyError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::NoRandomNumbers)?;
    Ok(base64url_encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_after_pkcs8() {
        let key = RsaSigningKey::generate("one").unwrap();
        let read = RsaSigningKey::from_pkcs8("one", &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(read.jwk(), key.jwk());
        assert_eq!(read.sign_texts("{}", "{}").unwrap(), key.sign_texts("{}", "{}").unwrap());
    }

    #[test]
    fn keys_of_another_size_and_other_bytes_are_refused() {
        let long = KeyPair::generate(KeySize::Rsa3072).unwrap();
        let long: Pkcs8V1Der<'_> = long.as_der().unwrap();
        for bytes in [long.as_ref(), b"", b"{}"] {
            assert_eq!(RsaSigningKey::from_pkcs8("one", bytes).unwrap_err(), KeyError::NotRead);
        }
    }
}

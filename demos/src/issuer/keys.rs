//! The issuer's keys: RSA-2048, made when they are first needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use etdi::keys::base64url_encode;
use serde_json::{Value, json};

/// What stands before the modulus in the DER of an RSA-2048 public key (RFC 8017, A.1.1): the heads
/// of the sequence and of the integer, and the integer's leading zero.
const BEFORE_MODULUS: usize = 9;
const MODULUS: usize = 256;

/// The keys of one issuer by name.
#[derive(Default)]
pub(super) struct KeyRing(Mutex<BTreeMap<String, Arc<Key>>>);

/// One key.
pub(super) struct Key {
    kid: String,
    pair: KeyPair,
    modulus: String,
}

impl KeyRing {
    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> anyhow::Result<Arc<Key>> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(name) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(Key::generate(name)?);
        keys.insert(name.to_owned(), Arc::clone(&key));
        Ok(key)
    }
}

impl Key {
    fn generate(name: &str) -> anyhow::Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).context("no RSA key could be made")?;
        let der = pair.public_key().as_ref();
        let modulus = der
            .get(BEFORE_MODULUS..BEFORE_MODULUS + MODULUS)
            .map(base64url_encode)
            .context("the RSA key is not one of 2048 bits")?;
        Ok(Self { kid: format!("key-{name}"), pair, modulus })
    }

    /// The public key (RFC 7517).
    pub(super) fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": self.modulus, "e": "AQAB",
        })
    }

    /// A JWT with these claims.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> anyhow::Result<String> {
        let header = json!({"alg": "RS256", "typ": typ, "kid": self.kid});
        let input = signing_input(&header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .context("the token could not be signed")?;
        Ok(format!("{input}.{}", base64url_encode(&signature)))
    }
}

/// A JWT with these claims under a shared secret.
pub(super) fn sign_with_secret(secret: &str, claims: &Value) -> String {
    let input = signing_input(&json!({"alg": "HS256", "typ": "JWT"}), claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, input.as_bytes());
    format!("{input}.{}", base64url_encode(tag.as_ref()))
}

fn signing_input(header: &Value, claims: &Value) -> String {
    let encoded = |value: &Value| base64url_encode(value.to_string().as_bytes());
    format!("{}.{}", encoded(header), encoded(claims))
}

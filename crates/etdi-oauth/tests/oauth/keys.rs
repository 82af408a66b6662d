//! Keys and tokens made at run time.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use etdi_oauth::KeySet;
use etdi_types::keys::base64url_encode;
use serde_json::{Value, json};

/// What the clocks of the tests show at first: 2026-11-22T12:00:00Z.
pub const NOW: i64 = 1_795_348_800;

pub struct RsaKey {
    pub kid: &'static str,
    pair: RsaKeyPair,
}

impl RsaKey {
    fn generate(kid: &'static str) -> Self {
        Self { kid, pair: RsaKeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    pub fn modulus(&self) -> Vec<u8> {
        // RSAPublicKey (RFC 8017, appendix A.1.1) ends with the modulus and an exponent of 3 bytes.
        let der = self.pair.public_key().as_ref();
        der[der.len() - 261..der.len() - 5].to_vec()
    }

    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": base64url_encode(&self.modulus()), "e": "AQAB",
        })
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": self.kid })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let input = signing_input(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature).unwrap();
        format!("{input}.{}", base64url_encode(&signature))
    }
}

pub static FIRST: LazyLock<RsaKey> = LazyLock::new(|| RsaKey::generate("first"));
pub static SECOND: LazyLock<RsaKey> = LazyLock::new(|| RsaKey::generate("second"));

pub struct EcKey {
    pair: EcdsaKeyPair,
}

impl EcKey {
    pub fn generate() -> Self {
        Self { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap() }
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (base64url_encode(&point[1..33]), base64url_encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": x, "y": y })
    }

    pub fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": kid }).to_string();
        let input = signing_input(&header, &claims.to_string());
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", base64url_encode(signature.as_ref()))
    }
}

pub fn signing_input(header: &str, claims: &str) -> String {
    format!("{}.{}", base64url_encode(header.as_bytes()), base64url_encode(claims.as_bytes()))
}

pub fn jwks(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

pub fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(jwks(keys).to_string().as_bytes()).unwrap()
}

/// `value` with these members set; `null` removes one.
pub fn with(mut value: Value, changes: &Value) -> Value {
    let members = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), change.clone());
        }
    }
    value
}

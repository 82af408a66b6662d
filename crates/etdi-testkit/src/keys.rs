//! Keys that are made once and stored beside the tests' programs, and tokens that they sign.

use std::io::Write;
use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use etdi_dev_issuer::RsaSigningKey;
use etdi_types::keys::base64url_encode;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// The id of [`FIRST`].
pub const KID: &str = "first";

/// The key that the issuer signs with, unless a test sets another key.
pub static FIRST: LazyLock<RsaKey> = LazyLock::new(|| RsaKey::kept(KID));
/// A second key.
pub static SECOND: LazyLock<RsaKey> = LazyLock::new(|| RsaKey::kept("second"));

/// An RSA key that signs headers and claims exactly as a test writes them.
#[derive(Clone, Debug)]
pub struct RsaKey(RsaSigningKey);

impl RsaKey {
    /// Reads the key that an earlier test stored beside its program, or makes and stores it. Each
    /// test runs in its own process, and a new key for each test took a fifth of the time of these
    /// tests.
    fn kept(kid: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let folder = program.parent().unwrap();
        let file = folder.join(format!("test-fixture-{kid}.p8"));
        let kept = std::fs::read(&file).ok();
        if let Some(key) = kept.and_then(|der| RsaSigningKey::from_pkcs8(kid, &der).ok()) {
            return Self(key);
        }
        let key = RsaSigningKey::generate(kid).unwrap();
        let der = key.to_pkcs8().unwrap();
        let whole = NamedTempFile::new_in(folder);
        // If the folder cannot be written, each test makes its own key.
        let _ = whole.and_then(|mut whole| {
            whole.write_all(&der)?;
            Ok(whole.persist(&file)?)
        });
        Self(key)
    }

    pub fn kid(&self) -> &str {
        self.0.kid()
    }

    /// Returns the RSAPublicKey (RFC 8017, appendix A.1.1).
    pub fn public_der(&self) -> &[u8] {
        self.0.public_der()
    }

    pub fn modulus(&self) -> &[u8] {
        self.0.modulus()
    }

    pub fn jwk(&self) -> Value {
        self.0.jwk()
    }

    pub fn header(&self) -> Value {
        json!({ "alg": "RS256", "typ": "at+jwt", "kid": self.kid() })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs these texts unchanged. They need not be JSON.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        self.0.sign_texts(header, claims).unwrap()
    }
}

/// A P-256 key.
#[derive(Debug)]
pub struct EcKey(EcdsaKeyPair);

impl EcKey {
    pub fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        let (x, y) = (base64url_encode(&point[1..33]), base64url_encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": x, "y": y })
    }

    pub fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "kid": kid });
        let input = signing_input(&header.to_string(), &claims.to_string());
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", base64url_encode(signature.as_ref()))
    }
}

/// Returns the bytes that a signature covers (RFC 7515, section 5.1).
pub fn signing_input(header: &str, claims: &str) -> String {
    format!("{}.{}", base64url_encode(header.as_bytes()), base64url_encode(claims.as_bytes()))
}

/// Returns a JWK set of these keys.
pub fn jwks(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

/// Returns the object with these members set; `null` removes a member.
pub fn changed(object: &Value, changes: Value) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => drop(members.remove(name)),
            change => drop(members.insert(name.clone(), change.clone())),
        }
    }
    object
}

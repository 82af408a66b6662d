//! A public JSON Web Key (RFC 7517).

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::{KeyError, SigAlg, VerifyingKey, base64url_decode, base64url_encode};
use crate::digest::Digest;

/// A public key of a trust configuration or a JWKS, checked when it is read.
///
/// Symmetric keys, private keys, and keys that are not for signatures are refused.
#[derive(Clone, Debug, Serialize)]
pub struct Jwk {
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(flatten)]
    material: Material,
    /// Values that are computed once from the material.
    #[serde(skip)]
    derived: Arc<Derived>,
}

#[derive(Debug, Default)]
struct Derived {
    verifying_key: OnceLock<VerifyingKey>,
    thumbprint: OnceLock<String>,
}

impl PartialEq for Jwk {
    fn eq(&self, other: &Self) -> bool {
        (&self.kid, &self.alg, &self.material) == (&other.kid, &other.alg, &other.material)
    }
}

impl Eq for Jwk {}

impl Hash for Jwk {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.kid, &self.alg, &self.material).hash(state);
    }
}

/// The members that RFC 7638 takes into the thumbprint, as they were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub(super) enum Material {
    Okp { crv: String, kty: String, x: String },
    Ec { crv: String, kty: String, x: String, y: String },
    Rsa { e: String, kty: String, n: String },
}

impl Jwk {
    /// Reads a JWK from its JSON text.
    ///
    /// # Errors
    /// A [`KeyError`] that says why the text is not a usable public key for signatures.
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        let members: JwkMembers =
            serde_json::from_str(text).map_err(|error| KeyError::NotAJwk(error.to_string()))?;
        Self::from_members(members)
    }

    /// Returns an Ed25519 public key (RFC 8037, section 2). Its `kid` is the RFC 7638 thumbprint.
    #[must_use]
    pub fn ed25519(public: &[u8; 32]) -> Self {
        let mut jwk = Self {
            kid: None,
            alg: None,
            material: Material::Okp {
                crv: "Ed25519".to_owned(),
                kty: "OKP".to_owned(),
                x: base64url_encode(public),
            },
            derived: Arc::default(),
        };
        jwk.kid = Some(jwk.thumbprint());
        jwk
    }

    fn from_members(members: JwkMembers) -> Result<Self, KeyError> {
        if members.kty == "oct" {
            return Err(KeyError::Symmetric);
        }
        let private = [
            &members.d,
            &members.p,
            &members.q,
            &members.dp,
            &members.dq,
            &members.qi,
            &members.oth,
        ];
        if private.iter().any(|member| member.is_some()) {
            return Err(KeyError::Private);
        }
        let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if members.usage.is_some_and(|usage| usage != "sig")
            || members.key_ops.is_some_and(|ops| !verifies(&ops))
        {
            return Err(KeyError::NotForSignatures);
        }
        let (kty, crv) = (members.kty, members.crv);
        let x = members.x.ok_or(KeyError::Member("x"));
        let material = match (kty.as_str(), crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Material::Okp { crv: "Ed25519".to_owned(), kty, x: x? },
            ("EC", Some("P-256")) => Material::Ec {
                crv: "P-256".to_owned(),
                kty,
                x: x?,
                y: members.y.ok_or(KeyError::Member("y"))?,
            },
            ("RSA", _) => Material::Rsa {
                e: members.e.ok_or(KeyError::Member("e"))?,
                kty,
                n: members.n.ok_or(KeyError::Member("n"))?,
            },
            _ => return Err(KeyError::Unsupported),
        };
        let jwk = Self { kid: members.kid, alg: members.alg, material, derived: Arc::default() };
        jwk.verifying_key()?;
        Ok(jwk)
    }

    /// Returns the key id that the publisher of the key chose.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the same key under another `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = Some(kid.into());
        self
    }

    /// Returns the algorithm of the key's type. Returns `None` if the JWK's own `alg` names another
    /// algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Option<SigAlg> {
        let by_type = match self.material {
            Material::Okp { .. } => SigAlg::EdDSA,
            Material::Ec { .. } => SigAlg::ES256,
            Material::Rsa { .. } => SigAlg::RS256,
        };
        match &self.alg {
            Some(alg) => SigAlg::from_jose(alg).filter(|alg| *alg == by_type),
            None => Some(by_type),
        }
    }

    /// Returns the RFC 7638 SHA-256 thumbprint, as base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let compute = || {
            // `Material` serialises its members in the order that RFC 7638, section 3.2 requires.
            // Each value is base64url or a fixed word, so the text holds no escape.
            let text = serde_json::to_string(&self.material).unwrap_or_default();
            base64url_encode(Digest::of(text.as_bytes()).as_bytes())
        };
        self.derived.thumbprint.get_or_init(compute).clone()
    }

    /// Returns the key in the form that verifies signatures.
    ///
    /// # Errors
    /// [`KeyError`] if a member does not fit the key type.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyError> {
        if let Some(key) = self.derived.verifying_key.get() {
            return Ok(key.clone());
        }
        let decode = |text: &str, name| base64url_decode(text).ok_or(KeyError::Member(name));
        let key = match &self.material {
            Material::Okp { x, .. } => VerifyingKey::ed25519(&decode(x, "x")?),
            Material::Ec { x, y, .. } => VerifyingKey::p256(&decode(x, "x")?, &decode(y, "y")?),
            Material::Rsa { n, e, .. } => VerifyingKey::rsa(&decode(n, "n")?, &decode(e, "e")?),
        }?;
        Ok(self.derived.verifying_key.get_or_init(|| key).clone())
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = JwkMembers::deserialize(deserializer)?;
        Self::from_members(members).map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
struct JwkMembers {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
}

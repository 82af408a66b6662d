//! A set of keys. One bad key does not make the others unusable.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use etdi_types::json::{self, JsonError, Limits};
use etdi_types::text::escaped;
use etdi_types::{Jwk, KeyError, SigAlg, VerifyingKey};

use crate::http::BODY_LIMIT;
use crate::token_error::TokenError;

const LIMITS: Limits = Limits::TOOL.with_depth(16).with_bytes(BODY_LIMIT);

/// The number of withdrawn key ids that are remembered.
const REMEMBERED: usize = 64;

/// The usable keys of a JWKS, and the reasons why the others were skipped.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<UsableKey>,
    /// The same keys as JWKs, for the checks of `etdi_types`.
    jwks: Vec<Jwk>,
    skipped: Vec<SkippedKey>,
    withdrawn: BTreeSet<String>,
}

/// The text is not a JWKS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// The text is not strict JSON.
    #[error("the JWKS is refused: {0}")]
    Json(#[from] JsonError),
    /// The text is not an object with an array `keys`.
    #[error("the JWKS has no array `keys` (RFC 7517, section 5)")]
    NoKeys,
}

/// A key that was skipped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// The place of the key in the set, from 0.
    pub index: usize,
    /// The reason.
    pub why: KeyError,
}

/// A key that can verify signatures.
#[derive(Clone, Debug)]
pub struct UsableKey {
    kid: Option<String>,
    thumbprint: Arc<str>,
    key: VerifyingKey,
}

impl UsableKey {
    /// Returns the key's id, as the issuer chose it.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the algorithm of the signatures that the key verifies.
    #[must_use]
    pub fn algorithm(&self) -> SigAlg {
        self.key.algorithm()
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verifies(message, signature)
    }

    pub(crate) fn thumbprint(&self) -> Arc<str> {
        Arc::clone(&self.thumbprint)
    }
}

impl KeySet {
    /// Reads a JWKS. Skips each key that cannot be used: a key that is symmetric, private, not for
    /// signatures, of an unknown type, too short or malformed, or whose `alg` is not the algorithm
    /// of its type.
    ///
    /// # Errors
    /// A [`KeySetError`] if the text is not a JWKS.
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        let (_, texts) = json::spans(text, LIMITS, &["keys"])?;
        let mut set = Self::from_jwks([]);
        for (index, text) in texts.ok_or(KeySetError::NoKeys)?.into_iter().enumerate() {
            match Jwk::from_json(text).and_then(|jwk| Ok((usable(&jwk)?, jwk))) {
                Ok((key, jwk)) => {
                    set.keys.push(key);
                    set.jwks.push(jwk);
                }
                Err(why) => set.skipped.push(SkippedKey { index, why }),
            }
        }
        Ok(set)
    }

    /// Returns a set of the usable keys in `jwks`, for a program that does not get its keys from a
    /// `jwks_uri`.
    #[must_use]
    pub fn from_jwks(jwks: impl IntoIterator<Item = Jwk>) -> Self {
        let (mut keys, mut kept) = (Vec::new(), Vec::new());
        for jwk in jwks {
            if let Ok(key) = usable(&jwk) {
                keys.push(key);
                kept.push(jwk);
            }
        }
        Self { keys, jwks: kept, skipped: Vec::new(), withdrawn: BTreeSet::new() }
    }

    /// Returns the usable keys.
    #[must_use]
    pub fn keys(&self) -> &[UsableKey] {
        &self.keys
    }

    /// Returns the usable keys as JWKs, in the same order.
    #[must_use]
    pub fn jwks(&self) -> &[Jwk] {
        &self.jwks
    }

    /// Returns the keys that were skipped.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// Returns the ids of the keys that an earlier fetch found and the last fetch did not find; at
    /// most 64.
    pub fn withdrawn(&self) -> impl Iterator<Item = &str> {
        self.withdrawn.iter().map(String::as_str)
    }

    /// Returns whether a usable key has this id.
    #[must_use]
    pub fn has_kid(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    pub(crate) fn has_thumbprint(&self, thumbprint: &str) -> bool {
        self.keys.iter().any(|key| &*key.thumbprint == thumbprint)
    }

    /// Returns the only key with this id and algorithm. Without `kid`, returns the only key with
    /// this algorithm.
    pub(crate) fn select(
        &self,
        kid: Option<&str>,
        algorithm: SigAlg,
    ) -> Result<&UsableKey, TokenError> {
        let named = |key: &&UsableKey| kid.is_none() || key.kid() == kid;
        let mut fitting = self.keys.iter().filter(named).filter(|key| key.algorithm() == algorithm);
        let owned = || kid.map(str::to_owned);
        match (fitting.next(), fitting.next(), kid) {
            (Some(key), None, _) => Ok(key),
            (Some(_), Some(_), _) => Err(TokenError::AmbiguousKey { kid: owned() }),
            (None, _, Some(kid)) if self.has_kid(kid) => Err(TokenError::KeyForAnotherAlgorithm {
                kid: kid.to_owned(),
                algorithm: algorithm.to_string(),
            }),
            (None, _, Some(kid)) if self.withdrawn.contains(kid) => {
                Err(TokenError::KeyWithdrawn { kid: kid.to_owned() })
            }
            (None, _, _) => Err(TokenError::UnknownKey { kid: owned() }),
        }
    }

    /// Returns this set, and marks the keys of `before` that it lacks as withdrawn.
    pub(super) fn after(mut self, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            let known = before.keys.iter().filter_map(UsableKey::kid);
            self.withdrawn = known
                .chain(before.withdrawn())
                .filter(|kid| !self.has_kid(kid))
                .map(str::to_owned)
                .take(REMEMBERED)
                .collect();
        }
        self
    }
}

fn usable(jwk: &Jwk) -> Result<UsableKey, KeyError> {
    // Skip a JWK whose `alg` is not the algorithm of its type, for example `RS512` or `PS256`.
    jwk.algorithm().ok_or(KeyError::Unsupported)?;
    Ok(UsableKey {
        kid: jwk.kid().map(str::to_owned),
        thumbprint: jwk.thumbprint().into(),
        key: jwk.verifying_key()?,
    })
}

impl Display for SkippedKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let why = self.why.to_string();
        write!(f, "key {}: {}", self.index, escaped(&why))
    }
}

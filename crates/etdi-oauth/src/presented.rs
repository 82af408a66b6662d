//! Verifies presented tokens. Remembers which of them are good, and which ones this program has
//! revoked.

use etdi_types::Digest;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::issuer_rules::IssuerRules;
use crate::jwks::{JwksClient, JwksError, KeySet};
use crate::token_error::TokenError;
use crate::validation::VerifiedToken;

/// The number of verified tokens that are remembered, and the number of revoked ones.
const REMEMBERED_TOKENS: u64 = 10_000;

/// The tokens that were presented, by their SHA-256.
pub(crate) struct PresentedTokens {
    /// Tokens whose signature was verified. The expectations, the time and the key are checked at
    /// each use.
    verified: Cache<[u8; 32], VerifiedToken>,
    /// Tokens that were revoked. The signature of a revoked JWT stays good. The tokens that were
    /// revoked last are kept.
    revoked: Cache<[u8; 32], ()>,
}

/// The reason why a token is not verified.
pub(crate) enum NotVerified {
    /// The token is refused.
    Refused(TokenError),
    /// The keys cannot be fetched.
    NoKeys(JwksError),
}

impl PresentedTokens {
    pub(crate) fn new() -> Self {
        Self {
            verified: Cache::new(REMEMBERED_TOKENS),
            revoked: Cache::builder()
                .max_capacity(REMEMBERED_TOKENS)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
        }
    }

    /// Verifies a token with the keys of `jwks`.
    pub(crate) async fn verify(
        &self,
        token: &str,
        rules: &IssuerRules,
        jwks: &JwksClient,
    ) -> Result<VerifiedToken, NotVerified> {
        let digest = digest(token);
        if self.revoked.contains_key(&digest) {
            return Err(NotVerified::Refused(TokenError::Revoked));
        }
        if let (Some(verified), Some(keys)) = (self.verified.get(&digest), jwks.current())
            && verified.is_backed_by(&keys)
        {
            return Ok(verified);
        }
        let verify = |keys: &KeySet| VerifiedToken::verify(token, rules, keys);
        let keys = jwks.keys().await.map_err(NotVerified::NoKeys)?;
        let verified = match verify(&keys) {
            // All checks that do not need the key have passed, so the issuer may have changed its
            // keys.
            Err(TokenError::UnknownKey { kid: Some(kid) } | TokenError::KeyWithdrawn { kid }) => {
                let keys = jwks.keys_with(Some(&kid)).await;
                verify(&*keys.map_err(NotVerified::NoKeys)?)
            }
            result => result,
        };
        let verified = verified.map_err(NotVerified::Refused)?;
        self.verified.insert(digest, verified.clone());
        Ok(verified)
    }

    /// Refuses this token from now on.
    pub(crate) fn revoke(&self, token: &str) {
        self.revoked.insert(digest(token), ());
    }

    /// Forgets which tokens are good. A revoked token stays refused.
    pub(crate) fn clear(&self) {
        self.verified.invalidate_all();
    }
}

fn digest(token: &str) -> [u8; 32] {
    *Digest::of(token.as_bytes()).as_bytes()
}

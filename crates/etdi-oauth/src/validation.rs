//! The single function that validates tokens (wire format, section 8).
//!
//! The issuer's configuration fixes the algorithms, the key narrows them, and the token's header
//! never chooses them. A check fails if the claim that it needs is missing.

mod claims;
mod principal;

use std::sync::Arc;

use etdi_types::SigAlg;
use etdi_types::json::Object;
use time::OffsetDateTime;

use crate::claims::{Confirmation, issuer};
use crate::issuer_rules::IssuerRules;
use crate::jwks::KeySet;
use crate::jwt::{self, Jwt};
use crate::token_error::TokenError;

use claims::Claims;

pub use principal::{Expectations, Principal};

/// Validates `token`. The token must be by the issuer of `rules`, and signed by one of `keys` with
/// an algorithm that `rules` allow. It must be valid at `now`, and have the audience and the scopes
/// of `expected`.
///
/// # Errors
/// A [`TokenError`] with the reason why the token is refused.
pub fn validate(
    token: &str,
    rules: &IssuerRules,
    keys: &KeySet,
    expected: &Expectations,
    now: OffsetDateTime,
) -> Result<Principal, TokenError> {
    VerifiedToken::verify(token, rules, keys)?.check(expected, now)
}

/// A token with a valid signature and well-formed claims. The expectations and the time are checked
/// at each use.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedToken {
    claims: Arc<Claims>,
    /// The thumbprint of the key that signed the token.
    key: Arc<str>,
}

impl VerifiedToken {
    pub(crate) fn verify(
        token: &str,
        rules: &IssuerRules,
        keys: &KeySet,
    ) -> Result<Self, TokenError> {
        let jwt = Jwt::parse(token)?;
        let claims = jwt.claims()?;
        let claims = jwt::object(&claims)?;
        let key = verify_signature(&jwt, claims, rules, keys)?;
        Ok(Self { claims: Arc::new(Claims::read(claims, rules)?), key })
    }

    /// Returns whether the key that signed the token is still published.
    pub(crate) fn is_backed_by(&self, keys: &KeySet) -> bool {
        keys.has_thumbprint(&self.key)
    }

    pub(crate) fn check(
        &self,
        expected: &Expectations,
        now: OffsetDateTime,
    ) -> Result<Principal, TokenError> {
        let claims = &self.claims;
        if expected.accepted(&claims.audience).is_none() {
            return Err(TokenError::WrongAudience {
                expected: expected.audience_text(),
                found: claims.audience.clone(),
            });
        }
        match (&claims.binding, expected.proven_key_thumbprint()) {
            (Confirmation::None, None) => {}
            (Confirmation::Thumbprint(bound), Some(proven)) if bound == proven => {}
            _ => return Err(TokenError::SenderConstrained),
        }
        claims.times.check(now)?;
        let missing = expected.missing(&claims.scopes);
        if missing.is_empty() {
            Ok(Principal::new(Arc::clone(claims)))
        } else {
            Err(TokenError::InsufficientScope { missing })
        }
    }
}

/// Checks the issuer, `typ`, algorithm and signature of a token, which do not depend on its use.
/// Returns the thumbprint of the key.
pub(crate) fn verify_signature(
    jwt: &Jwt<'_>,
    claims: &Object<'_>,
    rules: &IssuerRules,
    keys: &KeySet,
) -> Result<Arc<str>, TokenError> {
    // Check the issuer first: a token of another issuer would otherwise fail with an unknown key.
    let found = issuer(claims)?;
    if found != rules.issuer() {
        return Err(TokenError::WrongIssuer { expected: rules.issuer().to_owned(), found });
    }
    check_typ(jwt.header.typ.as_deref())?;
    let algorithm = SigAlg::from_jose(&jwt.header.alg)
        .filter(|algorithm| rules.allowed_algorithms().contains(algorithm))
        .ok_or_else(|| TokenError::WrongAlgorithm {
            found: jwt.header.alg.clone(),
            allowed: names(rules.allowed_algorithms()),
        })?;
    let key = keys.select(jwt.header.kid.as_deref(), algorithm)?;
    if key.verifies(jwt.signing_input.as_bytes(), &jwt.signature) {
        Ok(key.thumbprint())
    } else {
        Err(TokenError::BadSignature)
    }
}

fn names(algorithms: &[SigAlg]) -> String {
    let names: Vec<_> = algorithms.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// Accepts a header without `typ`, or with the `typ` `JWT` or `at+jwt` (RFC 9068, section 2.1).
/// Case and a leading `application/` are ignored (RFC 7515, section 4.1.9).
fn check_typ(typ: Option<&str>) -> Result<(), TokenError> {
    let Some(typ) = typ else {
        return Ok(());
    };
    let lower = typ.to_ascii_lowercase();
    match lower.strip_prefix("application/").unwrap_or(&lower) {
        "jwt" | "at+jwt" => Ok(()),
        _ => Err(TokenError::WrongType { found: typ.to_owned() }),
    }
}

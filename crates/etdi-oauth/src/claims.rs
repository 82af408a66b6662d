//! Reads single claims of a token strictly (wire format, sections 4 and 8).

use std::collections::BTreeSet;

use etdi_types::Scope;
use etdi_types::json::{Number, Object, Value};
use time::OffsetDateTime;

use crate::instants::{self, instant};
use crate::token_error::TokenError;

/// 2^53: the largest NumericDate that is accepted.
const MAX_DATE: f64 = 9_007_199_254_740_992.0;

/// 2^53 − 1: the largest integer that each JSON reader reads as the same number.
const MAX_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The difference between two clocks that is tolerated, in seconds.
const LEEWAY: f64 = 60.0;

/// `exp`, `iat` and `nbf` in seconds after the epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) expires: f64,
    pub(crate) issued: f64,
    not_before: Option<f64>,
}

impl Times {
    pub(crate) fn read(claims: &Object<'_>) -> Result<Self, TokenError> {
        let required = |name| date(claims, name)?.ok_or(TokenError::MissingClaim(name));
        Ok(Self {
            expires: required("exp")?,
            issued: required("iat")?,
            not_before: date(claims, "nbf")?,
        })
    }

    /// Accepts if `now < exp + 60`, `nbf ≤ now + 60`, `iat ≤ now + 60`. Expiry is checked last: a
    /// token that is expired and also not yet valid is reported as not yet valid.
    pub(crate) fn check(&self, now: OffsetDateTime) -> Result<(), TokenError> {
        let now = instants::date(now);
        let early = |claim, date: f64| {
            (date > now + LEEWAY).then(|| TokenError::NotYetValid { claim, from: instant(date) })
        };
        let too_early = early("nbf", self.not_before.unwrap_or(f64::MIN));
        if let Some(error) = too_early.or_else(|| early("iat", self.issued)) {
            return Err(error);
        }
        if now < self.expires + LEEWAY {
            Ok(())
        } else {
            Err(TokenError::Expired { since: instant(self.expires) })
        }
    }
}

/// The `cnf` claim (RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// The token has no `cnf`, so it is a bearer token.
    None,
    /// `jkt`: the RFC 7638 thumbprint of the key that the token is bound to (RFC 9449).
    Thumbprint(String),
    /// A `cnf` without `jkt`: another method of confirmation, for example mutual TLS.
    Other,
}

impl Confirmation {
    pub(crate) fn read(claims: &Object<'_>) -> Result<Self, TokenError> {
        let Some(cnf) = claims.get("cnf") else {
            return Ok(Self::None);
        };
        let cnf = cnf.as_object().ok_or_else(|| malformed("cnf", "an object", cnf))?;
        match cnf.get("jkt") {
            None => Ok(Self::Other),
            Some(Value::String(thumbprint)) => Ok(Self::Thumbprint(thumbprint.to_string())),
            Some(other) => Err(malformed("cnf", "an object with a string `jkt`", other)),
        }
    }
}

/// Reads `iss`, the issuer that the token names: one string.
pub(crate) fn issuer(claims: &Object<'_>) -> Result<String, TokenError> {
    required_text(claims, "iss")
}

/// Reads `aud`: one string, or an array of strings that is not empty.
pub(crate) fn audience(claims: &Object<'_>) -> Result<Vec<String>, TokenError> {
    const EXPECTED: &str = "a string or an array of strings";
    match claims.get("aud") {
        None => Err(TokenError::MissingClaim("aud")),
        Some(Value::String(one)) => Ok(vec![one.to_string()]),
        Some(value @ Value::Array(many)) if !many.is_empty() => many
            .iter()
            .map(|one| one.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| malformed("aud", EXPECTED, value)),
        Some(other) => Err(malformed("aud", EXPECTED, other)),
    }
}

/// Reads the scopes of one claim: a string with single spaces between the scopes, or an array of
/// strings. Returns an empty set if the claim is absent.
pub(crate) fn scope_claim(
    claims: &Object<'_>,
    name: &'static str,
) -> Result<BTreeSet<String>, TokenError> {
    const EXPECTED: &str = "scope tokens (RFC 6749, section 3.3) with single spaces between them";
    let refuse = |value: &Value<'_>| malformed(name, EXPECTED, value);
    let Some(value) = claims.get(name) else {
        return Ok(BTreeSet::new());
    };
    let tokens: Vec<&str> = match value {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => text.split(' ').collect(),
        Value::Array(many) => {
            many.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(|| refuse(value))?
        }
        _ => return Err(refuse(value)),
    };
    let scope = |token: &str| token.parse::<Scope>().map(|scope| scope.to_string());
    tokens.into_iter().map(scope).collect::<Result<_, _>>().map_err(|_| refuse(value))
}

fn date(claims: &Object<'_>, name: &'static str) -> Result<Option<f64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(Number { value, integer, .. }))
            if *value <= if *integer { MAX_INTEGER } else { MAX_DATE } =>
        {
            Ok(Some(*value))
        }
        Some(other) => Err(malformed(name, "a number of at most 2^53", other)),
    }
}

/// Reads a string that is not empty, if the claim is there.
pub(crate) fn text(claims: &Object<'_>, name: &'static str) -> Result<Option<String>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.to_string())),
        Some(other) => Err(malformed(name, "a string that is not empty", other)),
    }
}

/// Reads a string that is not empty. Fails if the claim is missing.
pub(crate) fn required_text(claims: &Object<'_>, name: &'static str) -> Result<String, TokenError> {
    text(claims, name)?.ok_or(TokenError::MissingClaim(name))
}

fn malformed(claim: &'static str, expected: &'static str, found: &Value<'_>) -> TokenError {
    TokenError::MalformedClaim { claim, expected, found: found.kind() }
}

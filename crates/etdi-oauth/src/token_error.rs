//! The reasons why a token is refused.

use etdi_types::text::escaped;
use time::OffsetDateTime;

use crate::remedy;

/// A token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token does not have three parts with dots between them: it is opaque or encrypted.
    #[error("the token is not a signed JWT; {}", remedy::NOT_A_JWT)]
    NotAJwt,
    /// A part is not base64url or not strict JSON; the text names the part.
    #[error("the token is malformed: {}; {}", .0, remedy::NEW_TOKEN)]
    Malformed(String),
    /// The header has `crit`: the token needs an extension that this crate does not support (RFC
    /// 7515, section 4.1.11).
    #[error("the token's header has `crit`, and this program understands no extensions")]
    Critical,
    /// The header's `typ` names another kind of token.
    #[error(
        "the token's typ is \"{}\", not JWT or at+jwt; {}",
        escaped(found),
        remedy::ACCESS_TOKEN
    )]
    WrongType {
        /// The header's `typ`.
        found: String,
    },
    /// The token names an algorithm that the configuration does not allow, for example `none` or
    /// HMAC.
    #[error(
        "the token's algorithm \"{}\" is not allowed (allowed: {allowed}); {}",
        escaped(found),
        remedy::algorithm(allowed)
    )]
    WrongAlgorithm {
        /// The header's `alg`.
        found: String,
        /// The algorithms that the configuration allows.
        allowed: String,
    },
    /// The issuer's key with this `kid` is for another algorithm.
    #[error("the issuer's key \"{}\" is not for the token's algorithm {algorithm}", escaped(kid))]
    KeyForAnotherAlgorithm {
        /// The header's `kid`.
        kid: String,
        /// The header's `alg`.
        algorithm: String,
    },
    /// No key of the issuer has the `kid` of the token's header; or the header has no `kid`, and no
    /// key has the token's algorithm.
    #[error("the issuer publishes no key {}; {}", shown(kid), remedy::UNKNOWN_KEY)]
    UnknownKey {
        /// The header's `kid`, if there is one.
        kid: Option<String>,
    },
    /// The issuer published this key before and has removed it.
    #[error("the issuer has withdrawn its key \"{}\"; {}", escaped(kid), remedy::NEW_TOKEN)]
    KeyWithdrawn {
        /// The header's `kid`.
        kid: String,
    },
    /// Two keys of the issuer fit the token.
    #[error(
        "two keys of the issuer fit the token, {}; the issuer must give each its own kid",
        shown(kid)
    )]
    AmbiguousKey {
        /// The header's `kid`, if there is one.
        kid: Option<String>,
    },
    /// This program has revoked the token.
    #[error("the token was revoked; {}", remedy::NEW_TOKEN)]
    Revoked,
    /// The key did not make this signature.
    #[error("the token's signature does not verify; {}", remedy::NEW_TOKEN)]
    BadSignature,
    /// A required claim is missing.
    #[error("the token lacks the claim `{0}`; the issuer must set it")]
    MissingClaim(&'static str),
    /// A claim has the wrong form.
    #[error("the token's claim `{claim}` must be {expected}, but it is {found}")]
    MalformedClaim {
        /// The claim.
        claim: &'static str,
        /// The required form.
        expected: &'static str,
        /// The form that was found, in words.
        found: &'static str,
    },
    /// The token is by another issuer. Names are compared as bytes.
    #[error(
        "the token's issuer is \"{}\", not \"{}\"; {}",
        escaped(found),
        escaped(expected),
        remedy::ISSUER
    )]
    WrongIssuer {
        /// The configured issuer.
        expected: String,
        /// The issuer in the token.
        found: String,
    },
    /// The token is for another audience. Audiences are compared as bytes.
    #[error("the token's audience is \"{}\", not \"{}\"; {}", escaped(&found.join("\", \"")),
        escaped(expected), remedy::AUDIENCE)]
    WrongAudience {
        /// The expected audience; several with ` or ` between them.
        expected: String,
        /// The audiences in the token.
        found: Vec<String>,
    },
    /// The token has expired.
    #[error("the token expired at {since}; {}", remedy::NEW_TOKEN)]
    Expired {
        /// The time at which the token expired.
        since: OffsetDateTime,
    },
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid before {from} (`{claim}`); {}", remedy::CLOCK)]
    NotYetValid {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// The instant in that claim.
        from: OffsetDateTime,
    },
    /// The claims that name the client contradict each other, or name a user.
    #[error("the token does not name its client: {reason}")]
    ContradictoryClient {
        /// The claims, and how they contradict each other.
        reason: &'static str,
    },
    /// The token is bound to a key (`cnf`) that the caller has not proven; or the caller has proven
    /// a key, and the token is not bound to this key.
    #[error(
        "the token is bound to a key, and the presenter has not proven that key; \
        request a token without DPoP or mutual TLS"
    )]
    SenderConstrained,
    /// The token lacks scopes.
    #[error("the token lacks the scope \"{}\"; {}", escaped(&missing.join(" ")), remedy::SCOPE)]
    InsufficientScope {
        /// All missing scopes, sorted.
        missing: Vec<String>,
    },
}

impl TokenError {
    /// Returns the error code for a challenge (RFC 6750, section 3.1).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InsufficientScope { .. } => "insufficient_scope",
            _ => "invalid_token",
        }
    }

    /// Returns the HTTP status for a challenge (RFC 6750, section 3.1).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::InsufficientScope { .. } => 403,
            _ => 401,
        }
    }

    /// Returns the next step, in words.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NotAJwt => remedy::NOT_A_JWT.to_owned(),
            Self::WrongAlgorithm { allowed, .. } => remedy::algorithm(allowed),
            Self::WrongType { .. } => remedy::ACCESS_TOKEN.to_owned(),
            Self::UnknownKey { .. } => remedy::UNKNOWN_KEY.to_owned(),
            Self::WrongIssuer { .. } => remedy::ISSUER.to_owned(),
            Self::WrongAudience { .. } => remedy::AUDIENCE.to_owned(),
            Self::NotYetValid { .. } => remedy::CLOCK.to_owned(),
            Self::InsufficientScope { .. } => remedy::SCOPE.to_owned(),
            _ => remedy::NEW_TOKEN.to_owned(),
        }
    }
}

fn shown(kid: &Option<String>) -> String {
    match kid {
        Some(kid) => format!("with the kid \"{}\"", escaped(kid)),
        None => "without a kid".to_owned(),
    }
}

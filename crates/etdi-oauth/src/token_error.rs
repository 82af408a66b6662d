//! Why a token is refused.

use etdi_types::text::escaped;
use time::OffsetDateTime;

use crate::remedy;

/// A token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not three parts with dots between them: an opaque or an encrypted token.
    #[error("the token is not a signed JWT; {}", remedy::NOT_A_JWT)]
    NotAJwt,
    /// A part that is not base64url or not strict JSON; the text says which.
    #[error("the token is malformed: {}; {}", .0, remedy::NEW_TOKEN)]
    Malformed(String),
    /// A `crit` header: an extension that must be understood, and is not (RFC 7515, 4.1.11).
    #[error("the token's header has `crit`, and no extension is understood here")]
    Critical,
    /// Another kind of token.
    #[error(
        "the token's typ is \"{}\", not JWT or at+jwt; {}",
        escaped(found),
        remedy::ACCESS_TOKEN
    )]
    WrongType {
        /// The header's `typ`.
        found: String,
    },
    /// An algorithm that the configuration does not allow, `none` and the HMACs among them.
    #[error(
        "the token's algorithm \"{}\" is not allowed (allowed: {allowed}); {}",
        escaped(found),
        remedy::algorithm(allowed)
    )]
    WrongAlgorithm {
        /// The header's `alg`.
        found: String,
        /// What the configuration allows.
        allowed: String,
    },
    /// The key exists, for another algorithm.
    #[error("the issuer's key \"{}\" is not for the token's algorithm {algorithm}", escaped(kid))]
    KeyForAnotherAlgorithm {
        /// The header's `kid`.
        kid: String,
        /// The header's `alg`.
        algorithm: String,
    },
    /// No key of the issuer has the `kid` of the token's header.
    #[error("the issuer publishes no key {}; {}", shown(kid), remedy::UNKNOWN_KEY)]
    UnknownKey {
        /// The header's `kid`, if there is one.
        kid: Option<String>,
    },
    /// The issuer has published this key before, and does not any more.
    #[error("the issuer has withdrawn its key \"{}\"; {}", escaped(kid), remedy::NEW_TOKEN)]
    KeyWithdrawn {
        /// The header's `kid`.
        kid: String,
    },
    /// Two keys of the issuer fit.
    #[error(
        "two keys of the issuer fit the token, {}; the issuer must give each its own kid",
        shown(kid)
    )]
    AmbiguousKey {
        /// The header's `kid`, if there is one.
        kid: Option<String>,
    },
    /// The key did not make this signature.
    #[error("the token's signature does not verify; {}", remedy::NEW_TOKEN)]
    BadSignature,
    /// A claim that must be there is not.
    #[error("the token lacks the claim `{0}`; the issuer must set it")]
    MissingClaim(&'static str),
    /// A claim of the wrong form.
    #[error("the token's claim `{claim}` must be {expected}, and it is {found}")]
    MalformedClaim {
        /// Which.
        claim: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is, in words.
        found: &'static str,
    },
    /// Another issuer, compared as bytes.
    #[error(
        "the token's issuer is \"{}\", not \"{}\"; {}",
        escaped(found),
        escaped(expected),
        remedy::ISSUER
    )]
    WrongIssuer {
        /// The configured issuer.
        expected: String,
        /// The token's.
        found: String,
    },
    /// Another audience, compared as bytes.
    #[error("the token's audience is \"{}\", not \"{}\"; {}", escaped(&found.join("\", \"")),
        escaped(expected), remedy::AUDIENCE)]
    WrongAudience {
        /// What was expected.
        expected: String,
        /// The token's.
        found: Vec<String>,
    },
    /// It has run out.
    #[error("the token expired at {since}; {}", remedy::NEW_TOKEN)]
    Expired {
        /// When.
        since: OffsetDateTime,
    },
    /// `nbf` or `iat` lies ahead.
    #[error("the token is not valid before {from} (`{claim}`); {}", remedy::CLOCK)]
    NotYetValid {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// That instant.
        from: OffsetDateTime,
    },
    /// The claims that name the client contradict each other, or name a user.
    #[error("the token does not name its client: {reason}")]
    ContradictoryClient {
        /// Which claims, and how.
        reason: &'static str,
    },
    /// Bound to a key (`cnf`), and no proof of that key was given; or the other way round.
    #[error(
        "the token is bound to a key, and the presenter has not proven that key; \
        request a token without DPoP or mutual TLS"
    )]
    SenderConstrained,
    /// Scopes that are missing, all of them.
    #[error("the token lacks the scope \"{}\"; {}", escaped(&missing.join(" ")), remedy::SCOPE)]
    InsufficientScope {
        /// All that are missing, sorted.
        missing: Vec<String>,
    },
}

impl TokenError {
    /// The error code for a challenge (RFC 6750, section 3.1).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InsufficientScope { .. } => "insufficient_scope",
            _ => "invalid_token",
        }
    }

    /// The HTTP status for a challenge (RFC 6750, section 3.1).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::InsufficientScope { .. } => 403,
            _ => 401,
        }
    }

    /// What to do about it, in words.
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

//! Events about callers and tokens. None of them has a member for a token or a secret.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A caller was authenticated and had the scopes that were asked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuthSuccess {
    /// The issuer that vouches for the caller.
    pub issuer: String,
    /// The subject of its token.
    pub subject: String,
    /// The client that acts, if the token names one.
    pub client: Option<String>,
    /// The audience that was expected.
    pub audience: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
}

constructor!(AuthSuccess { issuer: impl Into<String>, subject: impl Into<String>, audience: impl Into<String>; client, scopes });

/// A caller was refused, or a token could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuthFailure {
    /// The issuer, as far as it is known. Unverified text if the token was refused.
    pub issuer: Option<String>,
    /// The client, as far as it is known. Unverified text if the token was refused.
    pub client: Option<String>,
    /// The audience that was expected.
    pub audience: Option<String>,
    /// The error code of RFC 6749 section 5.2 or RFC 6750 section 3.1; `no_token` or
    /// `foreign_session` where there is none.
    pub code: String,
    /// What was wrong.
    pub reason: String,
    /// Every scope that was missing.
    pub missing_scopes: Vec<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

constructor!(AuthFailure { code: impl Into<String>, reason: impl Into<String>; issuer, client, audience, missing_scopes, remedy });

/// An identity provider issued a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenAcquired {
    /// The issuer.
    pub issuer: String,
    /// The client it was issued to.
    pub client: String,
    /// The audience it is for.
    pub audience: Option<String>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// When it runs out.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

constructor!(TokenAcquired { issuer: impl Into<String>, client: impl Into<String>, expires: OffsetDateTime; audience, scopes });

/// A token passed validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenValidated {
    /// The issuer.
    pub issuer: String,
    /// The subject.
    pub subject: String,
    /// The client it was issued to, if the token names one.
    pub client: Option<String>,
    /// The audience that was expected.
    pub audience: String,
    /// The scopes it carries.
    pub scopes: Vec<String>,
    /// When it runs out.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

constructor!(TokenValidated { issuer: impl Into<String>, subject: impl Into<String>, audience: impl Into<String>, expires: OffsetDateTime; client, scopes });

/// A token was replaced ahead of its expiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenRefreshed {
    /// The issuer.
    pub issuer: String,
    /// The client it was issued to.
    pub client: String,
    /// The audience it is for.
    pub audience: Option<String>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// When the new token runs out.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

constructor!(TokenRefreshed { issuer: impl Into<String>, client: impl Into<String>, expires: OffsetDateTime; audience, scopes });

/// A token ran out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenExpired {
    /// The issuer.
    pub issuer: String,
    /// The client it was issued to.
    pub client: Option<String>,
    /// The audience it was for.
    pub audience: Option<String>,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

constructor!(TokenExpired { issuer: impl Into<String>, since: OffsetDateTime; client, audience });

/// A token was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenRevoked {
    /// The issuer.
    pub issuer: String,
    /// The client it was issued to.
    pub client: Option<String>,
    /// The audience it was for.
    pub audience: Option<String>,
    /// Why, if that is known.
    pub reason: Option<String>,
}

constructor!(TokenRevoked { issuer: impl Into<String>; client, audience, reason });

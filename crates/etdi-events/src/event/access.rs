//! Events about callers and tokens. No event has a member for a token or a secret.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A caller was authenticated and had the required scopes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuthSuccess {
    /// The issuer that vouches for the caller.
    pub issuer: String,
    /// The subject of the caller's token.
    pub subject: String,
    /// The client that acts, if the token names one.
    pub client: Option<String>,
    /// The audience of the caller's token, separated by spaces if there are several.
    pub audience: String,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
}

constructor!(AuthSuccess { issuer: impl Into<String>, subject: impl Into<String>, audience: impl Into<String>; client, scopes });

/// A caller was refused, or a token could not be obtained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuthFailure {
    /// The issuer, as far as it is known. Unverified text if the token was refused.
    pub issuer: Option<String>,
    /// The client, as far as it is known. Unverified text if the token was refused.
    pub client: Option<String>,
    /// The expected audience.
    pub audience: Option<String>,
    /// An error code of RFC 6749 (section 5.2) or RFC 6750 (section 3.1), or one of three other
    /// codes: `no_token`, `foreign_session` or `temporarily_unavailable`.
    pub code: String,
    /// The reason for the refusal or failure.
    pub reason: String,
    /// All scopes that were missing.
    pub missing_scopes: Vec<String>,
    /// The step that would fix the failure.
    pub remedy: Option<String>,
}

constructor!(AuthFailure { code: impl Into<String>, reason: impl Into<String>; issuer, client, audience, missing_scopes, remedy });

/// An identity provider issued a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenAcquired {
    /// The issuer.
    pub issuer: String,
    /// The client to which it was issued.
    pub client: String,
    /// The audience for which it is valid.
    pub audience: Option<String>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// The time at which it expires.
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
    /// The client to which it was issued, if the token names one.
    pub client: Option<String>,
    /// The expected audience.
    pub audience: String,
    /// The scopes that the token holds.
    pub scopes: Vec<String>,
    /// The time at which it expires.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

constructor!(TokenValidated { issuer: impl Into<String>, subject: impl Into<String>, audience: impl Into<String>, expires: OffsetDateTime; client, scopes });

/// A token was replaced before it expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenRefreshed {
    /// The issuer.
    pub issuer: String,
    /// The client to which it was issued.
    pub client: String,
    /// The audience for which it is valid.
    pub audience: Option<String>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// The time at which the new token expires.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

constructor!(TokenRefreshed { issuer: impl Into<String>, client: impl Into<String>, expires: OffsetDateTime; audience, scopes });

/// A token has expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenExpired {
    /// The issuer.
    pub issuer: String,
    /// The client to which it was issued.
    pub client: Option<String>,
    /// The audience for which it was valid.
    pub audience: Option<String>,
    /// The time at which it expired.
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
    /// The client to which it was issued.
    pub client: Option<String>,
    /// The audience for which it was valid.
    pub audience: Option<String>,
    /// The reason, if it is known.
    pub reason: Option<String>,
}

constructor!(TokenRevoked { issuer: impl Into<String>; client, audience, reason });

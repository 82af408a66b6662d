//! Events about callers and tokens. None of them has a member for a token or a secret.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A caller was authenticated and had the scopes that were asked of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A caller was refused, or a token could not be had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// An identity provider issued a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A token passed validation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A token was replaced ahead of its expiry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A token ran out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A token was revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

const EPOCH: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

impl Default for TokenAcquired {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client: String::new(),
            audience: None,
            scopes: Vec::new(),
            expires: EPOCH,
        }
    }
}

impl Default for TokenValidated {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            subject: String::new(),
            client: None,
            audience: String::new(),
            scopes: Vec::new(),
            expires: EPOCH,
        }
    }
}

impl Default for TokenRefreshed {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client: String::new(),
            audience: None,
            scopes: Vec::new(),
            expires: EPOCH,
        }
    }
}

impl Default for TokenExpired {
    fn default() -> Self {
        Self { issuer: String::new(), client: None, audience: None, since: EPOCH }
    }
}

//! The errors of identity providers.

use std::time::Duration;

use etdi_types::text::escaped;

use crate::attestation::AttestationError;
use crate::config::ConfigError;
use crate::discovery::DiscoveryError;
use crate::flight::Interrupted;
use crate::http::HttpError;
use crate::jwks::JwksError;
use crate::token_error::TokenError;

/// A failure of an identity provider, or of a token.
///
/// A message includes the next step if there is one, and never a token or a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OAuthError {
    /// The configuration, or the request, cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A token is refused.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The publisher's own check refuses the attestation that the issuer gave.
    #[error("cannot publish the issuer's attestation: {0}")]
    Attestation(#[from] AttestationError),
    /// The issuer's keys cannot be fetched.
    #[error("{source}; {remedy}")]
    Jwks {
        /// The reason.
        source: JwksError,
        /// The next step.
        remedy: &'static str,
    },
    /// The issuer's endpoints cannot be found.
    #[error("{source}; {remedy}")]
    Discovery {
        /// The reason.
        source: DiscoveryError,
        /// The next step.
        remedy: &'static str,
    },
    /// The issuer does not accept the client's credentials.
    #[error(
        "the issuer does not accept the client \"{}\" ({status} invalid_client){}; {remedy}",
        escaped(client),
        said(description)
    )]
    InvalidClient {
        /// The client's id.
        client: String,
        /// The issuer's own description.
        description: String,
        /// The HTTP status.
        status: u16,
        /// The next step.
        remedy: &'static str,
    },
    /// The issuer knows the client, but refuses this request.
    #[error(
        "the issuer refuses the client \"{}\" ({}){}; {remedy}",
        escaped(client),
        answer(*status, code),
        said(description)
    )]
    UnauthorizedClient {
        /// The client's id.
        client: String,
        /// The error code of RFC 6749, section 5.2, or the issuer's own.
        code: String,
        /// The issuer's own description.
        description: String,
        /// The HTTP status.
        status: u16,
        /// The next step.
        remedy: &'static str,
    },
    /// The issuer has no API with this name.
    #[error(
        "the issuer has no API \"{}\" for this client ({}){}; {remedy}",
        escaped(audience),
        answer(*status, code),
        said(description)
    )]
    WrongAudience {
        /// The audience that was asked for.
        audience: String,
        /// The error code.
        code: String,
        /// The issuer's own description.
        description: String,
        /// The HTTP status.
        status: u16,
        /// The next step.
        remedy: &'static str,
    },
    /// A requested scope does not exist, or the client may not have it.
    #[error(
        "the issuer refuses the scopes \"{}\" ({}){}; {remedy}",
        escaped(&scopes.join(" ")),
        answer(*status, code),
        said(description)
    )]
    InvalidScope {
        /// The scopes that were asked for.
        scopes: Vec<String>,
        /// The error code: `invalid_scope`, or the issuer's own.
        code: String,
        /// The issuer's own description.
        description: String,
        /// The HTTP status.
        status: u16,
        /// The next step.
        remedy: String,
    },
    /// The issuer granted fewer scopes than were asked for.
    #[error("the issuer did not grant \"{}\" (insufficient_scope); {remedy}", escaped(&missing.join(" ")))]
    InsufficientScope {
        /// All missing scopes, sorted.
        missing: Vec<String>,
        /// The scopes that were granted.
        granted: Vec<String>,
        /// The next step.
        remedy: String,
    },
    /// Too many requests.
    #[error("the issuer limits the rate of requests; {}", wait(retry_after))]
    RateLimited {
        /// The time for which the provider sends no request: as the issuer says, at most an hour;
        /// 10 seconds if the issuer does not say.
        retry_after: Option<Duration>,
    },
    /// No answer from the issuer.
    #[error("cannot reach the issuer: {source}; {remedy}")]
    Unreachable {
        /// The reason.
        source: HttpError,
        /// The next step.
        remedy: &'static str,
    },
    /// The issuer failed.
    #[error("the issuer failed with status {status}; {}", wait(retry_after))]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// The time for which the provider sends no request, if the issuer names one; at most an
        /// hour.
        retry_after: Option<Duration>,
    },
    /// Any other refusal.
    #[error(
        "the issuer refused the request ({}){}{}",
        answer(*status, code),
        said(description),
        unexplained(code, description)
    )]
    Refused {
        /// The error code of RFC 6749, section 5.2; empty if the answer has no code.
        code: String,
        /// The issuer's own description.
        description: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer that breaks the protocol.
    #[error("the issuer's answer is malformed: {0}")]
    BadAnswer(String),
    /// The issuer did not bind the token to the key of the DPoP proof.
    #[error(
        "the issuer issued a token that is not bound to the signing key; turn on DPoP for the API \
        (sender constraining) or leave the key out of the request"
    )]
    NotKeyBound,
    /// The issuer does not accept DPoP proofs by an Ed25519 key.
    #[error("the issuer accepts DPoP proofs signed with {}, but not with EdDSA; use a digest binding",
        escaped(&.0.join(", ")))]
    DpopAlgorithm(Vec<String>),
    /// The issuer does not have this endpoint.
    #[error("the issuer does not offer {0}; configure its endpoint if it has one")]
    NotOffered(&'static str),
    /// No provider is registered for the token's issuer.
    #[error("no provider is registered for the issuer \"{}\"; register one, or refuse the token", escaped(.0))]
    UnknownIssuer(String),
    /// The process is shutting down.
    #[error(
        "cannot complete the request: the process is shutting down, or the task of the request failed"
    )]
    Interrupted,
}

impl From<Interrupted> for OAuthError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl OAuthError {
    /// Returns the error code, if there is one: a code of RFC 6749, section 5.2, or of RFC 6750,
    /// section 3.1, or the issuer's own code.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Token(error) => Some(error.code()),
            Self::InvalidClient { .. } => Some("invalid_client"),
            Self::InsufficientScope { .. } => Some("insufficient_scope"),
            Self::UnknownIssuer(_) => Some("invalid_token"),
            Self::UnauthorizedClient { code, .. }
            | Self::WrongAudience { code, .. }
            | Self::InvalidScope { code, .. }
            | Self::Refused { code, .. } => {
                Some(code).filter(|code| !code.is_empty()).map(|c| &**c)
            }
            _ => None,
        }
    }

    /// Returns the HTTP status of the issuer's answer. For a refused token, returns the status with
    /// which the server should answer its caller.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Token(error) => Some(error.status()),
            Self::UnknownIssuer(_) => Some(401),
            Self::InvalidClient { status, .. }
            | Self::UnauthorizedClient { status, .. }
            | Self::WrongAudience { status, .. }
            | Self::InvalidScope { status, .. }
            | Self::Unavailable { status, .. }
            | Self::Refused { status, .. } => Some(*status),
            Self::RateLimited { .. } => Some(429),
            Self::Jwks { source: JwksError::Status(status), .. } => Some(*status),
            _ => None,
        }
    }

    /// Returns the next step, in words.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Token(error) => Some(error.remedy()),
            Self::Jwks { remedy, .. }
            | Self::Discovery { remedy, .. }
            | Self::InvalidClient { remedy, .. }
            | Self::UnauthorizedClient { remedy, .. }
            | Self::WrongAudience { remedy, .. }
            | Self::Unreachable { remedy, .. } => Some((*remedy).to_owned()),
            Self::InvalidScope { remedy, .. } | Self::InsufficientScope { remedy, .. } => {
                Some(remedy.clone())
            }
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => {
                Some(wait(retry_after))
            }
            Self::Refused { code, description, .. }
                if code.is_empty() && description.is_empty() =>
            {
                Some(UNEXPLAINED.to_owned())
            }
            _ => None,
        }
    }

    /// Returns how long to wait before trying again, if the issuer says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => {
                *retry_after
            }
            _ => None,
        }
    }

    /// Returns every scope that is missing.
    #[must_use]
    pub fn missing_scopes(&self) -> &[String] {
        match self {
            Self::InsufficientScope { missing, .. }
            | Self::Token(TokenError::InsufficientScope { missing }) => missing,
            _ => &[],
        }
    }

    /// Returns whether the failure lies with the identity provider or the network, and not with the
    /// token or the request. The validity of the token is then unknown.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Jwks { .. }
                | Self::Discovery { .. }
                | Self::Unreachable { .. }
                | Self::Unavailable { .. }
                | Self::RateLimited { .. }
                | Self::Interrupted
        )
    }
}

/// The next step after a refusal that does not give a reason.
const UNEXPLAINED: &str = "check the client's id and secret, and read the issuer's log";

/// Returns the status and the code of an answer.
fn answer(status: u16, code: &str) -> String {
    if code.is_empty() { status.to_string() } else { format!("{status} {}", escaped(code)) }
}

/// Returns the issuer's own description, if there is one, behind a colon.
fn said(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!(": {}", escaped(description)) }
}

fn unexplained(code: &str, description: &str) -> String {
    if code.is_empty() && description.is_empty() {
        format!(" and gave no reason; {UNEXPLAINED}")
    } else {
        String::new()
    }
}

fn wait(retry_after: &Option<Duration>) -> String {
    match retry_after {
        Some(after) => format!("try again in {} s", after.as_secs().max(1)),
        None => "try again later".to_owned(),
    }
}

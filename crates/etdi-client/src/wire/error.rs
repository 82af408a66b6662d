//! Errors of the wire. Every error is a no.
//!
//! Errors of rmcp can quote what a server sent. They are kept as values, and escaped in messages, but
//! are never a `source`: a printed chain of causes would show them raw.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use etdi_oauth::OAuthError;
use etdi_types::ListingError;
use etdi_types::identity::ResourceUriError;
use etdi_types::json::JsonError;
use etdi_types::text::escaped;
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use super::gate::NotJudged;

/// The error of rmcp's worker for a request that failed.
pub(crate) type RequestError = StreamableHttpError<reqwest::Error>;

/// A connection could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server's URI has no normal form.
    #[error("the server cannot be named: {0}")]
    Uri(#[from] ResourceUriError),
    /// The identity provider gives no token.
    #[error("no token for the server: {0}")]
    Token(#[from] OAuthError),
    /// The child process did not start.
    #[error("the server's command \"{}\" could not be started: {source}", escaped(command))]
    Spawn {
        /// The command, as configured.
        command: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder that the child process is to run in is no folder.
    #[error(
        "the server's command \"{}\" could not be started: the folder to run it in is not there",
        escaped(command)
    )]
    NoFolder {
        /// The command, as configured.
        command: String,
    },
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    HttpClient(#[source] reqwest::Error),
    /// The handshake took too long.
    #[error("the server did not complete the handshake within {after:?}")]
    Timeout {
        /// How long it had.
        after: Duration,
    },
    /// The server redirects.
    #[error("the server answered with a redirect, which is not followed; configure its final URI")]
    Redirected,
    /// The handshake failed.
    #[error("the handshake with the server failed: {}", escaped(&handshake_words(.0)))]
    Handshake(Box<ClientInitializeError>),
    /// The handshake's response is larger than 16 MiB.
    #[error("the server's handshake response is larger than 16 MiB")]
    TooLarge,
    /// The handshake's response is not UTF-8.
    #[error("the server's handshake response is not valid UTF-8")]
    NotUtf8,
    /// The handshake's text was not seen, so its instructions cannot be judged.
    #[error("the text of the server's handshake response was not seen, so it cannot be judged")]
    NoRawText,
    /// The handshake's response is not JSON that all readers read alike.
    #[error("the server's handshake response is refused: {0}")]
    Refused(#[source] JsonError),
}

impl ConnectError {
    /// The `WWW-Authenticate` challenge that the server answered with, if it wants a token.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        match self {
            Self::Handshake(error) => error.auth_challenge(),
            _ => None,
        }
    }
}

/// The server's tools could not be listed, or the listing is refused as a whole.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// Its pages make no consistent list that all readers read alike.
    #[error(transparent)]
    Refused(#[from] ListingError),
    /// A response of over 16 MiB.
    #[error("the server's tools/list response is larger than 16 MiB")]
    TooLarge,
    /// A response that is not UTF-8.
    #[error("the server's tools/list response is not valid UTF-8")]
    NotUtf8,
    /// The text was not seen, so it cannot be judged.
    #[error("the text of the server's tools/list response was not seen, so it cannot be judged")]
    NoRawText,
    /// The server took too long.
    #[error("the server did not list its tools within {after:?}")]
    Timeout {
        /// How long it had.
        after: Duration,
    },
    /// The server redirects.
    #[error("the server answered with a redirect, which is not followed; configure its final URI")]
    Redirected,
    /// The server refused, or the connection failed.
    #[error("the server's tools could not be listed: {}", escaped(&.0.to_string()))]
    Service(Arc<ServiceError>),
}

impl From<ServiceError> for ListError {
    fn from(error: ServiceError) -> Self {
        match &error {
            ServiceError::Timeout { timeout } => Self::Timeout { after: *timeout },
            ServiceError::TransportSend(source) if is_redirect_send(source) => Self::Redirected,
            _ => Self::Service(Arc::new(error)),
        }
    }
}

/// Whether an error says that the gate refused a message.
pub(crate) fn is_not_judged(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<NotJudged>())
}

/// Returns the cause of a failed handshake in words. rmcp says of a fallback only that it failed, and
/// names the types of a transport first.
fn handshake_words(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => {
            format!("{error}; initialize: {}", handshake_words(fallback))
        }
        ClientInitializeError::TransportError { error, .. } => {
            let cause: &(dyn Error + 'static) = match error.error.downcast_ref::<RequestError>() {
                Some(RequestError::Client(client)) => client,
                _ => error.error.as_ref(),
            };
            let ended = root(cause)
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
            if ended { ENDED.to_owned() } else { root(cause).to_string() }
        }
        ClientInitializeError::ConnectionClosed(_) => ENDED.to_owned(),
        _ => error.to_string(),
    }
}

const ENDED: &str = "the server ended before it answered";

/// The first cause.
fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(earlier) = cause.source() {
        cause = earlier;
    }
    cause
}

/// Whether a handshake failed because the server redirects.
pub(crate) fn is_redirect(error: &ClientInitializeError) -> bool {
    match error {
        ClientInitializeError::TransportError { error, .. } => is_redirect_send(error),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => is_redirect(fallback),
        _ => false,
    }
}

pub(crate) fn is_redirect_send(error: &DynamicTransportError) -> bool {
    error
        .error
        .downcast_ref::<RequestError>()
        .is_some_and(|error| matches!(error, RequestError::Client(e) if e.is_redirect()))
}

#[cfg(test)]
mod tests {
    use rmcp::RoleClient;
    use rmcp::transport::async_rw::AsyncRwTransport;

    use super::*;

    /// Whether it is the reader or the writer that notices first is chance.
    #[test]
    fn a_server_that_ends_is_told_in_the_same_words_whoever_notices() {
        type Stdio = AsyncRwTransport<RoleClient, tokio::io::Empty, tokio::io::Sink>;
        let failed = |kind: io::ErrorKind| {
            ClientInitializeError::transport::<Stdio>(kind.into(), "while it was greeted")
        };
        let closed = ClientInitializeError::ConnectionClosed("initialize".to_owned());
        for noticed in [failed(io::ErrorKind::BrokenPipe), closed] {
            assert_eq!(handshake_words(&noticed), ENDED);
        }
        let other = handshake_words(&failed(io::ErrorKind::PermissionDenied));
        assert!(other.contains("permission denied"), "{other}");
    }
}

//! The errors of the wire. Treat every error as a refusal.
//!
//! An error of rmcp can quote text of a server. It is kept as a value, and escaped in messages, but
//! is never a `source`: a printed chain of causes would show that text raw.

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

/// The error of a connection that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server's URI has no normal form.
    #[error("cannot connect to the server: {0}")]
    Uri(#[from] ResourceUriError),
    /// The identity provider does not give a token.
    #[error("cannot get a token for the server: {0}")]
    Token(#[from] OAuthError),
    /// The child process did not start.
    #[error("cannot start the server's command \"{}\": {source}", escaped(command))]
    Spawn {
        /// The command, as configured.
        command: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The folder that the child process is to run in does not exist.
    #[error(
        "cannot start the server's command \"{}\": the folder to run it in does not exist",
        escaped(command)
    )]
    NoFolder {
        /// The command, as configured.
        command: String,
    },
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    HttpClient(#[source] reqwest::Error),
    /// The handshake took too long.
    #[error("the server did not complete the handshake within {after:?}")]
    Timeout {
        /// The time that the server had.
        after: Duration,
    },
    /// The server redirects.
    #[error("the server answered with a redirect, which is not followed; configure its final URI")]
    Redirected,
    /// The handshake failed.
    #[error("cannot complete the handshake with the server: {}", escaped(&handshake_words(.0)))]
    Handshake(Box<ClientInitializeError>),
    /// The handshake's response is larger than 16 MiB.
    #[error("the server's handshake response is larger than 16 MiB")]
    TooLarge,
    /// The handshake's response is not UTF-8.
    #[error("the server's handshake response is not valid UTF-8")]
    NotUtf8,
    /// The text of the handshake response was not seen, so the instructions in it cannot be judged.
    #[error("the text of the server's handshake response was not seen, so it cannot be judged")]
    NoRawText,
    /// The handshake response is not JSON that all readers read alike.
    #[error("the server's handshake response is refused: {0}")]
    Refused(#[source] JsonError),
}

impl ConnectError {
    /// Returns the `WWW-Authenticate` challenge of the server, if it wants a token.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        match self {
            Self::Handshake(error) => error.auth_challenge(),
            _ => None,
        }
    }
}

/// The error of tools that could not be listed, or of a listing that is refused as a whole.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The pages are not one consistent list that all readers read alike.
    #[error(transparent)]
    Refused(#[from] ListingError),
    /// A response is larger than 16 MiB.
    #[error("the server's tools/list response is larger than 16 MiB")]
    TooLarge,
    /// A response is not UTF-8.
    #[error("the server's tools/list response is not valid UTF-8")]
    NotUtf8,
    /// The text of a response was not seen, so it cannot be judged.
    #[error("the text of the server's tools/list response was not seen, so it cannot be judged")]
    NoRawText,
    /// The server took too long.
    #[error("the server did not list its tools within {after:?}")]
    Timeout {
        /// The time that the server had.
        after: Duration,
    },
    /// The server redirects.
    #[error("the server answered with a redirect, which is not followed; configure its final URI")]
    Redirected,
    /// The server refused, or the connection failed.
    #[error("cannot list the server's tools: {}", escaped(&.0.to_string()))]
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

/// Returns whether an error says that the gate refused a message.
pub(crate) fn is_not_judged(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<NotJudged>())
}

/// Returns the cause of a failed handshake in words. For a fallback, rmcp says only that it failed.
/// For a transport, rmcp begins with the names of types.
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

/// Returns the first cause.
fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(earlier) = cause.source() {
        cause = earlier;
    }
    cause
}

/// Returns whether a handshake failed because the server redirects.
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

    /// Either the reader or the writer may notice the end of the server first.
    #[test]
    fn the_end_of_a_server_gives_the_same_error_to_reader_and_writer() {
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

//! What can go wrong on a connection. Every error is a no.
//!
//! Errors of rmcp can quote what a server sent. They are kept as values, and escaped in messages, but
//! are never a `source`: whoever prints a chain of causes would print them raw.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use etdi_oauth::{INSUFFICIENT_SCOPE, OAuthError, UNAUTHENTICATED};
use etdi_types::identity::ResourceUriError;
use etdi_types::json::JsonError;
use etdi_types::text::escaped;
use etdi_types::{KeyError, ListingError, Scope, SignatureError};
use rmcp::ErrorData;
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::DynamicTransportError;
use rmcp::transport::streamable_http_client::StreamableHttpError;

use crate::decision::{ApprovalRequest, Refusal};
use crate::store::StoreError;
use crate::tool::JudgedTool;
use crate::wire::NotJudged;

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

/// The tools of a server could not be read or judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The listing failed, or is refused as a whole.
    #[error(transparent)]
    Listing(#[from] ListError),
    /// The approval store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A tool was not called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A person must approve first. Not called.
    #[error("not called, approval is required:\n{0}")]
    ApprovalRequired(Box<ApprovalRequest>),
    /// The tool is refused. Not called.
    #[error("not called, the tool is refused:\n{0}")]
    Blocked(Box<Refusal>),
    /// The definition is another one than the host let the model see. Not called.
    #[error("not called: \"{}\" changed since it was let through; discover it again", escaped(.0.name()))]
    Stale(JudgedTool),
    /// The server's list changed again and again while the call was decided. Not called.
    #[error("not called: the server's list changes faster than it can be judged")]
    Unsettled,
    /// The server no longer lists the tool. Not called.
    #[error("not called: the server no longer lists \"{}\"", escaped(.0))]
    Gone(String),
    /// The tool was let through on another connection. Not called.
    #[error("not called: the tool was approved on another connection")]
    OtherConnection,
    /// The listing could not be read again before the call. Not called.
    #[error("not called: {0}")]
    Discover(#[from] DiscoverError),
    /// The identity provider gives no token that the call needs. Not called.
    #[error("not called, no token for it: {0}")]
    Token(#[from] OAuthError),
    /// The token lacks scopes, says the server, in an HTTP challenge or in a JSON-RPC error
    /// [`INSUFFICIENT_SCOPE`]. Not called.
    #[error("not called: the server wants the scopes \"{}\"", escaped(.scopes))]
    InsufficientScope {
        /// The scopes that it names, with spaces between (RFC 6750, section 3).
        scopes: String,
    },
    /// The server refuses the token, or wants one, says an HTTP challenge or a JSON-RPC error
    /// [`UNAUTHENTICATED`]. Not called.
    #[error("not called: the server wants another token: {}", escaped(.challenge))]
    Unauthorized {
        /// The challenge, or the message of the error.
        challenge: String,
    },
    /// The session ended before the call, and another began: what was judged in the one was not
    /// called in the other. Not called.
    #[error("not called: the server ended the session again and again")]
    SessionEnded,
    /// The server answered the call with a redirect. The arguments went to the configured server
    /// and nowhere else.
    #[error("the server answered with a redirect, which is not followed; configure its final URI")]
    Redirected,
    /// The call failed.
    #[error("the call failed: {}", escaped(&.0.to_string()))]
    Service(ServiceError),
}

impl From<ServiceError> for CallError {
    fn from(error: ServiceError) -> Self {
        match &error {
            ServiceError::TransportSend(source) if is_redirect_send(source) => Self::Redirected,
            ServiceError::TransportSend(source) => match source.error.downcast_ref::<HttpError>() {
                Some(HttpError::Io(refused)) if is_not_judged(refused) => Self::SessionEnded,
                Some(HttpError::InsufficientScope(said)) => Self::InsufficientScope {
                    scopes: said.required_scope.clone().unwrap_or_default(),
                },
                Some(HttpError::AuthRequired(said)) => {
                    Self::Unauthorized { challenge: said.www_authenticate_header.clone() }
                }
                _ => Self::Service(error),
            },
            ServiceError::McpError(refusal) => match refusal.code.0 {
                INSUFFICIENT_SCOPE => Self::InsufficientScope { scopes: missing(refusal) },
                UNAUTHENTICATED => Self::Unauthorized { challenge: refusal.message.to_string() },
                _ => Self::Service(error),
            },
            _ => Self::Service(error),
        }
    }
}

/// A call of this crate has a permit, so only a new session makes the gate refuse it.
fn is_not_judged(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<NotJudged>())
}

/// The scopes that a server without HTTP names, which has no challenge to name them in.
fn missing(refusal: &ErrorData) -> String {
    let named = refusal.data.as_ref().and_then(|data| data.get("missing")?.as_array());
    let scopes = named.into_iter().flatten().filter_map(|scope| scope.as_str());
    scopes.collect::<Vec<_>>().join(" ")
}

type HttpError = StreamableHttpError<reqwest::Error>;

/// An approval was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApproveError {
    /// The definition, or what is known of it, is no longer what was shown.
    #[error(
        "not approved: the definition, or what is known of it, changed since it was shown; look at \
         it again:\n{0}"
    )]
    Changed(Box<JudgedTool>),
    /// The server no longer lists the tool.
    #[error("not approved: the server no longer lists \"{}\"", escaped(.0))]
    Gone(String),
    /// The tool is refused, whatever a person says; or what was granted is not enough.
    #[error("not approved, the tool is refused:\n{0}")]
    Blocked(Box<Refusal>),
    /// The question was asked on another connection.
    #[error("not approved: the question was asked on another connection")]
    OtherConnection,
    /// A scope was granted that the definition does not ask for.
    #[error("not approved: the tool does not ask for the scope {0}, so it cannot be granted")]
    UnknownScope(Scope),
    /// The key is not configured, and the approval brings none.
    #[error(
        "not approved: nothing configures the key; get it from the publisher and pass it with \
             Approval::pinning"
    )]
    KeyRequired,
    /// The key that the approval brings cannot be used.
    #[error("not approved: {0}")]
    Key(#[from] KeyError),
    /// The key that the approval brings did not make the signature.
    #[error("not approved: the key that you passed did not sign this definition: {0}")]
    WrongKey(SignatureError),
    /// Somebody else approved another definition in the meantime, or the store failed.
    #[error("not approved: {0}")]
    Store(#[from] StoreError),
    /// The listing could not be read again.
    #[error("not approved: {0}")]
    Discover(#[from] DiscoverError),
}

/// What happened, in the words of whoever saw it: rmcp tells of a fallback only that it failed, and
/// of a transport first the names of its types.
fn handshake_words(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => {
            format!("{error}; initialize: {}", handshake_words(fallback))
        }
        ClientInitializeError::TransportError { error, .. } => {
            let cause: &(dyn Error + 'static) = match error.error.downcast_ref::<HttpError>() {
                Some(HttpError::Client(client)) => client,
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

fn is_redirect_send(error: &DynamicTransportError) -> bool {
    error
        .error
        .downcast_ref::<HttpError>()
        .is_some_and(|error| matches!(error, HttpError::Client(e) if e.is_redirect()))
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

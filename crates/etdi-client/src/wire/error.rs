//! The errors of the wire. Treat every error as a refusal.
//!
//! An error of rmcp can quote text of a server. The errors here hold such an error as a value and
//! escape its text in messages. They never return it as a `source`: a program that prints all sources
//! of an error would print the text of the server without escapes.

use std::fmt::{self, Display, Formatter};
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

use super::cut::cut;
use super::gate::NotJudged;
use super::http::error::{HttpError, RequestError};
use super::words::{self, request_error};

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
    #[error("cannot connect to the server: it did not complete the handshake within {}", Seconds(*after))]
    Timeout {
        /// The time that the server had.
        after: Duration,
    },
    /// The server ended before it answered.
    #[error(
        "cannot connect to the server: the server ended before it answered{}", Skipped(*skipped)
    )]
    Ended {
        /// The last lines of its standard error, escaped and cut, the oldest first. At most 10.
        last_lines: Vec<String>,
        /// The number of lines on its standard output that were not JSON-RPC messages.
        skipped: u64,
    },
    /// The server redirects.
    #[error("cannot connect to the server: {}", Redirect(to.as_deref()))]
    Redirected {
        /// The address that the server redirects to, as the server wrote it, without its query.
        to: Option<String>,
    },
    /// The server wants a token, or refuses the token.
    #[error("cannot connect to the server: the server wants authorization: {}", escaped(said))]
    Unauthorized {
        /// The `WWW-Authenticate` challenges. `None` for a server that sends none.
        challenge: Option<String>,
        /// The challenges, or else the status and the reason that the server gives.
        said: String,
    },
    /// The event stream of a server of MCP 2024-11-05 names an endpoint that has another origin
    /// than the stream. The token and the arguments of calls would go to another server.
    #[error("cannot connect to the server: its event stream names an endpoint with another origin")]
    ForeignEndpoint,
    /// The answer to `initialize` lacks a member that is needed, or has it in another type.
    #[error("cannot connect to the server: its answer to `initialize` has no valid `{member}`")]
    Malformed {
        /// The member, as in `result.protocolVersion`.
        member: &'static str,
    },
    /// The handshake failed.
    #[error("cannot connect to the server: {}", escaped(&words::handshake(.0)))]
    Handshake(Box<ClientInitializeError>),
    /// The handshake's response is larger than 16 MiB.
    #[error("cannot connect to the server: its handshake response is larger than 16 MiB")]
    TooLarge,
    /// The handshake's response is not UTF-8.
    #[error("cannot connect to the server: its handshake response is not valid UTF-8")]
    NotUtf8,
    /// The client did not capture the text of the handshake response, so the instructions in it
    /// cannot be judged.
    #[error(
        "cannot connect to the server: the text of its handshake response was not seen, so it \
         cannot be judged"
    )]
    NoRawText,
    /// The handshake response is not JSON that all readers read alike.
    #[error("cannot connect to the server: its handshake response is refused: {0}")]
    Refused(#[source] JsonError),
}

impl ConnectError {
    /// Returns the `WWW-Authenticate` challenge of the server, if it wants a token.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        match self {
            Self::Unauthorized { challenge, .. } => challenge.as_deref(),
            _ => None,
        }
    }
}

impl ConnectError {
    /// Returns the error for a request that a server refused in a way that has an error of its own.
    pub(super) fn of_request(error: &RequestError) -> Option<Self> {
        match error {
            RequestError::Client(HttpError::Redirected { to }) => {
                Some(Self::Redirected { to: to.clone() })
            }
            RequestError::Client(HttpError::ForeignEndpoint) => Some(Self::ForeignEndpoint),
            _ => {
                let Denial { challenge, said } = Denial::of(error)?;
                Some(Self::Unauthorized { challenge, said })
            }
        }
    }
}

impl From<ClientInitializeError> for ConnectError {
    fn from(error: ClientInitializeError) -> Self {
        if words::is_end(&error) {
            return Self::Ended { last_lines: Vec::new(), skipped: 0 };
        }
        let request = words::handshake_request(&error).and_then(Self::of_request);
        request.unwrap_or_else(|| Self::Handshake(Box::new(error)))
    }
}

/// A server's demand for authorization.
pub(crate) struct Denial {
    pub(crate) challenge: Option<String>,
    pub(crate) said: String,
}

impl Denial {
    pub(crate) fn of(error: &RequestError) -> Option<Self> {
        let challenge = match error {
            RequestError::AuthRequired(denied) => &denied.www_authenticate_header,
            RequestError::InsufficientScope(denied) => &denied.www_authenticate_header,
            RequestError::Client(denied @ HttpError::Denied { .. }) => {
                return Some(Self { challenge: None, said: denied.to_string() });
            }
            _ => return None,
        };
        Some(Self { challenge: Some(challenge.clone()), said: cut(challenge) })
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
    #[error("cannot list the server's tools: a tools/list response is larger than 16 MiB")]
    TooLarge,
    /// A response is not UTF-8.
    #[error("cannot list the server's tools: a tools/list response is not valid UTF-8")]
    NotUtf8,
    /// The text of a response was not seen, so it cannot be judged.
    #[error(
        "cannot list the server's tools: the text of a tools/list response was not seen, so it \
         cannot be judged"
    )]
    NoRawText,
    /// The server took too long.
    #[error("cannot list the server's tools: it did not list them within {}", Seconds(*after))]
    Timeout {
        /// The time that the server had.
        after: Duration,
    },
    /// The server redirects.
    #[error("cannot list the server's tools: {}", Redirect(to.as_deref()))]
    Redirected {
        /// The address that the server redirects to, as the server wrote it, without its query.
        to: Option<String>,
    },
    /// The server wants a token, or refuses the token.
    #[error("cannot list the server's tools: the server wants authorization: {}", escaped(said))]
    Unauthorized {
        /// The `WWW-Authenticate` challenges. `None` for a server that sends none.
        challenge: Option<String>,
        /// The challenges, or else the status and the reason that the server gives.
        said: String,
    },
    /// The server refused, or the connection failed.
    #[error("cannot list the server's tools: {}", escaped(&words::service(.0)))]
    Service(Arc<ServiceError>),
}

impl From<ServiceError> for ListError {
    fn from(error: ServiceError) -> Self {
        let request = match &error {
            ServiceError::Timeout { timeout } => return Self::Timeout { after: *timeout },
            ServiceError::TransportSend(error) => request_error(error),
            _ => None,
        };
        match request {
            Some(RequestError::Client(HttpError::Redirected { to })) => {
                Self::Redirected { to: to.clone() }
            }
            Some(request) => match Denial::of(request) {
                Some(Denial { challenge, said }) => Self::Unauthorized { challenge, said },
                None => Self::Service(Arc::new(error)),
            },
            None => Self::Service(Arc::new(error)),
        }
    }
}

/// Shows a time in seconds.
pub(crate) struct Seconds(pub(crate) Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

/// Shows where a server redirects to.
pub(crate) struct Redirect<'a>(pub(crate) Option<&'a str>);

impl Display for Redirect<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(to) => write!(f, "the server redirects to {}, which is not followed", escaped(to)),
            None => f.write_str("the server redirects, which is not followed"),
        }
    }
}

struct Skipped(u64);

impl Display for Skipped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            1 => f.write_str("; 1 line of its output was not a JSON-RPC message"),
            more => write!(f, "; {more} lines of its output were not JSON-RPC messages"),
        }
    }
}

/// Returns whether an error says that the gate refused a message.
pub(crate) fn is_not_judged(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<NotJudged>())
}

/// Returns where a server redirected the request to. `None` if the request failed otherwise.
pub(crate) fn redirect(error: &DynamicTransportError) -> Option<Option<String>> {
    match request_error(error)? {
        RequestError::Client(HttpError::Redirected { to }) => Some(to.clone()),
        _ => None,
    }
}

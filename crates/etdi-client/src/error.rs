//! The errors of listing, calling and approving tools. Treat every error as a refusal.

use etdi_judge::{ApprovalRequest, JudgedTool, NotApproved, Refusal, StoreError};
use etdi_oauth::{INSUFFICIENT_SCOPE, OAuthError, UNAUTHENTICATED};
use etdi_types::text::escaped;
use etdi_types::{KeyError, Scope, SignatureError};
use rmcp::ErrorData;
use rmcp::service::ServiceError;

use crate::wire::credentials::forgotten;
use crate::wire::error::{Denial, ListError, Redirect, is_not_judged, redirect};
use crate::wire::http::error::RequestError;
use crate::wire::words;

/// The error of tools that could not be listed or judged.
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

/// The error of a call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// A person must approve the tool first. Not called.
    #[error("cannot call the tool: a person must approve it first:\n{0}")]
    ApprovalRequired(Box<ApprovalRequest>),
    /// The tool is refused. Not called.
    #[error("cannot call the tool: it is refused:\n{0}")]
    Blocked(Box<Refusal>),
    /// The definition is not the one that the host let the model see. Not called.
    #[error(
        "cannot call the tool: \"{}\" changed since it was let through; discover it again",
        escaped(.0.name())
    )]
    Stale(JudgedTool),
    /// The server's list changed again and again while the call was decided. Not called.
    #[error("cannot call the tool: the server's list changes faster than it can be judged")]
    Unsettled,
    /// The server no longer lists the tool. Not called.
    #[error("cannot call the tool: the server no longer lists \"{}\"", escaped(.0))]
    Gone(String),
    /// The tool was let through on another connection. Not called.
    #[error("cannot call the tool: it was approved on another connection")]
    OtherConnection,
    /// The listing could not be read again before the call. Not called.
    #[error("cannot call the tool: {0}")]
    Discover(#[from] DiscoverError),
    /// The identity provider does not give the token that the call needs. Not called.
    #[error("cannot get a token for the call: {0}")]
    Token(#[from] OAuthError),
    /// The server says that the token lacks scopes, in an HTTP challenge or in a JSON-RPC error
    /// [`INSUFFICIENT_SCOPE`]. Not called.
    #[error("cannot call the tool: the server wants the scopes \"{}\"", escaped(.scopes))]
    InsufficientScope {
        /// The scopes that the server names, with spaces between (RFC 6750, section 3).
        scopes: String,
    },
    /// The server refuses the token, or wants a token. It says so in an HTTP challenge or in a
    /// JSON-RPC error [`UNAUTHENTICATED`]. Not called.
    #[error("cannot call the tool: the server wants another token: {}", escaped(.challenge))]
    Unauthorized {
        /// The challenge, or the message of the error.
        challenge: String,
    },
    /// The session ended before the call, and another session began. A tool that was judged in one
    /// session is not called in another. Not called.
    #[error("cannot call the tool: the server ended the session again and again")]
    SessionEnded,
    /// The server answered the call with a redirect. Only the configured server got the arguments.
    #[error("cannot call the tool: {}", Redirect(to.as_deref()))]
    Redirected {
        /// The address that the server redirects to, as the server wrote it, without its query.
        to: Option<String>,
    },
    /// The call failed.
    #[error("the call failed: {}", escaped(&words::service(.0)))]
    Service(ServiceError),
}

impl From<ServiceError> for CallError {
    fn from(error: ServiceError) -> Self {
        match &error {
            ServiceError::TransportSend(source) => {
                if let Some(to) = redirect(source) {
                    return Self::Redirected { to };
                }
                if let Some(challenge) = forgotten(&error) {
                    return Self::Unauthorized { challenge: challenge.to_owned() };
                }
                match words::request_error(source) {
                    // A call of this crate has a permit, so the gate refuses it only after a new
                    // session began.
                    Some(RequestError::Io(refused)) if is_not_judged(refused) => Self::SessionEnded,
                    Some(RequestError::InsufficientScope(said)) => Self::InsufficientScope {
                        scopes: said.required_scope.clone().unwrap_or_default(),
                    },
                    request => match request.and_then(Denial::of) {
                        Some(Denial { challenge, said }) => {
                            Self::Unauthorized { challenge: challenge.unwrap_or(said) }
                        }
                        None => Self::Service(error),
                    },
                }
            }
            ServiceError::McpError(refusal) => match refusal.code.0 {
                INSUFFICIENT_SCOPE => Self::InsufficientScope { scopes: missing(refusal) },
                UNAUTHENTICATED => Self::Unauthorized { challenge: refusal.message.to_string() },
                _ => Self::Service(error),
            },
            _ => Self::Service(error),
        }
    }
}

/// Returns the scopes that a server names in a JSON-RPC error. Without HTTP it has no challenge to
/// name them in.
fn missing(refusal: &ErrorData) -> String {
    let named = refusal.data.as_ref().and_then(|data| data.get("missing")?.as_array());
    let scopes = named.into_iter().flatten().filter_map(|scope| scope.as_str());
    scopes.collect::<Vec<_>>().join(" ")
}

/// The error of an approval that was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApproveError {
    /// The definition or its verdict changed since it was shown.
    #[error(
        "cannot approve: the definition or its verdict changed since it was shown; look at the \
         tool again:\n{0}"
    )]
    Changed(Box<JudgedTool>),
    /// The server no longer lists the tool.
    #[error("cannot approve: the server no longer lists \"{}\"", escaped(.0))]
    Gone(String),
    /// The tool is refused even after an approval, or the granted permissions are not enough.
    #[error("cannot approve: the tool is refused:\n{0}")]
    Blocked(Box<Refusal>),
    /// The question was asked on another connection.
    #[error("cannot approve: the question was asked on another connection")]
    OtherConnection,
    /// The approval grants a scope that the definition does not ask for.
    #[error("cannot approve: the tool does not ask for the granted scope {0}")]
    UnknownScope(Scope),
    /// The key is not configured, and the approval does not bring it.
    #[error(
        "cannot approve: the key is not configured; get it from the publisher and pass it with \
         Approval::pinning"
    )]
    KeyRequired,
    /// The key that the approval brings cannot be used.
    #[error("cannot approve: {0}")]
    Key(#[from] KeyError),
    /// The key that the approval brings did not make the signature.
    #[error("cannot approve: the key that you passed did not sign this definition: {0}")]
    WrongKey(SignatureError),
    /// An approval for the earlier command ended, changed or was revoked since the question was asked.
    #[error(
        "cannot approve as before: an earlier approval changed since it was shown; look at the \
         tools again"
    )]
    EarlierApproval,
    /// Another definition was approved in the meantime, or the store failed.
    #[error("cannot approve: {0}")]
    Store(#[from] StoreError),
    /// The listing could not be read again.
    #[error("cannot approve: {0}")]
    Discover(#[from] DiscoverError),
}

impl From<NotApproved> for ApproveError {
    fn from(error: NotApproved) -> Self {
        match error {
            NotApproved::Changed(tool) => Self::Changed(tool),
            NotApproved::Gone(name) => Self::Gone(name),
            NotApproved::Blocked(refusal) => Self::Blocked(refusal),
            NotApproved::OtherConnection => Self::OtherConnection,
            NotApproved::UnknownScope(scope) => Self::UnknownScope(scope),
            NotApproved::KeyRequired => Self::KeyRequired,
            NotApproved::Key(error) => Self::Key(error),
            NotApproved::WrongKey(error) => Self::WrongKey(error),
            NotApproved::Store(error) => Self::Store(error),
        }
    }
}

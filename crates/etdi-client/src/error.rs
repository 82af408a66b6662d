//! Errors of listing, calling and approving tools. Every error is a no.

use etdi_judge::{ApprovalRequest, JudgedTool, NotApproved, Refusal, StoreError};
use etdi_oauth::{INSUFFICIENT_SCOPE, OAuthError, UNAUTHENTICATED};
use etdi_types::text::escaped;
use etdi_types::{KeyError, Scope, SignatureError};
use rmcp::ErrorData;
use rmcp::service::ServiceError;

use crate::wire::error::{ListError, RequestError, is_not_judged, is_redirect_send};

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
            ServiceError::TransportSend(source) => {
                match source.error.downcast_ref::<RequestError>() {
                    // A call of this crate has a permit, so only a new session makes the gate refuse it.
                    Some(RequestError::Io(refused)) if is_not_judged(refused) => Self::SessionEnded,
                    Some(RequestError::InsufficientScope(said)) => Self::InsufficientScope {
                        scopes: said.required_scope.clone().unwrap_or_default(),
                    },
                    Some(RequestError::AuthRequired(said)) => {
                        Self::Unauthorized { challenge: said.www_authenticate_header.clone() }
                    }
                    _ => Self::Service(error),
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

/// The scopes that a server without HTTP names, which has no challenge to name them in.
fn missing(refusal: &ErrorData) -> String {
    let named = refusal.data.as_ref().and_then(|data| data.get("missing")?.as_array());
    let scopes = named.into_iter().flatten().filter_map(|scope| scope.as_str());
    scopes.collect::<Vec<_>>().join(" ")
}

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

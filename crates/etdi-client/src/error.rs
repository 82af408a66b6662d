//! What can go wrong on a connection. Every error is a no.

use etdi_types::text::escaped;
use etdi_types::{KeyError, ListingError, SignatureError};

use crate::decision::{ApprovalRequest, Refusal};
use crate::store::StoreError;
use crate::tool::JudgedTool;
use crate::transport::RequestError;

/// The tools of a server could not be read or judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoverError {
    /// The server could not be asked.
    #[error("the server's tools could not be read: {0}")]
    Request(#[from] RequestError),
    /// Its listing is refused as a whole.
    #[error(transparent)]
    Listing(#[from] ListingError),
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
    /// The server no longer lists the tool. Not called.
    #[error("not called: the server no longer lists \"{}\"", escaped(.0))]
    Gone(String),
    /// The tool was let through on another connection. Not called.
    #[error("not called: the tool was approved on another connection")]
    OtherConnection,
    /// The listing could not be read again before the call. Not called.
    #[error("not called: {0}")]
    Discover(#[from] DiscoverError),
    /// The call itself failed.
    #[error("the call failed: {0}")]
    Request(#[from] RequestError),
}

/// An approval was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApproveError {
    /// The definition is no longer the one that was shown.
    #[error("not approved: the definition changed since it was shown; look at it again:\n{0}")]
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
    /// The key is not configured, and the approval brings none.
    #[error("not approved: nothing configures the key; get it from the publisher and pass it with \
             Approval::pinning")]
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

/// A request that is not passed through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassThroughError {
    /// Tools are listed with `discover` and called with `call`, nothing else.
    #[error("the method {0} is not passed through; use discover() and call()")]
    NotPassedThrough(&'static str),
    /// The request failed.
    #[error(transparent)]
    Request(#[from] RequestError),
}

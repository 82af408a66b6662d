//! The identity of the connection that a tool was judged on.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use etdi_types::ServerIdentity;

/// The identity of one connection to one server. Two connections to the same server have two
/// different identities.
///
/// Only a [`Judge`](crate::Judge) makes a `ConnectionId`, for its own connection.
#[derive(Clone)]
pub struct ConnectionId(Arc<ServerIdentity>);

impl ConnectionId {
    pub(crate) fn new(server: ServerIdentity) -> Self {
        Self(Arc::new(server))
    }

    /// Returns the identity of the server that the connection leads to.
    #[must_use]
    pub fn server(&self) -> &ServerIdentity {
        &self.0
    }
}

impl PartialEq for ConnectionId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ConnectionId {}

impl Debug for ConnectionId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "connection to {}", self.0)
    }
}

//! Ends a connection through a shared reference.

use std::fmt::{self, Debug, Formatter};

use parking_lot::Mutex;
use rmcp::service::RunningServiceCancellationToken;

/// A token to end a connection. rmcp's own token can be used once; both `close` and `Drop` can use
/// this one.
pub(super) struct Stop(Mutex<Option<RunningServiceCancellationToken>>);

impl Stop {
    pub(super) fn new(token: RunningServiceCancellationToken) -> Self {
        Self(Mutex::new(Some(token)))
    }

    pub(super) fn now(&self) {
        let token = self.0.lock().take();
        if let Some(token) = token {
            token.cancel();
        }
    }
}

impl Debug for Stop {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Stop")
    }
}

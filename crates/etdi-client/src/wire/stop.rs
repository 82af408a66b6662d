//! Ending a connection from behind a shared reference.

use std::fmt::{self, Debug, Formatter};

use parking_lot::Mutex;
use rmcp::service::RunningServiceCancellationToken;

/// rmcp's token to end a connection can be used once; this one may be used by `close` and by `Drop`.
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

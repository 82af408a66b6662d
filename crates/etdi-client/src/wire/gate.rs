//! The last look at what goes out. rmcp hands its `Peer` to every handler, so the rule that tools
//! are listed and called by this crate alone is kept where messages leave.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{ClientJsonRpcMessage, ClientRequest};

/// Which tools may be called right now.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    calls: Mutex<HashMap<String, usize>>,
}

/// Marks a `tools/list` request as one of this crate's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnListing;

/// A request that went around the judgement, and was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{method} goes through `ServerConnection` alone, which judges the tools; it was not sent to \
     the server"
)]
pub struct NotJudged {
    method: &'static str,
}

impl NotJudged {
    /// The method that was refused, `tools/list` or `tools/call`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }
}

/// While it lives, the tool may be called: a call may take several rounds.
#[derive(Debug)]
pub(crate) struct CallPermit {
    gate: Arc<Gate>,
    name: String,
}

impl Gate {
    /// Lets calls of the tool served as `name` pass.
    pub(crate) fn permit(self: &Arc<Self>, name: &str) -> CallPermit {
        *self.lock().entry(name.to_owned()).or_default() += 1;
        CallPermit { gate: Arc::clone(self), name: name.to_owned() }
    }

    /// Checks a message that is about to be sent.
    pub(crate) fn check(&self, message: &ClientJsonRpcMessage) -> Result<(), NotJudged> {
        let ClientJsonRpcMessage::Request(request) = message else {
            return Ok(());
        };
        self.check_request(&request.request)
    }

    pub(crate) fn check_request(&self, request: &ClientRequest) -> Result<(), NotJudged> {
        let refused = match request {
            ClientRequest::ListToolsRequest(list) => {
                list.extensions.get::<OwnListing>().is_none().then_some("tools/list")
            }
            ClientRequest::CallToolRequest(call) => {
                (!self.lock().contains_key(call.params.name.as_ref())).then_some("tools/call")
            }
            ClientRequest::CustomRequest(custom) => {
                ["tools/list", "tools/call"].into_iter().find(|method| *method == custom.method)
            }
            _ => None,
        };
        refused.map_or(Ok(()), |method| Err(NotJudged { method }))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let mut calls = self.gate.lock();
        if let Some(count) = calls.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                calls.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::{
        CallToolRequest, CallToolRequestParams, CustomRequest, ListToolsRequest, PingRequest,
    };

    fn call(name: &'static str) -> ClientRequest {
        ClientRequest::CallToolRequest(CallToolRequest::new(CallToolRequestParams::new(name)))
    }

    #[test]
    fn calls_pass_only_while_they_are_permitted() {
        let gate = Arc::new(Gate::default());
        let refused = Err(NotJudged { method: "tools/call" });
        assert_eq!(gate.check_request(&call("scan")), refused);
        let (first, second) = (gate.permit("scan"), gate.permit("scan"));
        assert_eq!(gate.check_request(&call("scan")), Ok(()));
        assert_eq!(gate.check_request(&call("other")), refused);
        drop(first);
        assert_eq!(gate.check_request(&call("scan")), Ok(()));
        drop(second);
        assert_eq!(gate.check_request(&call("scan")), refused);
    }

    #[test]
    fn listings_and_custom_spellings_are_refused() {
        let gate = Gate::default();
        let mut list = ListToolsRequest::default();
        let refused = Err(NotJudged { method: "tools/list" });
        let request = ClientRequest::ListToolsRequest(list.clone());
        assert_eq!(gate.check_request(&request), refused);
        list.extensions.insert(OwnListing);
        assert_eq!(gate.check_request(&ClientRequest::ListToolsRequest(list)), Ok(()));
        let custom = |method: &str| ClientRequest::CustomRequest(CustomRequest::new(method, None));
        assert_eq!(gate.check_request(&custom("tools/list")), refused);
        assert!(gate.check_request(&custom("tools/call")).is_err());
        assert_eq!(gate.check_request(&custom("vendor/thing")), Ok(()));
        let ping = ClientRequest::PingRequest(PingRequest::default());
        assert_eq!(gate.check_request(&ping), Ok(()));
    }
}

//! The last check of outgoing messages: only this crate may list and call tools. The check is made
//! on each message, because rmcp gives every handler a `Peer`, which could list and call tools too.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, ClientRequest};

/// The tools that may be called right now.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    permits: Mutex<Permits>,
}

#[derive(Debug, Default)]
struct Permits {
    /// The number of handshakes that were begun.
    sessions: u64,
    calls: HashMap<String, usize>,
}

/// Marks a `tools/list` request as one of this crate's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnListing;

/// The error of a request that went around the judgement, and was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot send {method} through the peer: use `ServerConnection`, which judges the tools; the \
     request was not sent to the server"
)]
pub struct NotJudged {
    method: &'static str,
}

impl NotJudged {
    /// Returns the method that was refused, `tools/list` or `tools/call`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }
}

/// A permit to call a tool. It is valid until it is dropped, because a call may take several rounds.
#[derive(Debug)]
pub(crate) struct CallPermit {
    gate: Arc<Gate>,
    name: String,
    session: u64,
}

impl Gate {
    /// Lets calls of the tool served as `name` pass.
    pub(crate) fn permit(self: &Arc<Self>, name: &str) -> CallPermit {
        let mut permits = self.lock();
        *permits.calls.entry(name.to_owned()).or_default() += 1;
        CallPermit { gate: Arc::clone(self), name: name.to_owned(), session: permits.sessions }
    }

    /// Checks a message that is about to be sent.
    pub(crate) fn check(&self, message: &ClientJsonRpcMessage) -> Result<(), NotJudged> {
        match message {
            ClientJsonRpcMessage::Request(request) => self.check_request(&request.request),
            ClientJsonRpcMessage::Notification(message) => match &message.notification {
                ClientNotification::CustomNotification(custom) => refuse_custom(&custom.method),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    pub(crate) fn check_request(&self, request: &ClientRequest) -> Result<(), NotJudged> {
        let refused = match request {
            ClientRequest::InitializeRequest(_) | ClientRequest::DiscoverRequest(_) => {
                self.lock().renew();
                None
            }
            ClientRequest::ListToolsRequest(list) => {
                list.extensions.get::<OwnListing>().is_none().then_some("tools/list")
            }
            ClientRequest::CallToolRequest(call) => {
                let name = call.params.name.as_ref();
                (!self.lock().calls.contains_key(name)).then_some("tools/call")
            }
            ClientRequest::CustomRequest(custom) => return refuse_custom(&custom.method),
            _ => None,
        };
        refused.map_or(Ok(()), |method| Err(NotJudged { method }))
    }

    fn lock(&self) -> MutexGuard<'_, Permits> {
        self.permits.lock()
    }
}

impl Permits {
    /// Ends all permits. A new session may lead to another server: a tool that was judged in the
    /// earlier session may not be called in it. rmcp renews an expired session, and sends the
    /// pending message once more.
    fn renew(&mut self) {
        self.sessions += 1;
        self.calls.clear();
    }
}

fn refuse_custom(method: &str) -> Result<(), NotJudged> {
    let judged = ["tools/list", "tools/call"].into_iter().find(|judged| *judged == method);
    judged.map_or(Ok(()), |method| Err(NotJudged { method }))
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let mut permits = self.gate.lock();
        // A permit of an earlier session has ended already.
        if permits.sessions != self.session {
            return;
        }
        if let Some(count) = permits.calls.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                permits.calls.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::{
        CallToolRequest, CallToolRequestParams, CustomNotification, CustomRequest,
        InitializeRequest, ListToolsRequest, PingRequest,
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
    fn a_new_session_ends_the_permits_of_the_one_before() {
        let gate = Arc::new(Gate::default());
        let refused = Err(NotJudged { method: "tools/call" });
        let before = gate.permit("scan");
        let renewal = ClientRequest::InitializeRequest(InitializeRequest::default());
        assert_eq!(gate.check_request(&renewal), Ok(()));
        assert_eq!(gate.check_request(&call("scan")), refused);
        let after = gate.permit("scan");
        drop(before);
        assert_eq!(gate.check_request(&call("scan")), Ok(()));
        drop(after);
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
        let notification = |method: &str| {
            let custom = CustomNotification::new(method, None);
            ClientJsonRpcMessage::notification(ClientNotification::CustomNotification(custom))
        };
        assert!(gate.check(&notification("tools/call")).is_err());
        assert_eq!(gate.check(&notification("vendor/thing")), Ok(()));
        let ping = ClientRequest::PingRequest(PingRequest::default());
        assert_eq!(gate.check_request(&ping), Ok(()));
    }
}

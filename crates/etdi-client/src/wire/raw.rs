//! The raw texts of responses that are judged. rmcp's model of a tool loses members, so a digest
//! must be computed from the text that came over the wire.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};
use tokio::sync::Notify;

use super::ids::{Answered, answers};
use super::page::RawText;
use super::startup::{self, Greeting};

/// The most bytes of one response that are kept (wire format, section 6).
pub(crate) const MAX_RESPONSE: usize = 16 * 1024 * 1024;

/// The most responses that are waited for at once. Listings are read one page at a time, so more of
/// them come from reads that were given up.
const MAX_WAITING: usize = 32;

/// The response to a request whose response is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Captured {
    /// The whole JSON-RPC message, byte for byte.
    Text(Arc<RawText>),
    /// More than [`MAX_RESPONSE`] bytes.
    TooLarge,
    /// An event stream that broke off at invalid UTF-8.
    NotUtf8,
}

/// A request whose response is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Greeting(Greeting),
    /// `tools/list`.
    List,
}

impl Asked {
    fn of(request: &ClientRequest) -> Option<Self> {
        match request {
            ClientRequest::DiscoverRequest(_) => Some(Self::Greeting(Greeting::Discover)),
            ClientRequest::InitializeRequest(_) => Some(Self::Greeting(Greeting::Initialize)),
            ClientRequest::ListToolsRequest(_) => Some(Self::List),
            _ => None,
        }
    }

    fn is_greeting(self) -> bool {
        matches!(self, Self::Greeting(_))
    }
}

/// A response that was kept, with the request that it answers.
pub(crate) struct Kept {
    text: Arc<RawText>,
    asked: Asked,
    id: RequestId,
}

impl Kept {
    /// Returns the response in the form that rmcp gets.
    pub(crate) fn message(&self) -> ServerJsonRpcMessage {
        match self.asked {
            Asked::Greeting(greeting) => startup::message(&self.text, greeting, &self.id),
            Asked::List => self.text.readable(&self.id).unwrap_or_else(|| {
                let text = "the listing is not JSON that can be read";
                JsonRpcMessage::error(ErrorData::parse_error(text, None), Some(self.id.clone()))
            }),
        }
    }
}

/// The requests whose responses are judged, and the responses that came. A transport fills it
/// before rmcp sees a response; the reader of listings empties it.
#[derive(Debug, Default)]
pub(crate) struct RawResponses {
    waiting: Mutex<VecDeque<Slot>>,
    arrived: Notify,
    startups: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    id: RequestId,
    asked: Asked,
    came: Option<Captured>,
}

impl RawResponses {
    /// Notes that `message` is about to be sent. Returns whether its response will be judged.
    pub(crate) fn expect(&self, message: &ClientJsonRpcMessage) -> bool {
        let ClientJsonRpcMessage::Request(request) = message else {
            return false;
        };
        let Some(asked) = Asked::of(&request.request) else {
            return false;
        };
        let mut waiting = self.lock();
        if asked.is_greeting() {
            // Only the most recent answer to the handshake is kept.
            waiting.retain(|slot| !slot.asked.is_greeting());
            self.startups.fetch_add(1, Ordering::Relaxed);
        }
        // A transport that retries sends the same request again.
        if !waiting.iter().any(|slot| slot.id == request.id) {
            if waiting.len() >= MAX_WAITING {
                waiting.pop_front();
            }
            waiting.push_back(Slot { id: request.id.clone(), asked, came: None });
        }
        true
    }

    /// Returns the number of handshakes that were begun. If it has grown since the connection was
    /// made, the session was renewed.
    pub(crate) fn startups(&self) -> u64 {
        self.startups.load(Ordering::Relaxed)
    }

    /// Returns whether a response is waited for. If not, a transport need not copy the message.
    pub(crate) fn is_waiting(&self) -> bool {
        self.lock().iter().any(|slot| slot.came.is_none())
    }

    /// Keeps `message` if it is a response that is waited for. Only the first response to a request
    /// counts, as in rmcp.
    pub(crate) fn offer(&self, message: &[u8]) -> Option<Kept> {
        if !self.is_waiting() {
            return None;
        }
        self.keep(message, Answered::by(message).ids)
    }

    /// Keeps the body of the HTTP response to the request `id`. An error in the body answers this
    /// request, whatever its id: servers leave the id out where they did not read the request.
    pub(crate) fn offer_body(&self, body: &[u8], id: &RequestId) -> Option<Kept> {
        if !self.is_waiting() {
            return None;
        }
        let Answered { mut ids, is_error } = Answered::by(body);
        if is_error {
            ids.push(id.clone());
        }
        self.keep(body, ids)
    }

    fn keep(&self, message: &[u8], ids: Vec<RequestId>) -> Option<Kept> {
        let mut waiting = self.lock();
        let answered = waiting.iter_mut().filter(|slot| ids.iter().any(|id| answers(&slot.id, id)));
        let mut kept = None;
        for slot in answered {
            let first = kept.get_or_insert_with(|| Kept {
                text: Arc::new(RawText::new(message, ids.clone())),
                asked: slot.asked,
                id: slot.id.clone(),
            });
            slot.came.get_or_insert_with(|| match message.len() > MAX_RESPONSE {
                true => Captured::TooLarge,
                false => Captured::Text(Arc::clone(&first.text)),
            });
        }
        drop(waiting);
        self.arrived.notify_waiters();
        kept
    }

    /// Fails every request that is waited for: a response came that cannot be read, so the request
    /// that it answers is not known.
    pub(crate) fn fail(&self, why: &Captured) {
        for slot in self.lock().iter_mut() {
            slot.came.get_or_insert_with(|| why.clone());
        }
        self.arrived.notify_waiters();
    }

    /// Waits for the response to `id` and takes it. Waits for ever if the response does not come.
    pub(crate) async fn arrival(&self, id: &RequestId) -> Captured {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            if let Some(came) = self.take(id) {
                return came;
            }
            arrived.await;
        }
    }

    /// Takes the response to `id`, if the response has come.
    pub(crate) fn take(&self, id: &RequestId) -> Option<Captured> {
        let mut waiting = self.lock();
        let at = waiting.iter().position(|slot| slot.id == *id && slot.came.is_some())?;
        waiting.remove(at)?.came
    }

    /// Takes the response to the last handshake request.
    pub(crate) fn take_startup(&self) -> Option<Captured> {
        let mut waiting = self.lock();
        let at = waiting.iter().position(|slot| slot.asked.is_greeting())?;
        waiting.remove(at)?.came
    }

    /// Gives up waiting for `id`.
    pub(crate) fn forget(&self, id: &RequestId) {
        self.lock().retain(|slot| slot.id != *id);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Slot>> {
        self.waiting.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::{ListToolsRequest, PingRequest};

    fn list_request(id: i64) -> ClientJsonRpcMessage {
        ClientJsonRpcMessage::request(
            ClientRequest::ListToolsRequest(ListToolsRequest::default()),
            RequestId::Number(id),
        )
    }

    #[test]
    fn only_responses_that_are_judged_are_kept_and_each_once() {
        let raws = RawResponses::default();
        let ping = ClientRequest::PingRequest(PingRequest::default());
        assert!(!raws.expect(&ClientJsonRpcMessage::request(ping, RequestId::Number(1))));
        assert!(!raws.is_waiting());

        assert!(raws.expect(&list_request(2)));
        raws.offer(br#"{"id":2,"method":"ping"}"#);
        raws.offer(br#"{"id":3,"result":{}}"#);
        assert_eq!(raws.take(&RequestId::Number(2)), None);
        let text = br#"{"result":{"tools":[ ]}, "id":"2"}"#;
        raws.offer(text);
        raws.offer(br#"{"id":2,"result":{"tools":["later"]}}"#);
        assert_eq!(
            raws.take(&RequestId::Number(2)),
            Some(Captured::Text(Arc::new(RawText::new(text, Vec::new()))))
        );
        assert_eq!(raws.take(&RequestId::Number(2)), None);
    }

    #[test]
    fn a_text_that_no_reader_accepts_is_kept_for_its_id() {
        for text in [
            b"{\"id\":2,\"result\":{\"a\":\"\xff\"}}".as_slice(),
            b"\xef\xbb\xbf{\"id\":2,\"result\":{}}",
            br#"{"id":2,"id":9,"result":{}}"#,
            br#"{"id":2,"result":{"tools":[}"#,
        ] {
            let raws = RawResponses::default();
            raws.expect(&list_request(2));
            raws.offer(text);
            assert_eq!(
                raws.take(&RequestId::Number(2)),
                Some(Captured::Text(Arc::new(RawText::new(text, Vec::new()))))
            );
        }
    }

    #[test]
    fn responses_that_were_given_up_do_not_pile_up() {
        let raws = RawResponses::default();
        for id in 0..1_000 {
            raws.expect(&list_request(id));
        }
        assert_eq!(raws.lock().len(), MAX_WAITING);
        raws.fail(&Captured::TooLarge);
        assert_eq!(raws.take(&RequestId::Number(999)), Some(Captured::TooLarge));
    }
}

//! The handshake, as rmcp and the host's handler may see it.
//!
//! The `instructions` of a server are withheld, because rmcp would keep them where any handler can
//! read them. The raw text of the handshake is taken below this layer, and a person may approve the
//! instructions from that text.
//!
//! Only an answer of MCP 2026-07-28 ends the probe, `server/discover`. A server of an earlier
//! revision answers it with anything: an empty result, the result of another method, an error with
//! any code or id. rmcp falls back to `initialize` only after an error with the id of the probe, so
//! every other answer becomes such an error.
//!
//! rmcp waits ten seconds for the answer to its probe, `server/discover`, and then sends
//! `initialize`. A server that was still starting answers both. rmcp would take the first answer
//! for the answer to `initialize`, and give up. So a late answer to the probe is dropped here.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::RoleClient;
use rmcp::model::{ClientRequest, JsonRpcMessage, RequestId, ServerJsonRpcMessage, ServerResult};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, RxJsonRpcMessage, TxJsonRpcMessage,
};
use rmcp::transport::Transport;

use super::error::ConnectError;
use super::ids::answers;
use super::startup;

/// Connects, and connects once more in two cases:
///
/// - A server that knows only `server/discover` answered it after rmcp gave up on it, and then
///   refused the `initialize` that rmcp sent next. It is asked without `initialize`.
/// - A server ended at `server/discover`, or refuses `initialize` after it. Older servers take no
///   request before `initialize`, so this server is asked without `server/discover`.
pub(super) async fn negotiate<L>(
    mode: &ClientLifecycleMode,
    connect: impl AsyncFn(ClientLifecycleMode, LateDiscovery) -> Result<L, ConnectError>,
) -> Result<L, ConnectError> {
    let late = LateDiscovery::default();
    match (connect(mode.clone(), late.clone()).await, mode) {
        (Err(_), ClientLifecycleMode::Auto { preferred_versions, .. }) if late.came() => {
            let preferred_versions = preferred_versions.clone();
            connect(ClientLifecycleMode::Discover { preferred_versions }, late).await
        }
        (Err(error), ClientLifecycleMode::Auto { .. }) if is_about_the_probe(&error) => {
            connect(ClientLifecycleMode::Initialize, late).await
        }
        (done, _) => done,
    }
}

fn is_about_the_probe(error: &ConnectError) -> bool {
    match error {
        ConnectError::Ended { .. } => true,
        ConnectError::Handshake(error) => {
            matches!(**error, ClientInitializeError::LegacyFallbackFailed { .. })
        }
        _ => false,
    }
}

/// A transport that removes the instructions from the handshake, and drops a late answer to the
/// probe.
pub(super) struct Withheld<T> {
    inner: T,
    /// The id of the probe that rmcp waits for.
    probe: Option<RequestId>,
    /// The id of the probe, if it was not answered when `initialize` was sent.
    late: Option<RequestId>,
    late_discovery: LateDiscovery,
}

/// Whether a server knew `server/discover` but answered it too late.
#[derive(Clone, Debug, Default)]
pub(super) struct LateDiscovery(Arc<AtomicBool>);

impl LateDiscovery {
    pub(super) fn came(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl<T> Withheld<T> {
    pub(super) fn new(inner: T, late_discovery: LateDiscovery) -> Self {
        Self { inner, probe: None, late: None, late_discovery }
    }

    fn note(&mut self, sent: &ClientRequest, id: &RequestId) {
        match sent {
            ClientRequest::DiscoverRequest(_) => self.probe = Some(id.clone()),
            ClientRequest::InitializeRequest(_) => self.late = self.probe.take(),
            _ => {}
        }
    }

    /// Returns whether `message` answers a probe that rmcp does not wait for any longer.
    fn is_late(&mut self, message: &ServerJsonRpcMessage) -> bool {
        let Some(late) = &self.late else { return false };
        let is_late = match message {
            JsonRpcMessage::Response(response) => answers(late, &response.id),
            // A server that could not read the id leaves it out. A server that reads requests in
            // order also answers them in order, so the first error without an id is about the
            // probe.
            JsonRpcMessage::Error(error) => error.id.as_ref().is_none_or(|id| answers(late, id)),
            _ => false,
        };
        if is_late {
            self.late = None;
        }
        is_late
    }

    /// Returns the answer to the probe in a form that rmcp understands. `None` if `message` is not
    /// an answer, or if the probe was answered. As long as it is not answered, the probe is the only
    /// request that was sent, so every answer is its answer, whatever its id.
    fn answer_to_probe(&mut self, message: &ServerJsonRpcMessage) -> Option<ServerJsonRpcMessage> {
        let probe = self.probe.as_ref()?;
        let answer = match message {
            JsonRpcMessage::Response(response)
                if is_discovery(message) && answers(probe, &response.id) =>
            {
                message.clone()
            }
            JsonRpcMessage::Response(_) => {
                let reason = "server/discover was answered with the result of another method";
                JsonRpcMessage::error(startup::legacy(reason), Some(probe.clone()))
            }
            JsonRpcMessage::Error(error) => {
                let error = startup::refused_probe(error.error.clone());
                JsonRpcMessage::error(error, Some(probe.clone()))
            }
            _ => return None,
        };
        self.probe = None;
        Some(answer)
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Withheld<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        if let JsonRpcMessage::Request(sent) = &item {
            self.note(&sent.request, &sent.id);
        }
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let mut message = self.inner.receive().await?;
        while self.is_late(&message) {
            if is_discovery(&message) {
                self.late_discovery.0.store(true, Ordering::Release);
            }
            tracing::debug!("the answer to server/discover came after initialize was sent");
            message = self.inner.receive().await?;
        }
        if let Some(answer) = self.answer_to_probe(&message) {
            message = answer;
        }
        if let JsonRpcMessage::Response(response) = &mut message {
            match &mut response.result {
                ServerResult::InitializeResult(result) => result.instructions = None,
                ServerResult::DiscoverResult(result) => result.instructions = None,
                _ => {}
            }
        }
        Some(message)
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

fn is_discovery(message: &ServerJsonRpcMessage) -> bool {
    matches!(message, JsonRpcMessage::Response(response)
        if matches!(response.result, ServerResult::DiscoverResult(_)))
}

#[cfg(test)]
mod tests {
    use rmcp::model::ProtocolVersion;
    use rmcp::service::{ClientServiceExt, RunningService};
    use rmcp::transport::async_rw::AsyncRwTransport;
    use serde_json::{Value, json};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

    use super::*;

    fn auto() -> ClientLifecycleMode {
        ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        }
    }

    /// Plays a server that does not read until rmcp has sent its first `requests`, and then answers
    /// each with `answer`.
    async fn slow_server(
        stream: DuplexStream,
        requests: usize,
        answer: impl Fn(&Value) -> Option<Value>,
    ) {
        let (read, mut write) = tokio::io::split(stream);
        let mut lines = BufReader::new(read).lines();
        let mut unread = Vec::new();
        while let Ok(Some(line)) = lines.next_line().await {
            unread.push(serde_json::from_str::<Value>(&line).unwrap());
            if unread.len() < requests {
                continue;
            }
            for request in std::mem::take(&mut unread) {
                if let Some(answer) = answer(&request) {
                    write.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
                }
            }
        }
    }

    fn initialized(request: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": request["id"], "result": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "serverInfo": {"name": "slow", "version": "1"},
        }})
    }

    fn discovered(request: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": request["id"], "result": {
            "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {},
            "ttlMs": 0, "cacheScope": "private",
        }})
    }

    fn unknown(id: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "unknown"}})
    }

    async fn serve(
        stream: DuplexStream,
        mode: ClientLifecycleMode,
        late: LateDiscovery,
    ) -> Result<RunningService<RoleClient, ()>, ConnectError> {
        let (read, write) = tokio::io::split(stream);
        let transport = Withheld::new(AsyncRwTransport::new_client(read, write), late);
        let served = ().serve_with_lifecycle(transport, mode).await;
        served.map_err(|error| ConnectError::Handshake(Box::new(error)))
    }

    fn agreed(service: &RunningService<RoleClient, ()>) -> String {
        service.peer().peer_info().unwrap().protocol_version.to_string()
    }

    /// Time is paused, so rmcp's ten seconds are over as soon as both sides wait.
    #[tokio::test(start_paused = true)]
    async fn a_server_that_starts_slowly_may_refuse_the_probe_late() {
        // Also an error without an id: JSON-RPC 2.0, section 5, wants that if the id was not read.
        for id in [json!(0), Value::Null] {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            tokio::spawn(slow_server(theirs, 2, move |request| match request["method"].as_str() {
                Some("server/discover") => Some(unknown(&id)),
                Some("initialize") => Some(initialized(request)),
                _ => None,
            }));
            let service = serve(ours, auto(), LateDiscovery::default()).await.unwrap();
            assert_eq!(agreed(&service), "2025-11-25");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_knows_both_handshakes_may_answer_the_probe_late() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(slow_server(theirs, 2, |request| match request["method"].as_str() {
            Some("server/discover") => Some(discovered(request)),
            Some("initialize") => Some(initialized(request)),
            _ => None,
        }));
        let service = serve(ours, auto(), LateDiscovery::default()).await.unwrap();
        assert_eq!(agreed(&service), "2025-11-25");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_of_the_newest_revision_alone_may_start_slowly() {
        let starts = std::sync::atomic::AtomicUsize::new(0);
        let service = negotiate(&auto(), async |mode, late| {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let slow = starts.fetch_add(1, Ordering::SeqCst) == 0;
            tokio::spawn(slow_server(theirs, if slow { 2 } else { 1 }, |request| {
                match request["method"].as_str() {
                    Some("server/discover") => Some(discovered(request)),
                    Some("initialize") => Some(unknown(&request["id"])),
                    _ => None,
                }
            }));
            serve(ours, mode, late).await
        })
        .await
        .unwrap();
        assert_eq!(agreed(&service), "2026-07-28");
        assert_eq!(starts.into_inner(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_refuses_both_handshakes_is_asked_once() {
        let starts = std::sync::atomic::AtomicUsize::new(0);
        let refused = negotiate(&auto(), async |mode, late| {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            starts.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(slow_server(theirs, 2, |request| Some(unknown(&request["id"]))));
            serve(ours, mode, late).await
        })
        .await;
        assert!(matches!(refused, Err(ConnectError::Handshake(_))), "{refused:?}");
        assert_eq!(starts.into_inner(), 1);
    }
}

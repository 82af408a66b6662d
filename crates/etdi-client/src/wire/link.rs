//! One connection: the running client of rmcp, the raw texts beside it, and the reading of
//! listings.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etdi_types::{ListingError, ResourceUri, StdioCommand};
use parking_lot::Mutex;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientRequest, ListToolsRequest, PaginatedRequestParams,
    ProtocolVersion, RequestId, ServerResult, SubscriptionFilter,
};
use rmcp::service::{
    ClientCacheConfig, ClientInitializeError, ClientLifecycleMode, ClientServiceExt,
    PeerRequestOptions, RunningService, ServiceError, SubscriptionEnd,
};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
};
use rmcp::transport::{IntoTransport, Transport};
use rmcp::{Peer, RoleClient};
use tokio::sync::RwLock;
use tokio::task::AbortHandle;

use super::any_service::AnyService;
use super::authorizer::HttpAuthorizer;
use super::error::{ConnectError, ListError};
use super::gate::{Gate, OwnListing};
use super::handshake::{LateDiscovery, Withheld, negotiate};
use super::http::RawHttpClient;
use super::http::legacy::LegacyTransport;
use super::page::{RawListing, RawPage, RawPages};
use super::raw::{Captured, RawResponses};
use super::startup;
use super::stdio::{SideOutput, StdioTransport};
use super::stop::Stop;

/// The function that makes the handler of one connection.
pub(crate) type Handlers = Arc<dyn Fn(Arc<ListChanges>) -> AnyService + Send + Sync>;

/// The number of events that make an earlier listing stale.
#[derive(Debug, Default)]
pub(crate) struct ListChanges(AtomicU64);

impl ListChanges {
    pub(crate) fn note(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// The settings of a new connection.
#[derive(Clone)]
pub(crate) struct Lifecycle {
    pub(crate) mode: ClientLifecycleMode,
    pub(crate) handlers: Handlers,
    /// The time that a server has to start and to complete the handshake.
    pub(crate) start_timeout: Duration,
    /// The time that the reading of a whole listing may take.
    pub(crate) timeout: Duration,
    pub(crate) authorizer: Option<Arc<dyn HttpAuthorizer>>,
}

/// The parts that a transport and its connection share.
type Shared = (Arc<RawResponses>, Arc<Gate>);

/// The raw response that began the session.
pub(crate) type Startup = Bytes;

pub(crate) struct Link {
    service: RwLock<Option<RunningService<RoleClient, AnyService>>>,
    stop: Stop,
    peer: Peer<RoleClient>,
    raws: Arc<RawResponses>,
    gate: Arc<Gate>,
    changes: Arc<ListChanges>,
    timeout: Duration,
    rewrites: bool,
    watcher: Mutex<Option<AbortHandle>>,
}

impl Link {
    /// Starts `command`. Errors and the log call it `name`.
    pub(crate) async fn stdio(
        name: &str,
        command: &StdioCommand,
        lifecycle: &Lifecycle,
    ) -> Result<(Self, Startup), ConnectError> {
        negotiate(&lifecycle.mode, async |mode, late| {
            let (raws, gate) = Default::default();
            let spawned =
                StdioTransport::spawn(name, command, Arc::clone(&raws), Arc::clone(&gate));
            let (transport, side) = spawned.map_err(|source| match &command.cwd {
                // The operating system gives the same error for a missing folder and for a missing
                // program.
                Some(folder) if !Path::new(folder).is_dir() => {
                    ConnectError::NoFolder { command: name.to_owned() }
                }
                _ => ConnectError::Spawn { command: name.to_owned(), source },
            })?;
            let transport = Withheld::new(transport, late);
            match Self::serve(transport, (raws, gate), lifecycle, mode, false).await {
                Err(ConnectError::Ended { .. }) => Err(ended(side).await),
                done => done,
            }
        })
        .await
    }

    pub(crate) async fn http(
        uri: &ResourceUri,
        lifecycle: &Lifecycle,
    ) -> Result<(Self, Startup), ConnectError> {
        negotiate(&lifecycle.mode, async |mode, late| {
            let (raws, gate) = Default::default();
            let client = RawHttpClient::new(
                uri.clone(),
                lifecycle.authorizer.clone(),
                lifecycle.timeout,
                Arc::clone(&raws),
                Arc::clone(&gate),
            )
            .map_err(ConnectError::HttpClient)?;
            let config = StreamableHttpClientTransportConfig::with_uri(uri.as_str());
            let transport = StreamableHttpClientTransport::with_client(client.clone(), config);
            let transport = Withheld::new(transport.into_transport(), late);
            let newer = (Arc::clone(&raws), Arc::clone(&gate));
            match Self::serve(transport, newer, lifecycle, mode, true).await {
                Err(error) if client.is_refused_post() => {
                    Self::legacy(client, (raws, gate), lifecycle, error).await
                }
                done => done,
            }
        })
        .await
    }

    /// Connects to a server that may have only the transport of MCP 2024-11-05. Returns `earlier`
    /// for a server that does not have this transport either.
    async fn legacy(
        client: RawHttpClient,
        shared: Shared,
        lifecycle: &Lifecycle,
        earlier: ConnectError,
    ) -> Result<(Self, Startup), ConnectError> {
        let after = lifecycle.start_timeout;
        let opened = tokio::time::timeout(after, LegacyTransport::open(client)).await;
        let transport = match opened.map_err(|_| ConnectError::Timeout { after })? {
            Ok(transport) => transport,
            Err(error) => return Err(ConnectError::of_request(&error).unwrap_or(earlier)),
        };
        let transport = Withheld::new(transport, LateDiscovery::default());
        Self::serve(transport, shared, lifecycle, ClientLifecycleMode::Initialize, false).await
    }

    async fn serve<T: Transport<RoleClient> + 'static>(
        transport: Withheld<T>,
        (raws, gate): Shared,
        lifecycle: &Lifecycle,
        mode: ClientLifecycleMode,
        rewrites: bool,
    ) -> Result<(Self, Startup), ConnectError> {
        let changes = Arc::<ListChanges>::default();
        let service = (lifecycle.handlers)(Arc::clone(&changes));
        let serving = service.serve_with_lifecycle(transport, mode);
        let after = lifecycle.start_timeout;
        let service = tokio::time::timeout(after, serving)
            .await
            .map_err(|_| ConnectError::Timeout { after })?
            .map_err(|error| handshake(error, &raws))?;
        let startup = startup(raws.take_startup())?;
        let peer = service.peer().clone();
        peer.set_response_cache_config(ClientCacheConfig::disabled()).await;
        let watcher = Mutex::new(watch(&peer, &changes));
        let link = Self {
            stop: Stop::new(service.cancellation_token()),
            service: RwLock::new(Some(service)),
            peer,
            raws,
            gate,
            changes,
            timeout: lifecycle.timeout,
            rewrites,
            watcher,
        };
        Ok((link, startup))
    }

    /// Returns a number that grows whenever an earlier listing may have changed.
    pub(crate) fn epoch(&self) -> u64 {
        self.changes.0.load(Ordering::Acquire) + self.raws.startups()
    }

    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Returns the revision of MCP that both sides agreed on.
    pub(crate) fn protocol(&self) -> Option<String> {
        Some(self.peer.peer_info()?.protocol_version.to_string())
    }

    /// Calls a tool, through as many rounds as the server asks for.
    pub(crate) async fn call(
        &self,
        params: CallToolRequestParams,
    ) -> Result<CallToolResult, ServiceError> {
        let _permit = self.gate.permit(&params.name);
        match &*self.service.read().await {
            Some(service) => service.call_tool(params).await,
            None => Err(ServiceError::TransportClosed),
        }
    }

    /// Ends the connection: running calls fail, and a child process is ended.
    pub(crate) async fn close(&self) {
        self.stop.now();
        if let Some(service) = self.service.write().await.take() {
            service.cancel().await.ok();
        }
    }

    /// Reads all pages of `tools/list`.
    pub(crate) async fn list(&self) -> Result<RawListing, ListError> {
        let after = self.timeout;
        tokio::time::timeout(after, self.pages()).await.map_err(|_| ListError::Timeout { after })?
    }

    /// Subscribes again if the server ended the subscription to its list changes. This happens only
    /// with a read of the list, so a server that ends every subscription causes no more traffic
    /// than the reads.
    fn keep_watching(&self) {
        let mut watcher = self.watcher.lock();
        if watcher.as_ref().is_some_and(AbortHandle::is_finished) {
            *watcher = watch(&self.peer, &self.changes);
        }
    }

    async fn pages(&self) -> Result<RawListing, ListError> {
        self.keep_watching();
        let mut pages = RawPages::default();
        let mut cursor = None;
        loop {
            let (page, seen) = self.page(cursor).await?;
            let passed = match &seen {
                Some(ServerResult::ListToolsResult(seen)) => Some(seen.tools.as_slice()),
                _ => None,
            };
            cursor = pages.add(page, passed)?;
            if cursor.is_none() {
                return Ok(pages.complete());
            }
        }
    }

    /// Reads one page. Also returns rmcp's own result of the page if rmcp may have left out tools.
    async fn page(
        &self,
        cursor: Option<String>,
    ) -> Result<(RawPage, Option<ServerResult>), ListError> {
        let params =
            cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        let mut request = ListToolsRequest { params, ..ListToolsRequest::default() };
        request.extensions.insert(OwnListing);
        let handle = self
            .peer
            .send_cancellable_request(
                ClientRequest::ListToolsRequest(request),
                PeerRequestOptions::with_timeout(self.timeout),
            )
            .await?;
        let id = handle.id.clone();
        let _forget = Forget { raws: &self.raws, id: &id };
        let mut typed = std::pin::pin!(handle.await_response());
        let (raw, answer) = tokio::select! {
            biased;
            raw = self.raws.arrival(&id) => (Some(raw), None),
            answer = &mut typed => (self.raws.take(&id), Some(answer)),
        };
        let text = match raw {
            Some(Captured::Text(text)) => text,
            Some(Captured::TooLarge) => return Err(ListError::TooLarge),
            Some(Captured::NotUtf8) => return Err(ListError::NotUtf8),
            None => {
                answer.transpose()?;
                return Err(ListError::NoRawText);
            }
        };
        if let Err(ListingError::NoTools) = text.page()
            && let Some(said) = text.error()
        {
            return Err(ServiceError::McpError(said).into());
        }
        let page = text.into_page()?;
        // rmcp leaves out tools only on HTTP, where it makes headers from their schemas. On stdio,
        // rmcp silently skips a line that it cannot read, so its result may never come.
        let answer = match answer {
            Some(answer) => Some(answer),
            None if self.rewrites => Some(typed.await),
            None => None,
        };
        Ok((page, answer.and_then(Result::ok)))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.now();
        if let Some(watcher) = self.watcher.get_mut() {
            watcher.abort();
        }
    }
}

/// Removes the wait for a response when the reading of a page is given up.
struct Forget<'a> {
    raws: &'a RawResponses,
    id: &'a RequestId,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.raws.forget(self.id);
    }
}

fn handshake(error: ClientInitializeError, raws: &RawResponses) -> ConnectError {
    match raws.take_startup() {
        Some(Captured::TooLarge) => ConnectError::TooLarge,
        Some(Captured::NotUtf8) => ConnectError::NotUtf8,
        Some(Captured::Text(text)) => match startup::malformed_member(&text) {
            Some(member) => ConnectError::Malformed { member },
            None => error.into(),
        },
        None => error.into(),
    }
}

async fn ended(side: SideOutput) -> ConnectError {
    let skipped = side.skipped();
    ConnectError::Ended { last_lines: side.last_lines().await, skipped }
}

fn startup(came: Option<Captured>) -> Result<Startup, ConnectError> {
    match came {
        Some(Captured::Text(text)) => Ok(text.bytes().clone()),
        Some(Captured::TooLarge) => Err(ConnectError::TooLarge),
        Some(Captured::NotUtf8) => Err(ConnectError::NotUtf8),
        None => Err(ConnectError::NoRawText),
    }
}

/// Subscribes to list changes. From MCP 2026-07-28 on, they come only over a subscription.
fn watch(peer: &Peer<RoleClient>, changes: &Arc<ListChanges>) -> Option<AbortHandle> {
    let info = peer.peer_info()?;
    let announces = info.capabilities.tools.as_ref()?.list_changed == Some(true);
    if !announces || info.protocol_version.as_str() < ProtocolVersion::NO_INITIALIZE.as_str() {
        return None;
    }
    let (peer, changes) = (peer.clone(), Arc::clone(changes));
    let task = tokio::spawn(async move {
        let filter = || SubscriptionFilter::builder().tools_list_changed().build();
        while let Ok(mut subscription) = peer.listen(filter()).await {
            let mut is_silent = true;
            while let Ok(Some(_)) = subscription.next().await {
                is_silent = false;
                changes.note();
            }
            // A change between two subscriptions is not seen, so a subscription that ends makes the
            // listing stale. The exception is a subscription that the server ended properly,
            // without an event: such a server says that it does not watch its list. Otherwise a
            // server that ends every subscription at once would make each listing stale.
            let is_graceful = matches!(subscription.end(), Some(SubscriptionEnd::Graceful(_)));
            if !(is_silent && is_graceful) {
                changes.note();
            }
            if !matches!(subscription.end(), Some(SubscriptionEnd::Lagged { .. })) {
                break;
            }
        }
    });
    Some(task.abort_handle())
}

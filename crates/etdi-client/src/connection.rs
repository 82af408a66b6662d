//! One connection to one server.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use etdi_events::Emitter;
use etdi_review::ReviewPolicy;
use etdi_types::{
    AuthorizationContext, Clock, Instructions, SecurityLevel, ServerIdentity, TrustConfig,
};
use rmcp::model::Tool;
use rmcp::{Peer, RoleClient};

use crate::decision::{Decision, Refusal};
use crate::error::{ConnectError, DiscoverError};
use crate::evidence::EvidenceGatherer;
use crate::executable::Executable;
use crate::listing::Reads;
use crate::policy::ListedNames;
use crate::report::Reporter;
use crate::store::{ApprovalStore, StoreError};
use crate::tokens::Tokens;
use crate::tool::{ApprovedTool, JudgedTool};
use crate::wire::Link;

/// What all connections of a client share.
pub(crate) struct Settings {
    pub(crate) trust: TrustConfig,
    pub(crate) gatherer: EvidenceGatherer,
    pub(crate) store: Arc<dyn ApprovalStore>,
    pub(crate) level: SecurityLevel,
    pub(crate) policy: ReviewPolicy,
    pub(crate) listed: ListedNames,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_age: Duration,
    pub(crate) events: Option<Emitter>,
}

/// One connection: two connections to one server are two of these.
#[derive(Clone)]
pub(crate) struct ConnectionId(Arc<ServerIdentity>);

impl PartialEq for ConnectionId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Debug for ConnectionId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "connection to {}", self.0)
    }
}

/// A live connection to one server. The server is asked for its tools through this alone; they are
/// judged before anybody sees them, and again before each call.
///
/// Dropping it closes the connection and ends a child process.
pub struct ServerConnection {
    pub(crate) id: ConnectionId,
    pub(crate) link: Link,
    pub(crate) settings: Arc<Settings>,
    /// For whom calls are made.
    pub(crate) context: AuthorizationContext,
    pub(crate) reads: Reads,
    pub(crate) reporter: Reporter,
    pub(crate) executable: Option<Executable>,
    pub(crate) received_instructions: Option<Instructions>,
    pub(crate) tokens: Option<Arc<Tokens>>,
}

impl ServerConnection {
    pub(crate) fn new(
        server: ServerIdentity,
        link: Link,
        startup: &[u8],
        settings: Arc<Settings>,
        context: AuthorizationContext,
        executable: Option<Executable>,
        tokens: Option<Arc<Tokens>>,
    ) -> Result<Self, ConnectError> {
        let received_instructions =
            Instructions::from_response(startup).map_err(ConnectError::Refused)?;
        let id = ConnectionId(Arc::new(server));
        let reporter = Reporter::new(settings.events.clone(), (*id.0).clone());
        reporter.connected(link.protocol());
        Ok(Self {
            id,
            link,
            settings,
            context,
            reads: Reads::default(),
            reporter,
            executable,
            received_instructions,
            tokens,
        })
    }

    /// The server's identity, under which its pins and approvals are kept.
    #[must_use]
    pub fn server(&self) -> &ServerIdentity {
        &self.id.0
    }

    /// Reads the server's tools, all pages, and judges each. Blocked ones are among them, with the
    /// reason; show a model [`visible_tools`](Self::visible_tools) instead.
    ///
    /// # Errors
    /// [`DiscoverError`]: nothing may be used.
    pub async fn discover(&self) -> Result<Vec<JudgedTool>, DiscoverError> {
        let listing = self.read_now().await?;
        self.judge_all(&listing).await
    }

    /// The decision on a tool that [`discover`](Self::discover) gave, by what is stored now.
    ///
    /// # Errors
    /// [`DiscoverError::Store`] if the store fails.
    pub async fn decide(&self, tool: &JudgedTool) -> Result<Decision, DiscoverError> {
        if tool.connection != self.id {
            return Ok(Decision::Block(Refusal::of(tool.clone())));
        }
        Ok(Decision::on(&self.judge_listed(&tool.listed).await?))
    }

    /// What a model may see: the definitions that were let through, and nothing of the others.
    ///
    /// # Errors
    /// As [`discover`](Self::discover).
    pub async fn visible_tools(&self) -> Result<Vec<Tool>, DiscoverError> {
        let judged = self.discover().await?;
        Ok(judged.iter().filter_map(ApprovedTool::mint).map(|tool| tool.tool().clone()).collect())
    }

    /// rmcp's peer, for prompts, resources, completions, subscriptions, and custom requests and
    /// notifications, which pass through unchanged. What would list or call tools through it is
    /// refused with [`NotJudged`](crate::NotJudged) and not sent.
    #[must_use]
    pub fn peer(&self) -> &Peer<RoleClient> {
        self.link.peer()
    }

    /// Closes the connection: calls under way fail, a child process is ended.
    pub async fn close(&self) {
        self.link.close().await;
    }

    /// Forgets everything about a tool of this server, by its id or its served name. A person's
    /// decision: it is the only way out of `Tampered` and `Replaced`. Says whether there was
    /// anything to forget.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be forgotten.
    pub async fn forget(&self, tool: &str) -> Result<bool, StoreError> {
        self.settings.store.forget(self.server(), tool).await
    }
}

impl Debug for ServerConnection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConnection").field("server", self.server()).finish_non_exhaustive()
    }
}

impl Drop for ServerConnection {
    fn drop(&mut self) {
        self.reporter.disconnected();
    }
}

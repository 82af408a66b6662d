//! The client: its trust configuration, store and level, and the connections that share them.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use etdi_events::Emitter;
use etdi_judge::{ApprovalStore, EvidenceGatherer, Judge, Settings};
use etdi_oauth::{
    ACCESS_TOKEN_VARIABLE, AccessToken, HttpError, Network, OAuthProvider, TokenRequest,
};
use etdi_review::ReviewPolicy;
use etdi_types::{
    AuthorizationContext, Clock, ResourceUri, SecurityLevel, ServerIdentity, StdioCommand,
    SystemClock, TrustConfig,
};
use rmcp::ClientHandler;
use rmcp::model::ProtocolVersion;
use rmcp::service::ClientLifecycleMode;

use crate::connection::ServerConnection;
use crate::connection::executable::Executable;
use crate::connection::tokens::{TokenSource, Tokens};
use crate::wire::any_service::AnyService;
use crate::wire::authorizer::HttpAuthorizer;
use crate::wire::error::ConnectError;
use crate::wire::handler::Observed;
use crate::wire::link::{Lifecycle, Link, ListChanges};

/// A client that connects to servers and judges their tools. A clone is cheap and shares all state.
#[derive(Clone)]
pub struct EtdiClient {
    settings: Arc<Settings>,
    lifecycle: Lifecycle,
    context: Option<AuthorizationContext>,
    sources: Arc<HashMap<ServerIdentity, TokenSource>>,
}

/// The error of a client that cannot be built.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Level Strict needs a proof for each call, and call proofs do not exist yet.
    #[error(
        "cannot build a client at level strict: it needs call proofs, which are not supported yet; \
         use enhanced"
    )]
    NeedsCallProofs,
    /// TLS cannot be set up.
    #[error("cannot set up the HTTP client for key sets and issuers: {0}")]
    Network(#[from] HttpError),
}

impl EtdiClient {
    /// Returns a builder of a client that trusts the entries of `trust`, at level Enhanced, with
    /// approvals in memory.
    pub fn builder(trust: TrustConfig) -> EtdiClientBuilder<()> {
        EtdiClientBuilder {
            trust,
            store: None,
            level: SecurityLevel::default(),
            policy: ReviewPolicy::default(),
            clock: Arc::new(SystemClock),
            max_age: None,
            context: None,
            events: None,
            start_timeout: Duration::from_secs(120),
            timeout: Duration::from_secs(30),
            handler: (),
            authorizer: None,
            sources: HashMap::new(),
            network: Network::default(),
        }
    }

    /// Connects to the server at `uri` over streamable HTTP.
    ///
    /// # Errors
    /// [`ConnectError`] if the connection cannot be made.
    pub async fn connect_http(&self, uri: &str) -> Result<ServerConnection, ConnectError> {
        let uri = ResourceUri::parse(uri)?;
        let server = ServerIdentity::Http(uri.clone());
        let tokens = self.tokens(&server).await?;
        let mut lifecycle = self.lifecycle.clone();
        if let Some((tokens, _)) = &tokens {
            lifecycle.authorizer = Some(tokens.clone());
        }
        let (link, startup) = Link::http(&uri, &lifecycle).await?;
        let tokens = tokens.map(|(tokens, _)| tokens);
        ServerConnection::new(self.judge(server), link, &startup, None, tokens)
    }

    /// Starts a server as a child process and connects to it over its standard streams.
    ///
    /// The server's standard error goes to the log of this process (`tracing`, level INFO),
    /// escaped.
    ///
    /// # Errors
    /// [`ConnectError`] if the connection cannot be made. The process is ended then.
    pub async fn connect_stdio(
        &self,
        command: StdioCommand,
    ) -> Result<ServerConnection, ConnectError> {
        self.connect_expanded(&command.clone(), command).await
    }

    /// Connects as [`connect_stdio`](Self::connect_stdio) does, for a command whose configuration
    /// holds variables. `configured` is the command as in the configuration, and gives the server's
    /// identity. `command` is the same command with the values of the variables, and is started
    /// (wire format, section 6). Errors and the log name the command as configured.
    ///
    /// # Errors
    /// [`ConnectError`] if the connection cannot be made. The process is ended then.
    pub async fn connect_expanded(
        &self,
        configured: &StdioCommand,
        command: StdioCommand,
    ) -> Result<ServerConnection, ConnectError> {
        let server = ServerIdentity::from(configured);
        let executable = Executable::of(command.clone()).await;
        let tokens = self.tokens(&server).await?;
        // The identity of the server is the command as configured, without the token of this
        // session.
        let command = match &tokens {
            Some((_, token)) => command.env(ACCESS_TOKEN_VARIABLE, token.expose()),
            None => command,
        };
        let (link, startup) = Link::stdio(&configured.command, &command, &self.lifecycle).await?;
        // A child process keeps the token that it was started with, so the connection does not
        // renew tokens.
        ServerConnection::new(self.judge(server), link, &startup, executable, None)
    }

    fn judge(&self, server: ServerIdentity) -> Judge {
        let context = self.context_at(&server);
        Judge::new(server, context, self.settings.clone())
    }

    /// Returns the authorization context of the calls to a server.
    fn context_at(&self, server: &ServerIdentity) -> AuthorizationContext {
        match (&self.context, self.sources.get(server)) {
            (Some(context), _) => context.clone(),
            (None, Some(source)) => source.context(),
            (None, None) => AuthorizationContext::None,
        }
    }

    /// Returns the tokens of a new connection, and the first token. Fails if the provider does not
    /// give a token; the connection is then not made.
    async fn tokens(
        &self,
        server: &ServerIdentity,
    ) -> Result<Option<(Arc<Tokens>, AccessToken)>, ConnectError> {
        let Some(source) = self.sources.get(server) else { return Ok(None) };
        let tokens = Arc::new(Tokens::new(source));
        let token = tokens.token().await?;
        Ok(Some((tokens, token)))
    }
}

impl Debug for EtdiClient {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtdiClient").field("level", &self.settings.level()).finish_non_exhaustive()
    }
}

/// Builds an [`EtdiClient`].
#[must_use]
pub struct EtdiClientBuilder<H> {
    trust: TrustConfig,
    store: Option<Arc<dyn ApprovalStore>>,
    level: SecurityLevel,
    policy: ReviewPolicy,
    clock: Arc<dyn Clock>,
    max_age: Option<Duration>,
    context: Option<AuthorizationContext>,
    events: Option<Emitter>,
    start_timeout: Duration,
    timeout: Duration,
    handler: H,
    authorizer: Option<Arc<dyn HttpAuthorizer>>,
    sources: HashMap<ServerIdentity, TokenSource>,
    network: Network,
}

impl<H: ClientHandler> EtdiClientBuilder<H> {
    /// Sets the store of approvals. In memory by default.
    pub fn approvals(self, store: impl ApprovalStore) -> Self {
        self.shared_approvals(Arc::new(store))
    }

    /// Sets the store of approvals to one that other clients share.
    pub fn shared_approvals(mut self, store: Arc<dyn ApprovalStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Sets the level, which is the column of the decision table that applies. Enhanced by default.
    pub fn level(mut self, level: SecurityLevel) -> Self {
        self.level = level;
        self
    }

    /// Sets how changes of approved tools are handled, by the findings of a review. By default, a
    /// person is asked about every change.
    ///
    /// The policy applies only where the level would ask because a definition changed. If the
    /// policy blocks a change, the tool is blocked. If the policy accepts a change, the tool is
    /// approved when the change is seen, with
    /// [`ApprovalBasis::Policy`](etdi_types::ApprovalBasis::Policy) and without a person. This
    /// approval has the same end and the same grants as the earlier one; if the definition requires
    /// more permissions, a person is asked. A tool that was let through before the change cannot be
    /// called any longer ([`CallError::Stale`](crate::CallError::Stale)). The review compares the
    /// definition with the names of other tools: those that this client's connections listed last,
    /// and all approved tools in the store.
    pub fn review_policy(mut self, policy: ReviewPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the source of the time. The system's clock by default.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets how old a listing may be when a tool is called. With zero, the listing is read before
    /// every call. The default depends on the level.
    pub fn definition_max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Sets the authorization context of all calls. An approval counts only in the context in which
    /// it was given. By default the context is the client of the provider that gives a server its
    /// tokens, or [`AuthorizationContext::None`] for a server without tokens.
    pub fn authorization_context(mut self, context: AuthorizationContext) -> Self {
        self.context = Some(context);
        self
    }

    /// Sets the emitter of events. By default, events are not reported.
    pub fn events(mut self, emitter: Emitter) -> Self {
        self.events = Some(emitter);
        self
    }

    /// Sets how long a server may take to start and to complete the handshake. The default is 120
    /// seconds: a server that a package manager has to fetch first needs almost a minute.
    ///
    /// A server is first asked for the newest revision of MCP, with `server/discover`. If it does
    /// not know this request, or does not answer within ten seconds, the client sends `initialize`,
    /// with which earlier revisions begin. So the time must be longer than ten seconds.
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// Sets how long the reading of a whole listing may take. The default is 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the host's own handler. The handler gets the requests and notifications of servers
    /// (sampling, elicitation, roots, notifications) unchanged. All connections share it.
    pub fn handler<T: ClientHandler>(self, handler: T) -> EtdiClientBuilder<T> {
        EtdiClientBuilder {
            handler,
            trust: self.trust,
            store: self.store,
            level: self.level,
            policy: self.policy,
            clock: self.clock,
            max_age: self.max_age,
            context: self.context,
            events: self.events,
            start_timeout: self.start_timeout,
            timeout: self.timeout,
            authorizer: self.authorizer,
            sources: self.sources,
            network: self.network,
        }
    }

    /// Obtains tokens for the calls to `server` from `provider`, and attaches them: as bearer
    /// tokens on HTTP, and in the variable `ETDI_ACCESS_TOKEN` of a child process. Other servers do
    /// not get these tokens: a server could use a token at any other server that accepts it, so
    /// give a token only to servers that may act for each other.
    ///
    /// `request` holds the audience (RFC 8707), if it is not the provider's own, and the scopes
    /// that every token holds from the start. On HTTP, a token also holds the scopes that the
    /// called tools require and a person granted. A server's `insufficient_scope` challenge is
    /// answered once, and only if `request` or a person's grant has each scope that it names. A
    /// child process keeps its first token, so `request` must name the scopes that its tools
    /// require.
    pub fn token_for(
        mut self,
        server: ServerIdentity,
        provider: impl OAuthProvider + 'static,
        request: TokenRequest,
    ) -> Self {
        self.sources.insert(server, TokenSource { provider: Arc::new(provider), request });
        self
    }

    /// Sets the hosts that may be asked for key sets and the metadata of issuers. Public hosts over
    /// https by default.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Sets the source of bearer tokens for requests to servers on HTTP that
    /// [`token_for`](Self::token_for) does not name. By default these requests have no token. The
    /// authorizer gets the server of each request, and returns `None` for a server that should have
    /// no token.
    pub fn authorizer(mut self, authorizer: impl HttpAuthorizer + 'static) -> Self {
        self.authorizer = Some(Arc::new(authorizer));
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`BuildError::NeedsCallProofs`] at level Strict, [`BuildError::Network`] if TLS cannot be set
    /// up.
    pub fn build(self) -> Result<EtdiClient, BuildError> {
        if self.level == SecurityLevel::Strict {
            return Err(BuildError::NeedsCallProofs);
        }
        let handler = Arc::new(self.handler);
        let lifecycle = Lifecycle {
            // Offer the newest revision first, then the last revision that has `initialize`.
            mode: ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            },
            handlers: Arc::new(move |changes: Arc<ListChanges>| {
                AnyService::new(Observed { inner: handler.clone(), changes })
            }),
            start_timeout: self.start_timeout,
            timeout: self.timeout,
            authorizer: self.authorizer,
        };
        let gatherer = EvidenceGatherer::new(self.network, self.clock.clone())?;
        let mut settings = Settings::new(self.trust, gatherer)
            .with_level(self.level)
            .with_policy(self.policy)
            .with_clock(self.clock);
        if let Some(store) = self.store {
            settings = settings.with_store(store);
        }
        if let Some(max_age) = self.max_age {
            settings = settings.with_definition_max_age(max_age);
        }
        if let Some(events) = self.events {
            settings = settings.with_events(events);
        }
        settings.report_start();
        Ok(EtdiClient {
            settings: Arc::new(settings),
            lifecycle,
            context: self.context,
            sources: Arc::new(self.sources),
        })
    }
}

impl<H> Debug for EtdiClientBuilder<H> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtdiClientBuilder").field("level", &self.level).finish_non_exhaustive()
    }
}

//! The participants: an identity provider and a second, plain issuer, TrustedSoft's server, and a host
//! with a clock that the demo moves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use etdi::client::{EtdiClientBuilder, HttpAuthorizer};
use etdi::events::{Emitter, EventType};
use etdi::oauth::BearerToken;
use etdi::{
    ApprovalStore, Auth0Provider, Clock, EtdiClient, GenericProvider, ManualClock, MemoryApprovals,
    OAuthProvider, ResourceUri, SigningKey, SystemClock, TokenRequest,
};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::claims::Transport;
use crate::identity::loopback;
use crate::process::Launcher;
use crate::scenarios::idp::{Embedded, IdentityProvider, OTHER_SCOPE, REGISTRY};
use crate::scenarios::stage::Server;
use crate::servers::{CALL_SCOPE, KEY_FILE, Role};
use crate::state::State;
use crate::tenant::Tenant;

/// The number of times that the demo looks for an event in the server's reports, once every 10 ms.
const PATIENCE: usize = 500;

pub(super) struct Cast {
    pub(super) identity: IdentityProvider,
    pub(super) server: Server,
    /// The host's clock.
    pub(super) clock: Arc<ManualClock>,
    /// The host's events.
    pub(super) events: Emitter,
    /// The host as "ETDI Tool Registry".
    pub(super) auth0: Auth0Provider,
    /// Another company's host, a client of the plain issuer.
    pub(super) generic: GenericProvider,
    /// The provider of tokens that lack a scope. With a real tenant, it is the plain issuer: a tenant
    /// may grant scopes that were not asked for.
    pub(super) sparing: Arc<dyn OAuthProvider>,
    approvals: Arc<dyn ApprovalStore>,
    key: SigningKey,
    _plain: Embedded,
    _folder: TempDir,
}

impl Cast {
    pub(super) async fn assemble(
        transport: Transport,
        launcher: &Launcher,
        tenant: Option<&Tenant>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let identity = match tenant {
            Some(tenant) => IdentityProvider::of(tenant),
            None => IdentityProvider::embedded(folder.path()).await?,
        };
        // Initialize the provider before a server starts: the error of a server would not name an
        // issuer that cannot be used.
        let clock = Arc::new(ManualClock::at(SystemClock.now().unix_timestamp()));
        let events = Emitter::new(SystemClock, "demo-host");
        let config = identity.registry().clock(clock.clone()).events(events.clone());
        let auth0 = Auth0Provider::initialize(config).await?;
        let plain = Embedded::plain(folder.path(), &identity.audience).await?;
        let key = SigningKey::generate()?;
        let state = State::at(folder.path().join("protected"))?;
        state.write(KEY_FILE, &key.to_pem()?)?;
        identity.introduce(&state, Some(plain.issuer()))?;
        let server = Server::start(Role::Protected, transport, launcher, state).await?;
        let config = plain.config(REGISTRY)?.audience(&identity.audience);
        let generic = GenericProvider::initialize(config.clock(clock.clone())).await?;
        let sparing: Arc<dyn OAuthProvider> = match identity.embedded {
            Some(_) => Arc::new(auth0.clone()),
            None => Arc::new(generic.clone()),
        };
        Ok(Self {
            identity,
            server,
            clock,
            events,
            auth0,
            generic,
            sparing,
            approvals: Arc::new(MemoryApprovals::new()),
            key,
            _plain: plain,
            _folder: folder,
        })
    }

    /// Returns the host, which calls with tokens of `provider` that hold the scope from the start.
    pub(super) fn host(
        &self,
        provider: impl OAuthProvider + 'static,
    ) -> anyhow::Result<EtdiClient> {
        let builder = self.builder()?.events(self.events.clone());
        let request = TokenRequest::new().audience(&self.identity.audience).scope(CALL_SCOPE);
        Ok(builder.token_for(self.server.identity()?, provider, request).build()?)
    }

    /// Returns a host whose tokens hold another scope from the start.
    pub(super) fn host_with_other_scope(&self) -> anyhow::Result<EtdiClient> {
        let request = TokenRequest::new().audience(&self.identity.audience).scope(OTHER_SCOPE);
        let (server, provider) = (self.server.identity()?, self.sparing.clone());
        Ok(self.builder()?.token_for(server, provider, request).build()?)
    }

    /// Returns a host that sends this token with every request.
    pub(super) fn host_with(&self, token: &BearerToken) -> anyhow::Result<EtdiClient> {
        Ok(self.builder()?.authorizer(Fixed(token.clone())).build()?)
    }

    /// Waits until the server has reported an event of this type.
    pub(super) async fn server_has_reported(&self, event: EventType) -> anyhow::Result<()> {
        let reported = || self.server.state.events().iter().any(|e| e.event_type() == event);
        for _ in 0..PATIENCE {
            if reported() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("cannot find the event {event} in the reports of the server")
    }

    fn builder(&self) -> anyhow::Result<EtdiClientBuilder<()>> {
        let trust = self.identity.trust(&self.key)?;
        // The client must not use an older listing: the server changes between two lines of the demo.
        Ok(EtdiClient::builder(trust)
            .shared_approvals(self.approvals.clone())
            .definition_max_age(Duration::ZERO)
            .clock(self.clock.clone())
            .network(loopback()))
    }
}

/// An authorizer that returns the same token for every request.
#[derive(Debug)]
struct Fixed(BearerToken);

#[async_trait]
impl HttpAuthorizer for Fixed {
    async fn bearer_token(
        &self,
        _server: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Some(SecretString::from(self.0.expose().to_owned())))
    }
}

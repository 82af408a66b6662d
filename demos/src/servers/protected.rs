//! TrustedSoft's server with an identity provider: its tools are attested, and only callers with the
//! scope may call.
//!
//! | offer | what it serves |
//! | --- | --- |
//! | `1.0.0`, `1.1.0` | this version |

use std::sync::{Arc, Mutex, PoisonError};

use etdi::events::Emitter;
use etdi::server::ServerError;
use etdi::{Provider, SecureServer, Secured, SigningKey, SystemClock, ToolSpec};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ListToolsResult, PaginatedRequestParams, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::legitimate::App;
use super::{CALL_SCOPE, KEY_FILE, PROVIDER, TOOL, serve};
use crate::claims::Transport;
use crate::clock::ShiftedClock;
use crate::identity::Identity;
use crate::state::State;

pub(super) async fn run(transport: Transport, state: State) -> anyhow::Result<()> {
    let identity = Identity::read(&state)?;
    let clock = ShiftedClock::of(&state);
    let (auth0, judges) = identity.providers(&clock).await?;
    let key = SigningKey::from_pem_file(state.path().join(KEY_FILE))?;
    let builder = SecureServer::builder(Provider::new(PROVIDER, "TrustedSoft")?, key)
        .attest_with(auth0)
        .authorize_with_any_of(judges)
        .audience(&identity.audience)
        .clock(clock)
        .events(events(&state))
        .tool(TOOL, spec("1.0.0"));
    // With the embedded issuer, the attestation binds the signing key besides the digests, to show both
    // bindings.
    let builder = if identity.embedded.is_some() { builder.attest_key() } else { builder };
    let app = App::new(state.clone());
    match transport {
        Transport::Stdio => {
            let secure = builder.stdio().access_token_from_env().build().await?;
            secure.check(app.clone()).await?;
            serve::stdio(Updating::new(app, secure, state)).await
        }
        Transport::Http => {
            let (listener, url) = serve::bind().await?;
            let secure = builder.served_at(&url).build().await?;
            secure.check(app.clone()).await?;
            let layer = secure.auth_layer(&url)?;
            serve::http(listener, url, Updating::new(app, secure, state), Some(layer)).await
        }
    }
}

fn spec(version: &str) -> ToolSpec {
    ToolSpec::version(version).requires(CALL_SCOPE)
}

/// Returns an emitter whose events the demo can read.
fn events(state: &State) -> Emitter {
    let emitter = Emitter::new(SystemClock, "demo-server");
    let mut subscription = emitter.subscribe(1_000);
    let state = state.clone();
    tokio::spawn(async move {
        while let Some(event) = subscription.recv().await {
            if state.keep_event(&event).is_err() {
                return;
            }
        }
    });
    emitter
}

/// A handler that publishes the version that the control channel names.
#[derive(Clone)]
struct Updating {
    secure: SecureServer,
    secured: Secured<App>,
    state: State,
    published: Arc<Mutex<&'static str>>,
}

impl Updating {
    fn new(app: App, secure: SecureServer, state: State) -> Self {
        let published = Arc::new(Mutex::new("1.0.0"));
        Self { secured: secure.wrap(app), secure, state, published }
    }

    fn update(&self) -> Result<(), ServerError> {
        let version = if self.state.offer() == "1.1.0" { "1.1.0" } else { "1.0.0" };
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        if *published != version {
            self.secure.replace_tool(TOOL, spec(version))?;
            *published = version;
        }
        Ok(())
    }
}

impl ServerHandler for Updating {
    fn get_info(&self) -> ServerConfig {
        self.secured.get_info()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.update().map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        self.secured.list_tools(request, context).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.secured.call_tool(request, context).await
    }
}

//! The trust configuration and the approvals that servers are judged by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use etdi::client::{DiscoverError, ExecutableState, ServerConnection};
use etdi::{ApprovalStore, AuthorizationContext, EtdiClient, TrustConfig};

use crate::context::Context;
use crate::exit::CliError;
use crate::files::trust_file;
use crate::servers::caller::{self, CallerOptions};
use crate::servers::host_config::Endpoint;
use crate::servers::kept_store::KeptApprovals;
use crate::servers::label;
use crate::servers::network::NetworkOptions;
use crate::servers::session::{Session, Words};
use crate::servers::start::StartOptions;
use crate::servers::store::StoreOptions;
use crate::servers::target::NamedServer;
use crate::servers::tokens::{KnownCredentials, SharedCredentials};
use crate::servers::unreachable::{self, Given};
use crate::terminal::line::Line;

/// The flags of the commands that judge servers.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    caller: CallerOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    start: StartOptions,
}

/// The trust configuration, the approvals and the client that judge servers.
pub(crate) struct Desk {
    client: EtdiClient,
    /// The time that a server has for its first answer.
    start_timeout: Duration,
    store: Arc<dyn ApprovalStore>,
    /// The names of servers. `None` if the store does not keep names.
    record: Option<KeptApprovals>,
    credentials: Arc<KnownCredentials>,
    /// The caller that approvals are for.
    caller: AuthorizationContext,
    /// The flags that name the trust configuration and the store, quoted for a shell.
    words: Option<String>,
    /// The flags for the caller and the network, for commands that judge servers.
    judging: Option<String>,
}

impl Desk {
    /// Opens the trust configuration and the store of the user.
    pub(crate) fn new(args: &ServerArgs, context: &Context) -> Result<Self, CliError> {
        let ServerArgs { store, caller, network, start } = args;
        let trust = trust_file::read(context)?;
        let record = store.open(context)?;
        let kept = Arc::new(record.clone());
        let desk = Self::over(kept, trust, caller.context(), network, start, context)?;
        let words = [context.words(), store.words()].into_iter().collect();
        let judging = [caller.words(), network.words(), Some(start.words())].into_iter().collect();
        Ok(Self { record: Some(record), words, judging, ..desk })
    }

    /// Creates a desk with this store and this trust configuration. The store does not keep names of servers.
    pub(crate) fn over(
        store: Arc<dyn ApprovalStore>,
        trust: TrustConfig,
        caller: AuthorizationContext,
        network: &NetworkOptions,
        start: &StartOptions,
        context: &Context,
    ) -> Result<Self, CliError> {
        let network = network.network()?;
        let start_timeout = start.time(context)?;
        let credentials = Arc::new(KnownCredentials::default());
        let client = EtdiClient::builder(trust)
            .shared_approvals(Arc::clone(&store))
            .network(network)
            .start_timeout(start_timeout)
            .authorizer(SharedCredentials(Arc::clone(&credentials)))
            .authorization_context(caller.clone())
            .clock(Arc::clone(&context.clock))
            .build()
            .map_err(CliError::new)?;
        Ok(Self {
            client,
            start_timeout,
            store,
            record: None,
            credentials,
            caller,
            words: None,
            judging: None,
        })
    }

    /// Connects to a server and judges its tools.
    pub(crate) async fn session(
        &self,
        server: NamedServer,
        context: &Context,
    ) -> Result<Session, CliError> {
        let NamedServer { name, is_named, endpoint, words, remarks, .. } = server;
        for remark in &remarks {
            context.out.remark(Line::new().theirs(&name).text(": ").warn(remark));
        }
        let (store, judging) = (self.words.clone(), self.judging.clone());
        let words = match (store, judging, words) {
            (Some(store), Some(judging), Some(server)) => Some(Words { store, judging, server }),
            _ => None,
        };
        if let Some(caller) = caller::described(&self.caller) {
            context.out.remark(Line::new().dim("approvals for: ").text(caller));
        }
        let endpoint = endpoint?;
        let label = match &endpoint {
            Endpoint::Stdio { configured, started } => {
                Some(label::of(Some(name.as_str()).filter(|_| is_named), configured, started))
            }
            Endpoint::Http { .. } => None,
        };
        let given = Given::to(&endpoint);
        let uri = match &endpoint {
            Endpoint::Http { uri, .. } => Some(uri.clone()),
            Endpoint::Stdio { .. } => None,
        };
        let connected = self.connect(&name, endpoint, context).await;
        let connection = connected.map_err(CliError::of_server)?;
        let _progress = context.out.progress(format!("listing and judging the tools of {name}"));
        let tools = connection.discover().await.map_err(|error| {
            let said = unreachable::unlisted(&error, uri.as_deref(), given).at(&name);
            if matches!(error, DiscoverError::Listing(_)) { said.of_server() } else { said }
        })?;
        let executable = connection.executable().await;
        let executable = executable
            .map_err(|error| CliError::new(error).cannot("read the program on record"))?;
        if let ExecutableState::Changed { was, now } = &executable {
            let line = Line::new().warn("another program is behind this command now: ");
            context.out.remark(line.text(now).text("; it was ").text(was));
        }
        let approved = self.store.approved_names().await.map_err(CliError::new)?;
        let names = match &self.record {
            Some(record) => record.records().server_names().await.map_err(CliError::new)?,
            None => BTreeMap::new(),
        };
        Ok(Session {
            connection,
            tools,
            executable,
            store: Arc::clone(&self.store),
            approved,
            caller: self.caller.clone(),
            label,
            record: self.record.clone(),
            names,
            words,
        })
    }

    /// Connects to a server, runs `work`, and closes the connection, also after an error.
    pub(crate) async fn visit<T>(
        &self,
        server: NamedServer,
        context: &Context,
        work: impl AsyncFnOnce(&Session) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let session = self.session(server, context).await?;
        let done = work(&session).await;
        session.connection.close().await;
        done
    }

    async fn connect(
        &self,
        name: &str,
        endpoint: Endpoint,
        context: &Context,
    ) -> Result<ServerConnection, CliError> {
        let _progress = context.out.progress(format!(
            "waiting for the first answer of {name}, at most {} s",
            self.start_timeout.as_secs_f64()
        ));
        let given = Given::to(&endpoint);
        match endpoint {
            Endpoint::Http { uri, token, headers } => {
                self.credentials.give(&uri, token, &headers).map_err(|error| error.at(name))?;
                let connected = self.client.connect_http(&uri).await;
                connected.map_err(|error| unreachable::http(&error, &uri, given).at(name))
            }
            Endpoint::Stdio { configured, started } => {
                // Show the command as configured: the values of variables may be secrets.
                let mut line = Line::new().dim("starting: ").theirs(&configured.command);
                for argument in &configured.args {
                    line = line.text(" ").theirs(argument);
                }
                context.out.remark(line);
                let connected = self.client.connect_expanded(&configured, started).await;
                connected.map_err(|error| unreachable::stdio(&error, &configured).at(name))
            }
        }
    }
}

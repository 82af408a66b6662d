//! What the commands on servers and approvals work with: which store, and a connection that judges.

use std::collections::BTreeMap;
use std::sync::Arc;

use etdi::client::{ConnectError, ExecutableState, ServerConnection};
use etdi::hygiene::ToolNames;
use etdi::text::escaped;
use etdi::{
    ApprovalRecord, ApprovalStore, AuthorizationContext, Digest, EtdiClient, JudgedTool,
    ServerIdentity, SqliteApprovals, Subject, ToolDefinition, TrustConfig,
};

use crate::context::Context;
use crate::exit::CliError;
use crate::files::trust_file;
use crate::servers::caller::{self, CallerOptions};
use crate::servers::host_config::Endpoint;
use crate::servers::label;
use crate::servers::network::NetworkOptions;
use crate::servers::store::StoreOptions;
use crate::servers::target::NamedServer;
use crate::servers::tokens::{BearerTokens, SharedTokens};
use crate::terminal::line::Line;
use crate::terminal::shell::quoted;

/// How commands name a server and what it is judged by, for a shell.
struct Words {
    /// The trust configuration and the store.
    store: String,
    /// For whom, and over which network.
    judging: String,
    server: String,
}

/// The trust configuration and the approvals, ready to judge servers by.
pub(crate) struct Desk {
    client: EtdiClient,
    store: SqliteApprovals,
    tokens: Arc<BearerTokens>,
    /// For whom calls are made.
    caller: AuthorizationContext,
    /// How commands name the trust configuration and the store, for a shell.
    words: Option<String>,
    /// And for whom, and over which network, those that judge.
    judging: Option<String>,
}

/// A server whose tools were listed and judged.
pub(crate) struct Session {
    pub(crate) connection: ServerConnection,
    pub(crate) tools: Vec<JudgedTool>,
    /// The program behind the command, if it is not the one on record.
    pub(crate) executable: ExecutableState,
    pub(crate) store: SqliteApprovals,
    /// The names of all tools that are approved, each with its server.
    approved: Vec<(ServerIdentity, String)>,
    /// For whom calls are made.
    pub(crate) caller: AuthorizationContext,
    /// What a person calls the server, if its identity tells them nothing.
    label: Option<String>,
    /// What is on record to call servers by.
    names: BTreeMap<ServerIdentity, String>,
    words: Option<Words>,
}

impl Desk {
    pub(crate) fn new(
        store: &StoreOptions,
        caller: &CallerOptions,
        network: &NetworkOptions,
        context: &Context,
    ) -> Result<Self, CliError> {
        let trust = trust_file::read(context)?;
        let desk = Self::of(trust, store.open(context)?, caller.context(), network, context)?;
        let words = [context.words(), store.words()].into_iter().collect();
        let judging = [caller.words(), network.words()].into_iter().collect();
        Ok(Self { words, judging, ..desk })
    }

    /// With this trust configuration and this store.
    pub(crate) fn of(
        trust: TrustConfig,
        store: SqliteApprovals,
        caller: AuthorizationContext,
        network: &NetworkOptions,
        context: &Context,
    ) -> Result<Self, CliError> {
        let network = network.network()?;
        let tokens = Arc::new(BearerTokens::default());
        let client = EtdiClient::builder(trust)
            .approvals(store.clone())
            .network(network)
            .authorizer(SharedTokens(Arc::clone(&tokens)))
            .authorization_context(caller.clone())
            .clock(Arc::clone(&context.clock))
            .build()
            .map_err(CliError::new)?;
        Ok(Self { client, store, tokens, caller, words: None, judging: None })
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
        let connection = self.connect(&name, endpoint, context).await?;
        let _progress = context.out.progress(format!("listing and judging the tools of {name}"));
        let tools = connection.discover().await.map_err(|error| CliError::new(error).at(&name))?;
        let executable = connection.executable().await.map_err(CliError::new)?;
        if let ExecutableState::Changed { was, now } = &executable {
            let line = Line::new().warn("another program is behind this command now: ");
            context.out.remark(line.text(now).text("; it was ").text(was));
        }
        let approved = self.store.approved_names().await.map_err(CliError::new)?;
        let names = self.store.server_names().await.map_err(CliError::new)?;
        let (store, caller) = (self.store.clone(), self.caller.clone());
        Ok(Session { connection, tools, executable, store, approved, caller, label, names, words })
    }

    /// Works on a server, and closes the connection however that ends.
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
        let _progress = context.out.progress(format!("connecting to {name}"));
        match endpoint {
            Endpoint::Http { uri, token } => {
                let has_token = token.is_some();
                if let Some(token) = token {
                    self.tokens.give(&uri, token).map_err(|error| error.at(name))?;
                }
                let connected = self.client.connect_http(&uri).await;
                connected.map_err(|error| unconnected(&error, has_token).at(name))
            }
            Endpoint::Stdio { configured, started } => {
                // As configured: the values of variables are secrets.
                let mut line = Line::new().dim("starting: ").theirs(&configured.command);
                for argument in &configured.args {
                    line = line.text(" ").theirs(argument);
                }
                context.out.remark(line);
                let connected = self.client.connect_expanded(&configured, started).await;
                // What it writes to its standard error is its own text, and is not shown here.
                connected.map_err(|error| {
                    let cwd = configured.cwd.unwrap_or_default();
                    let next = match &error {
                        ConnectError::NoFolder { .. } => format!("make {cwd}, or correct `cwd`"),
                        ConnectError::Spawn { source, .. }
                            if source.kind() == std::io::ErrorKind::NotFound =>
                        {
                            "install it, or correct its name or the PATH".to_owned()
                        }
                        _ => "start the command by itself: it may say why".to_owned(),
                    };
                    CliError::new(error).at(name).next(next)
                })
            }
        }
    }
}

/// What to do about a server that wants a token, or another one.
fn unconnected(error: &ConnectError, has_token: bool) -> CliError {
    let Some(challenge) = error.challenge() else {
        let next = match error {
            ConnectError::Redirected | ConnectError::Uri(_) => return CliError::new(error),
            ConnectError::Timeout { .. } => "see whether the server is busy, and try again",
            _ => {
                "see whether the server runs, and whether this is the address of its MCP endpoint, often …/mcp"
            }
        };
        return CliError::new(error).next(next);
    };
    let challenge = escaped(challenge);
    match has_token {
        false => CliError::new(format!("the server wants an access token: {challenge}"))
            .next("give it with --token-file FILE, or --token-file - from standard input"),
        true => CliError::new(format!("the server refuses the access token: {challenge}"))
            .next("`etdi token` explains what is in it: issuer, audience, scopes, end"),
    }
}

impl Session {
    /// The tool with this served name, or else with this id or this digest.
    pub(crate) fn tool(&self, wanted: &str) -> Result<&JudgedTool, CliError> {
        let other = |tool: &&JudgedTool| {
            let part = tool.definition().and_then(ToolDefinition::signed);
            part.is_some_and(|part| part.id.as_str() == wanted)
                || tool.definition().is_some_and(|one| one.digest().to_string() == wanted)
        };
        let named = |tool: &&JudgedTool| tool.name() == wanted;
        // A tool may be called like the digest of another one, which a person has looked at.
        let found = match wanted.parse::<Digest>() {
            Ok(_) => self.tools.iter().find(other).or_else(|| self.tools.iter().find(named)),
            Err(_) => self.tools.iter().find(named).or_else(|| self.tools.iter().find(other)),
        };
        found.ok_or_else(|| {
            CliError::new("the server lists no tool of this name, id or digest")
                .at(wanted)
                .next(self.command("discover", ""))
        })
    }

    /// A command on this server, to type; `words` stand before the server.
    pub(crate) fn command(&self, command: &str, words: &str) -> String {
        let space = if words.is_empty() { "" } else { " " };
        match &self.words {
            Some(Words { store, judging, server }) => {
                // It connects to nobody, and forgets what was approved for anybody.
                let judging = if command == "revoke" { "" } else { judging };
                format!("etdi {command}{space}{words} {store}{judging}{server}")
            }
            None => format!("etdi {command}{space}{words}, with the same server"),
        }
    }

    /// A command on one of its tools, to type.
    pub(crate) fn command_on(&self, command: &str, tool: &JudgedTool, flags: &str) -> String {
        let digest = || tool.definition().map(|definition| definition.digest().to_string());
        let words = self.typed(tool).or_else(digest).unwrap_or_else(|| "TOOL".to_owned());
        let space = if flags.is_empty() { "" } else { " " };
        self.command(command, &format!("{words}{space}{flags}"))
    }

    /// The name of a tool as it is typed; `None` if a command cannot name it so: several have the
    /// name, a shell or a terminal takes none such, or it looks like a flag.
    pub(crate) fn typed(&self, tool: &JudgedTool) -> Option<String> {
        let name = tool.name();
        let twins = self.tools.iter().filter(|one| one.name() == name).count();
        quoted(name).filter(|_| twins == 1 && !name.starts_with('-') && !name.is_empty())
    }

    /// What a person calls this server, if its identity tells them nothing.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Puts on record what a person calls this server.
    pub(crate) async fn name_server(&self, context: &Context) -> Result<(), CliError> {
        let Some(label) = &self.label else { return Ok(()) };
        let done = self.store.name_server(self.server(), label, context.clock.now()).await;
        done.map_err(CliError::new)
    }

    /// Those of these servers that there is a name for.
    pub(crate) fn names_of<'v>(
        &self,
        servers: impl IntoIterator<Item = &'v ServerIdentity>,
    ) -> Vec<(&'v ServerIdentity, String)> {
        let mut names: Vec<(&ServerIdentity, String)> = Vec::new();
        for server in servers {
            if let Some(name) = self.names.get(server)
                && !names.iter().any(|(known, _)| *known == server)
            {
                names.push((server, name.clone()));
            }
        }
        names
    }

    /// The tools whose mention matters, and whose names a tool must not look like.
    pub(crate) fn names(&self) -> ToolNames {
        let names = ToolNames::none().and_siblings(self.tools.iter().map(JudgedTool::name));
        // A tool that is approved and not listed just now is a tool all the same.
        self.approved.iter().fold(names, |names, (server, name)| match server == self.server() {
            true => names.and_siblings([name.as_str()]),
            false => names.and_others([name.as_str()]),
        })
    }

    /// What is approved of a tool: by its id, or else by its name.
    pub(crate) async fn approved(
        &self,
        definition: &ToolDefinition,
    ) -> Result<Option<ApprovalRecord>, CliError> {
        let subject = Subject::new(self.server(), definition);
        let known =
            self.store.known(std::slice::from_ref(&subject)).await.map_err(CliError::new)?;
        let known = known.into_iter().next().unwrap_or_default();
        let by_id = known.approval(&subject.id, &self.caller).cloned();
        let mut current = known.approvals.into_iter();
        Ok(by_id.or_else(|| current.find(|one| !one.superseded && one.context == self.caller)))
    }

    pub(crate) fn server(&self) -> &ServerIdentity {
        self.connection.server()
    }
}

/// A server as a person knows it.
pub(crate) fn heading(name: &str) -> Line {
    Line::new().bold(escaped(name))
}

//! What the commands on servers and approvals work with: which server, which store, and a
//! connection that judges.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use etdi::client::ServerConnection;
use etdi::hygiene::ToolNames;
use etdi::text::escaped;
use etdi::{
    ApprovalRecord, ApprovalStore, AuthorizationContext, EtdiClient, JudgedTool, ServerIdentity,
    SqliteApprovals, StdioCommand, Subject, ToolDefinition,
};

use crate::context::Context;
use crate::exit::CliError;
use crate::files;
use crate::line::Line;
use crate::network::NetworkOptions;
use crate::server_file::{self, Endpoint};

/// Which server.
#[derive(Args, Clone, Debug)]
pub(crate) struct Which {
    /// The server's address, if it is on HTTP.
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// The command that starts the server, if it is on stdio; after `--`. It starts with a clean
    /// environment.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// The servers of a host's configuration: .mcp.json, Claude Desktop, Cursor, VS Code. Their
    /// commands are started.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// With --from: this one of its servers.
    #[arg(long, value_name = "NAME", requires = "from")]
    server: Option<String>,
}

/// Which approvals, and how keys are fetched.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreOptions {
    /// The file of approvals; made if there is none. Otherwise approvals.db in ETDI_DATA, in etdi
    /// in $XDG_DATA_HOME (~/.local/share), on Windows in %APPDATA%.
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
}

impl Which {
    /// The servers, with a name for a person.
    pub(crate) fn all(&self) -> Result<Vec<(String, Endpoint)>, CliError> {
        match (&self.url, self.command.split_first(), &self.from) {
            (Some(url), None, None) => Ok(vec![(url.clone(), Endpoint::Http(url.clone()))]),
            (None, Some((program, args)), None) => {
                let command = StdioCommand::new(program).args(args);
                Ok(vec![(self.command.join(" "), Endpoint::Stdio(command))])
            }
            (None, None, Some(path)) => {
                let mut servers = server_file::read(path)?;
                if let Some(wanted) = &self.server {
                    servers.retain(|(name, _)| name == wanted);
                }
                if servers.is_empty() {
                    return Err(CliError::new("the file has no server of this name")
                        .at(self.server.as_deref().unwrap_or_default()));
                }
                Ok(servers)
            }
            _ => Err(CliError::new("name one server, in one way")
                .next("give its URL, its command after `--`, or --from FILE")),
        }
    }

    /// The one server.
    pub(crate) fn one(&self) -> Result<(String, Endpoint), CliError> {
        let mut servers = self.all()?;
        match (servers.pop(), servers.is_empty()) {
            (Some(server), true) => Ok(server),
            _ => Err(CliError::new("the file has several servers").next("add --server NAME")),
        }
    }
}

impl StoreOptions {
    pub(crate) fn open(&self, context: &Context) -> Result<SqliteApprovals, CliError> {
        let path = match &self.store {
            Some(path) => path.clone(),
            None => {
                let folder = context.data_folder()?;
                files::private_folder(&folder)?;
                folder.join("approvals.db")
            }
        };
        SqliteApprovals::open(path).map_err(CliError::new)
    }
}

/// The trust configuration and the approvals, ready to judge servers by.
pub(crate) struct Desk {
    client: EtdiClient,
    store: SqliteApprovals,
}

/// A server whose tools were listed and judged.
pub(crate) struct Session {
    pub(crate) connection: ServerConnection,
    pub(crate) tools: Vec<JudgedTool>,
    store: SqliteApprovals,
    others: Vec<String>,
}

impl Desk {
    pub(crate) fn new(
        store: &StoreOptions,
        network: &NetworkOptions,
        context: &Context,
    ) -> Result<Self, CliError> {
        let trust = context.trust()?;
        let network = network.network()?;
        let store = store.open(context)?;
        let client = EtdiClient::builder(trust)
            .approvals(store.clone())
            .network(network)
            .clock(Arc::clone(&context.clock))
            .build()
            .map_err(CliError::new)?;
        Ok(Self { client, store })
    }

    /// Connects to a server and judges its tools.
    pub(crate) async fn session(
        &self,
        (name, endpoint): (String, Endpoint),
        context: &Context,
    ) -> Result<Session, CliError> {
        let connection = {
            let _progress = context.out.progress("connecting to the server");
            let connected = match endpoint {
                Endpoint::Http(uri) => self.client.connect_http(&uri).await,
                Endpoint::Stdio(command) => {
                    let words =
                        [std::slice::from_ref(&command.command), command.args.as_slice()].concat();
                    let line = Line::new().dim("starting: ").theirs(&words.join(" "));
                    context.out.remark(line);
                    self.client.connect_stdio(command).await
                }
            };
            connected.map_err(|error| CliError::new(error).at(&name))?
        };
        let _progress = context.out.progress("listing and judging its tools");
        let tools = connection.discover().await.map_err(|error| CliError::new(error).at(&name))?;
        let approvals = self.store.approvals().await.map_err(CliError::new)?;
        let others = approvals
            .into_iter()
            .filter(|one| !one.superseded && one.pin.server != *connection.server())
            .map(|one| one.pin.served_name)
            .collect();
        Ok(Session { connection, tools, store: self.store.clone(), others })
    }
}

impl Session {
    /// The tool with this served name, or else with this id.
    pub(crate) fn tool(&self, wanted: &str) -> Result<&JudgedTool, CliError> {
        let id = |tool: &&JudgedTool| {
            let part = tool.definition().and_then(ToolDefinition::signed);
            part.is_some_and(|part| part.id.as_str() == wanted)
        };
        let named = self.tools.iter().find(|tool| tool.name() == wanted);
        named.or_else(|| self.tools.iter().find(id)).ok_or_else(|| {
            CliError::new("the server lists no tool of this name or id")
                .at(wanted)
                .next("etdi discover shows what it lists")
        })
    }

    /// The tools whose mention matters, and whose names a tool must not look like.
    pub(crate) fn names(&self) -> ToolNames {
        ToolNames::none()
            .and_siblings(self.tools.iter().map(JudgedTool::name))
            .and_others(self.others.iter().map(String::as_str))
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
        let context = AuthorizationContext::None;
        let by_id = known.approval(&subject.id, &context).cloned();
        let mut current = known.approvals.into_iter();
        Ok(by_id.or_else(|| current.find(|one| !one.superseded && one.context == context)))
    }

    pub(crate) fn server(&self) -> &ServerIdentity {
        self.connection.server()
    }
}

/// A server as a person knows it.
pub(crate) fn heading(name: &str) -> Line {
    Line::new().bold(escaped(name))
}

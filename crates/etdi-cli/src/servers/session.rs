//! A connection to a server whose tools were listed and judged.

use std::collections::BTreeMap;
use std::sync::Arc;

use etdi::client::{ExecutableState, ServerConnection};
use etdi::hygiene::ToolNames;
use etdi::text::escaped;
use etdi::{
    ApprovalRecord, ApprovalStore, AuthorizationContext, Digest, JudgedTool, ServerIdentity,
    Subject, ToolDefinition,
};

use crate::context::Context;
use crate::exit::CliError;
use crate::servers::kept_store::KeptApprovals;
use crate::terminal::line::Line;
use crate::terminal::shell::quoted;

/// A server whose tools were listed and judged.
pub(crate) struct Session {
    pub(crate) connection: ServerConnection,
    pub(crate) tools: Vec<JudgedTool>,
    /// The program behind the command, compared with the one on record.
    pub(crate) executable: ExecutableState,
    pub(crate) store: Arc<dyn ApprovalStore>,
    /// The names of all tools that are approved, each with its server.
    pub(super) approved: Vec<(ServerIdentity, String)>,
    /// The caller that approvals are for.
    pub(crate) caller: AuthorizationContext,
    /// The label of a server on stdio. Its identity is a digest, which tells a person little.
    pub(super) label: Option<String>,
    /// The store, if it keeps names of servers.
    pub(super) record: Option<KeptApprovals>,
    /// The names of servers that are on record.
    pub(super) names: BTreeMap<ServerIdentity, String>,
    pub(super) words: Option<Words>,
}

/// The flags and arguments of the next command, quoted for a shell.
pub(super) struct Words {
    /// The trust configuration and the store.
    pub(super) store: String,
    /// The caller and the network.
    pub(super) judging: String,
    pub(super) server: String,
}

impl Session {
    /// Returns the tool with this served name, or else with this id or this digest.
    pub(crate) fn tool(&self, wanted: &str) -> Result<&JudgedTool, CliError> {
        let other = |tool: &&JudgedTool| {
            let part = tool.definition().and_then(ToolDefinition::signed);
            part.is_some_and(|part| part.id.as_str() == wanted)
                || tool.definition().is_some_and(|one| one.digest().to_string() == wanted)
        };
        let named = |tool: &&JudgedTool| tool.name() == wanted;
        // For a digest, search digests first: a tool could take another tool's digest as its name.
        let found = match wanted.parse::<Digest>() {
            Ok(_) => self.tools.iter().find(other).or_else(|| self.tools.iter().find(named)),
            Err(_) => self.tools.iter().find(named).or_else(|| self.tools.iter().find(other)),
        };
        found.ok_or_else(|| {
            CliError::new(
                "cannot find the tool: the server lists none with this name, id or digest",
            )
            .at(wanted)
            .next(self.command("discover", ""))
        })
    }

    /// Returns a command on this server, to type. `words` come before the server.
    pub(crate) fn command(&self, command: &str, words: &str) -> String {
        let space = if words.is_empty() { "" } else { " " };
        match &self.words {
            Some(Words { store, judging, server }) => {
                // `revoke` does not connect to the server, and forgets the approvals for every caller.
                let judging = if command == "revoke" { "" } else { judging };
                format!("etdi {command}{space}{words} {store}{judging}{server}")
            }
            None => format!("etdi {command}{space}{words}, with the same server"),
        }
    }

    /// Returns a command on one of the server's tools, to type.
    pub(crate) fn command_on(&self, command: &str, tool: &JudgedTool, flags: &str) -> String {
        let digest = || tool.definition().map(|definition| definition.digest().to_string());
        let words = self.typed(tool).or_else(digest).unwrap_or_else(|| "TOOL".to_owned());
        let space = if flags.is_empty() { "" } else { " " };
        self.command(command, &format!("{words}{space}{flags}"))
    }

    /// Returns the name of a tool as it is typed. `None` if a command cannot use the name: several tools
    /// have it, a shell or a terminal cannot take it, or it looks like a flag.
    pub(crate) fn typed(&self, tool: &JudgedTool) -> Option<String> {
        let name = tool.name();
        let twins = self.tools.iter().filter(|one| one.name() == name).count();
        quoted(name).filter(|_| twins == 1 && !name.starts_with('-') && !name.is_empty())
    }

    /// Returns the label of a server on stdio.
    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Stores the label of this server.
    pub(crate) async fn name_server(&self, context: &Context) -> Result<(), CliError> {
        let (Some(record), Some(label)) = (&self.record, &self.label) else { return Ok(()) };
        let done = record.records().name_server(self.server(), label, context.clock.now()).await;
        done.map_err(CliError::new)
    }

    /// Returns the servers that have a name on record, with their names.
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

    /// Returns the names for the inspection: tools must not mention them or look like them.
    pub(crate) fn names(&self) -> ToolNames {
        let names = ToolNames::none().and_siblings(self.tools.iter().map(JudgedTool::name));
        // An approved tool counts even if the server does not list it now.
        self.approved.iter().fold(names, |names, (server, name)| match server == self.server() {
            true => names.and_siblings([name.as_str()]),
            false => names.and_others([name.as_str()]),
        })
    }

    /// Returns the approval of a tool, found by its id or else by its name.
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

/// Returns the heading of a server: its name in bold.
pub(crate) fn heading(name: &str) -> Line {
    Line::new().bold(escaped(name))
}

//! `etdi revoke`.

use clap::Args;
use etdi::{ApprovalStore, ServerIdentity};
use serde_json::json;

use crate::context::Context;
use crate::desk::{StoreOptions, Which};
use crate::exit::{CliError, Ending, Exit};
use crate::line::Line;
use crate::server_file::Endpoint;

/// Forget a tool of a server: its approvals, and what was known of it.
///
/// The server is not asked. Whatever it lists next is new and waits for approval. Exit code 1 if
/// nothing was known, or the answer was no.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  etdi revoke scan https://docs.example/mcp
  etdi revoke scan --yes -- npx -y docs-server
  etdi revoke scan --identity stdio:sha256:…     as etdi list shows it")]
pub(crate) struct Revoke {
    /// The tool: its name on the server, or its id.
    tool: String,
    #[command(flatten)]
    which: Which,
    /// The server as `etdi list` shows it, instead of its address or command.
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["url", "command", "from"])]
    identity: Option<ServerIdentity>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    store: StoreOptions,
}

impl Revoke {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let server = match self.identity {
            Some(identity) => identity,
            None => identity(self.which.one()?)?,
        };
        let store = self.store.open(context)?;
        if !self.yes {
            context.out.fields([
                ("tool", Line::new().theirs(&self.tool)),
                ("server", Line::new().theirs(&server.to_string())),
            ]);
        }
        let question = "Forget it? It must be approved again";
        if !self.yes && !context.confirm(question, "give --yes")? {
            return Err(CliError::refused("nothing was revoked"));
        }
        if !store.forget(&server, &self.tool).await.map_err(CliError::new)? {
            return Err(CliError::refused("nothing is known of this tool on this server")
                .at(&self.tool)
                .next("etdi list"));
        }
        context.out.json(&json!({ "revoked": self.tool, "server": server }));
        context.out.line(Line::new().good("revoked ").theirs(&self.tool));
        Ok(Exit::Ok)
    }
}

fn identity((name, endpoint): (String, Endpoint)) -> Result<ServerIdentity, CliError> {
    match endpoint {
        Endpoint::Http(uri) => {
            let uri = etdi::ResourceUri::parse(&uri);
            Ok(ServerIdentity::Http(uri.map_err(|error| CliError::new(error).at(name))?))
        }
        Endpoint::Stdio(command) => Ok(ServerIdentity::from(&command)),
    }
}

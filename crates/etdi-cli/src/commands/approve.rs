//! `etdi approve`.

mod against;
mod approving;
mod named;
mod order;
mod outcome;
mod together;

use clap::Args;
use etdi::{Digest, Scope};

use self::approving::Approving;
use self::order::ApprovalOrder;
use self::outcome::ApprovalOutcome;
use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::servers::desk::{Desk, ServerArgs};
use crate::servers::target::{NamedServer, ToolTarget};

/// Approve tools of a server, as they are now: one, several, or all that wait.
///
/// Shows the publisher of each tool, its state, its changes and its findings, and asks once for tools
/// that belong together. An approval is for the digest that was shown: if the server has another
/// definition when the approval is stored, the tool is not approved. Exit code 0 if everything is
/// approved, 1 if something is not, 2 if something could not be checked.
#[derive(Debug, Args)]
#[command(
    override_usage = "etdi approve [OPTIONS] <TOOL… | --all | --instructions>\n       \
        <URL | --from FILE | -- COMMAND…>",
    after_help = "\
Examples:
  etdi approve scan https://docs.example/mcp
  etdi approve --all --from .mcp.json
  etdi approve --instructions https://docs.example/mcp
  etdi approve scan --yes sha256:… --by alice -- npx -y docs-server
  etdi approve scan --override --key publisher.pem https://docs.example/mcp"
)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    target: ToolTarget,
    /// All tools that wait for approval, and the server's instructions; with --from, those of all its
    /// servers.
    #[arg(long, conflicts_with = "override")]
    all: bool,
    /// Approve the definition with this digest, without a question; any number of times. Only these
    /// digests are approved. If a file has several servers, --server must name the one that showed them.
    #[arg(long, value_name = "DIGEST")]
    yes: Vec<Digest>,
    /// The name of the person who approves. Without this flag: the variable USER.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Grant only this permission; any number of times. Without this flag: the permissions that the tool
    /// requires.
    #[arg(long, value_name = "SCOPE")]
    grant: Vec<Scope>,
    /// When the approval ends: a date (its first moment in UTC), or a time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Approve one tool that is refused, in the cases where a person may: an older version that came
    /// back, a key that is not configured, an approval that granted too little.
    #[arg(long)]
    r#override: bool,
    /// With --override: the publisher's public key (JWK or PEM). Get it from the publisher, not from the
    /// server. It is trusted for this server only.
    #[arg(long, value_name = "FILE", requires = "override")]
    key: Option<std::path::PathBuf>,
    #[command(flatten)]
    server_args: ServerArgs,
}

impl ApproveArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let order = self.order(context)?;
        // A digest is approved for the server that it was shown for, so that server must be named: another
        // server of the file may list a copy.
        let servers = match (order.all, order.yes.is_empty()) {
            (true, true) => self.target.servers(context)?,
            (true, false) => vec![self.target.only_server(context)?],
            (false, _) => vec![self.target.server(context)?],
        };
        let desk = Desk::new(&self.server_args, context)?;
        let mut outcome = ApprovalOutcome::default();
        for server in servers {
            outcome.begin(&server.name);
            if let Err(error) = on_server(&desk, server, &order, &mut outcome, context).await {
                let interrupted = error.exit() == Exit::Interrupted;
                outcome.failed(error, context);
                if interrupted {
                    break;
                }
            }
        }
        outcome.unmatched(&order, context);
        Ok(outcome.end(context))
    }
}

async fn on_server(
    desk: &Desk,
    server: NamedServer,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    desk.visit(server, context, async |session| {
        outcome.on(session.server());
        Approving { session, order, outcome: &mut *outcome, context }.run().await
    })
    .await
}

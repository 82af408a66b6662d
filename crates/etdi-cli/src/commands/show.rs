//! `etdi show`.

use clap::Args;

use crate::context::Context;
use crate::exit::Ending;
use crate::servers::desk::{Desk, ServerArgs};
use crate::servers::session::Session;
use crate::servers::target::{ToolOrInstructions, ToolTarget};
use crate::show::instructions::{self, Given};
use crate::show::summary;
use crate::show::tool::Question;

/// Show everything about one tool of a server, or about the server's instructions.
///
/// Exit code 0 if the tool may be used, 1 if it waits for approval or is refused.
#[derive(Debug, Args)]
#[command(
    override_usage = "etdi show [OPTIONS] <TOOL | --instructions>\n       \
        <URL | --from FILE | -- COMMAND…>",
    after_help = "\
Examples:
  etdi show scan https://docs.example/mcp
  etdi show scan -- npx -y docs-server
  etdi show --instructions https://docs.example/mcp"
)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    target: ToolTarget,
    #[command(flatten)]
    server_args: ServerArgs,
}

impl ShowArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let subject = self.target.subject()?;
        let server = self.target.server(context)?;
        let desk = Desk::new(&self.server_args, context)?;
        desk.visit(server, context, async |session| show(subject, session, context).await).await
    }
}

async fn show(subject: ToolOrInstructions<'_>, session: &Session, context: &Context) -> Ending {
    let wanted = match subject {
        ToolOrInstructions::Tool(wanted) => wanted,
        ToolOrInstructions::Instructions => {
            let given = Given::by(session).await?.ok_or_else(instructions::none)?;
            context.out.json(&given.json());
            given.show(context);
            return Ok(given.exit());
        }
    };
    let tool = session.tool(wanted)?;
    let question = Question::about(tool, session).await?;
    context.out.json(&question.json());
    question.show_verdict(context);
    question.show_definition(context);
    question.show_findings(context);
    Ok(summary::exit(tool))
}

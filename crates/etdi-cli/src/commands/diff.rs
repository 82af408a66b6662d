//! `etdi diff`.

use clap::Args;

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::servers::desk::{Desk, ServerArgs};
use crate::servers::session::Session;
use crate::servers::target::{ToolOrInstructions, ToolTarget};
use crate::show::instructions::{self, Given};
use crate::show::summary;
use crate::show::tool::Question;

/// Show what changed in a tool since it was approved, or in a server's instructions; the critical
/// changes first.
///
/// Exit code 0 without changes, 1 with changes, 2 without an approval to compare with.
#[derive(Debug, Args)]
#[command(
    override_usage = "etdi diff [OPTIONS] <TOOL | --instructions>\n       \
        <URL | --from FILE | -- COMMAND…>",
    after_help = "\
Examples:
  etdi diff scan https://docs.example/mcp
  etdi diff scan --from .mcp.json --server docs
  etdi diff --instructions https://docs.example/mcp"
)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    target: ToolTarget,
    #[command(flatten)]
    server_args: ServerArgs,
}

impl DiffArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let subject = self.target.subject()?;
        let server = self.target.server(context)?;
        let desk = Desk::new(&self.server_args, context)?;
        desk.visit(server, context, async |session| diff(subject, session, context).await).await
    }
}

async fn diff(subject: ToolOrInstructions<'_>, session: &Session, context: &Context) -> Ending {
    let wanted = match subject {
        ToolOrInstructions::Tool(wanted) => wanted,
        ToolOrInstructions::Instructions => return of_instructions(session, context).await,
    };
    let tool = session.tool(wanted)?;
    if let Some(problem) = tool.problem() {
        return Err(CliError::new(problem).cannot("compare the tool").at(wanted));
    }
    let question = Question::about(tool, session).await?;
    let review = question.review().ok_or_else(|| {
        CliError::new("cannot compare the tool: it is not approved on this server")
            .at(wanted)
            .next(session.command_on("show", tool, ""))
    })?;
    context.out.json(&question.json());
    // The text may be the same although the signature is missing or wrong: then the tool is not approved.
    if review.is_empty() && summary::exit(tool) == Exit::Ok {
        context.out.line("No changes since the approval.");
        question.show_new_findings(context);
        return Ok(Exit::Ok);
    }
    question.show_verdict(context);
    question.show_change(context);
    Ok(Exit::No)
}

async fn of_instructions(session: &Session, context: &Context) -> Ending {
    let given = Given::by(session).await?.ok_or_else(instructions::none)?;
    let review = given.review().ok_or_else(|| {
        CliError::new("cannot compare the instructions: they are not approved")
            .next(session.command("show", "--instructions"))
    })?;
    context.out.json(&given.json());
    if review.is_empty() && given.exit() == Exit::Ok {
        context.out.line("No changes since the approval.");
        given.show_new_findings(context);
        return Ok(Exit::Ok);
    }
    given.show_change(context);
    Ok(Exit::No)
}

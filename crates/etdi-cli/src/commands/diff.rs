//! `etdi diff`.

use clap::Args;

use crate::context::Context;
use crate::desk::{Desk, StoreOptions, Which};
use crate::exit::{CliError, Ending, Exit};
use crate::network::NetworkOptions;
use crate::question::Question;

/// Show what changed in a tool since it was approved, the critical changes first.
///
/// Exit code 0 if nothing changed, 1 if something did, 2 if nothing is approved to compare with.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  etdi diff scan https://docs.example/mcp
  etdi diff scan --from .mcp.json --server docs")]
pub(crate) struct Diff {
    /// The tool: its name on the server, or its id.
    tool: String,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

impl Diff {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let server = self.which.one()?;
        let desk = Desk::new(&self.store, &self.network, context)?;
        let session = desk.session(server, context).await?;
        let tool = session.tool(&self.tool)?;
        let question = Question::about(tool, &session).await?;
        if let Some(problem) = tool.problem() {
            return Err(CliError::new(problem).at(&self.tool));
        }
        let Some(review) = question.review() else {
            return Err(CliError::new("nothing is approved of this tool on this server")
                .at(&self.tool)
                .next("etdi show shows all of it"));
        };
        context.out.json(&question.json());
        session.connection.close().await;
        if review.is_empty() {
            context.out.line("Nothing changed since it was approved.");
            return Ok(Exit::Ok);
        }
        question.show_verdict(context);
        question.show_review(context);
        Ok(Exit::No)
    }
}

//! `etdi show`.

use clap::Args;

use crate::context::Context;
use crate::desk::{Desk, StoreOptions, Which};
use crate::exit::Ending;
use crate::network::NetworkOptions;
use crate::question::{self, Question};

/// Show all that there is to know about one tool of a server.
///
/// Exit code 0 if the tool may be used, 1 if it waits for approval or is refused.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  etdi show scan https://docs.example/mcp
  etdi show scan -- npx -y docs-server")]
pub(crate) struct Show {
    /// The tool: its name on the server, or its id.
    tool: String,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let server = self.which.one()?;
        let desk = Desk::new(&self.store, &self.network, context)?;
        let session = desk.session(server, context).await?;
        let tool = session.tool(&self.tool)?;
        let question = Question::about(tool, &session).await?;
        context.out.json(&question.json());
        question.show_verdict(context);
        question.show_definition(context);
        question.show_findings(context);
        session.connection.close().await;
        Ok(question::exit(tool))
    }
}

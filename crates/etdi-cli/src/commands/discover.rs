//! `etdi discover`.

use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::desk::{Desk, Session, StoreOptions, Which, heading};
use crate::exit::{Ending, Exit};
use crate::network::NetworkOptions;
use crate::question;

/// List the tools of servers: who published each, what it is, whether it may be used.
///
/// Exit code 0 if every tool may be used, 1 if one waits for approval or is refused, 2 if a server
/// could not be asked. What is seen for the first time is remembered in the store; nothing is
/// approved.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  etdi discover https://docs.example/mcp
  etdi discover -- npx -y docs-server
  etdi discover --from .mcp.json --json")]
pub(crate) struct Discover {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

impl Discover {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let servers = self.which.all()?;
        let desk = Desk::new(&self.store, &self.network, context)?;
        let (mut exit, mut answers) = (Exit::Ok, Vec::new());
        for (name, endpoint) in servers {
            match desk.session((name.clone(), endpoint), context).await {
                Ok(session) => {
                    exit = exit.and(show(&name, &session, context));
                    answers.push(to_json(&name, &session));
                    session.connection.close().await;
                }
                // One server that is down says nothing about the others.
                Err(error) => {
                    exit = exit.and(Exit::CannotCheck);
                    if !context.out.is_json() {
                        context.out.error(&error);
                    }
                    answers.push(json!({ "name": name, "error": error.what() }));
                }
            }
        }
        context.out.json(&json!({ "servers": answers, "exit": exit.code() }));
        Ok(exit)
    }
}

fn show(name: &str, session: &Session, context: &Context) -> Exit {
    let out = &context.out;
    out.line(heading(name));
    for tool in &session.tools {
        out.indented(crate::line::Line::new().text("  ").then(question::summary_line(tool)), 9);
    }
    if session.tools.is_empty() {
        out.line("  no tools");
    }
    let exit = session.tools.iter().map(question::exit).fold(Exit::Ok, Exit::and);
    if exit == Exit::No {
        out.next("etdi show TOOL, then etdi approve TOOL, with the same server");
    }
    exit
}

fn to_json(name: &str, session: &Session) -> Value {
    let tools: Vec<_> = session.tools.iter().map(question::summary).collect();
    json!({ "name": name, "server": session.server(), "tools": tools })
}

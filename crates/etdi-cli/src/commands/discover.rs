//! `etdi discover`.

use clap::Args;
use etdi::ToolDefinition;
use etdi::client::ExecutableState;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::servers::desk::{Desk, ServerArgs};
use crate::servers::host_config;
use crate::servers::hosts;
use crate::servers::session::{Session, heading};
use crate::servers::target::ServerTarget;
use crate::show::instructions::Given;
use crate::show::summary;
use crate::terminal::line::Line;
use crate::terminal::shell::quoted;

/// List the tools of servers: the publisher of each, its state, and whether it may be used.
///
/// Without a server, lists the servers in the configurations of hosts, and does not start them.
/// Exit code 0 if every tool may be used, 1 if one waits for approval or is refused, 2 if a server
/// could not be asked. A definition that is seen for the first time is recorded in the store, but not
/// approved.
#[derive(Debug, Args)]
#[command(
    override_usage = "etdi discover [OPTIONS] [URL | --from FILE | -- COMMAND…]",
    after_help = "\
Examples:
  etdi discover                              which servers the hosts on this machine name
  etdi discover https://docs.example/mcp
  etdi discover -- npx -y docs-server
  etdi discover --from .mcp.json --json"
)]
pub(crate) struct DiscoverArgs {
    #[command(flatten)]
    target: ServerTarget,
    #[command(flatten)]
    server_args: ServerArgs,
}

impl DiscoverArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        if self.target.is_nothing() {
            return Ok(list_hosts(context));
        }
        let (servers, is_all) = (self.target.all(context)?, self.target.is_all());
        let desk = Desk::new(&self.server_args, context)?;
        let (mut exit, mut answers) = (Exit::Ok, Vec::new());
        for server in servers {
            let (name, remarks) = (server.name.clone(), server.remarks.clone());
            if server.disabled && is_all {
                server.say_disabled(context);
                answers.push(json!({ "name": name, "disabled": true }));
                continue;
            }
            let look = async |session: &Session| show(&name, session, context).await;
            match desk.visit(server, context, look).await {
                Ok((one, mut answer)) => {
                    exit = exit.and(one);
                    if let Some(answer) = answer.as_object_mut() {
                        answer.insert("remarks".to_owned(), json!(remarks));
                    }
                    answers.push(answer);
                }
                // Ask the other servers even if one is down.
                Err(error) => {
                    exit = exit.and(Exit::CannotCheck);
                    if !context.out.is_json() {
                        context.out.error(&error);
                    }
                    answers.push(failed(&name, &error));
                }
            }
        }
        context.out.json(&json!({ "servers": answers, "exit": exit.code() }));
        Ok(exit)
    }
}

async fn show(name: &str, session: &Session, context: &Context) -> Result<(Exit, Value), CliError> {
    let out = &context.out;
    let instructions = Given::by(session).await?;
    out.line(heading(name));
    // Print the publisher and the permission once for all tools that share them.
    let (mut heads, mut last) = (session.tools.iter().map(summary::who_and_may), None);
    for tool in &session.tools {
        let head = heads.next().flatten();
        if let Some(head) = head.as_ref().filter(|_| head != last) {
            out.indented(Line::new().text("  ").text(head), 4);
        }
        last = head;
        out.indented(Line::new().text("  ").then(summary::summary_line(tool)), 9);
        // A name that cannot be typed cannot be used in a command, so show the digest.
        let digest = tool.definition().map(ToolDefinition::digest);
        if let Some(digest) = digest.filter(|_| session.typed(tool).is_none()) {
            out.indented(Line::new().dim("         named by its digest ").text(digest), 9);
        }
    }
    if session.tools.is_empty() {
        out.line("  no tools");
    }
    if let Some(given) = &instructions {
        out.indented(Line::new().text("  ").then(given.summary_line()), 9);
    }
    let tools = session.tools.iter().map(summary::exit).fold(Exit::Ok, Exit::and);
    let exit = tools.and(instructions.as_ref().map_or(Exit::Ok, Given::exit));
    let asked = session.tools.iter().find(|tool| tool.action() == etdi::decision::Action::Ask);
    match (asked, exit) {
        (Some(tool), _) => {
            out.next(session.command_on("show", tool, ""));
            out.next(session.command("approve", "--all"));
        }
        (None, Exit::No) if tools == Exit::Ok => {
            out.next(session.command("approve", "--instructions"));
        }
        (None, Exit::No) => {
            let refused = session.tools.iter().find(|tool| summary::exit(tool) == Exit::No);
            if let Some(tool) = refused {
                out.next(session.command_on("show", tool, ""));
            }
        }
        _ => {}
    }
    let tools: Vec<_> = session.tools.iter().map(summary::summary).collect();
    let changed = match &session.executable {
        ExecutableState::Changed { was, now } => json!({ "was": was, "now": now.to_string() }),
        _ => Value::Null,
    };
    let answer = json!({
        "name": name,
        "server": session.server(),
        "tools": tools,
        "instructions": instructions.as_ref().map(Given::json),
        "program_changed": changed,
    });
    Ok((exit, answer))
}

/// Lists the servers in the configurations of the hosts on this machine. Does not start them: only a
/// person may decide to start a third party's command.
fn list_hosts(context: &Context) -> Exit {
    let out = &context.out;
    let (mut exit, mut answers) = (Exit::Ok, Vec::new());
    let environment = context.environment;
    for file in hosts::found(environment) {
        let path = file.path.display().to_string();
        out.line(heading(&path).dim(format!("  {}", file.host)));
        let mut names = Vec::new();
        let mut problem = None;
        match host_config::read(&file.path, &|name| environment.get(name)) {
            Ok(entries) => {
                for entry in &entries {
                    let line = Line::new().text("  ").theirs(&entry.name).dim(": ");
                    let disabled = if entry.disabled { "  disabled" } else { "" };
                    out.indented(line.theirs(&entry.what).dim(disabled), 4);
                    for remark in &entry.remarks {
                        out.indented(Line::new().text("    ").warn(remark), 6);
                    }
                    names.push(json!({
                        "name": entry.name, "what": entry.what, "disabled": entry.disabled,
                        "remarks": entry.remarks,
                    }));
                }
                if let Some(file) = quoted(&path).filter(|_| !entries.is_empty()) {
                    out.next(format!("etdi discover --from {file}"));
                }
            }
            Err(error) => {
                exit = exit.and(Exit::CannotCheck);
                if !context.out.is_json() {
                    out.error(&error);
                }
                problem = Some(error);
            }
        }
        let (host, error) = (file.host, problem.as_ref().map(CliError::what));
        answers.push(json!({ "file": path, "host": host, "servers": names, "error": error }));
    }
    if answers.is_empty() {
        out.line("No host configuration was found in this folder or for this user.");
        out.next("etdi discover URL");
        out.next("etdi discover -- COMMAND");
    }
    out.json(&json!({ "files": answers, "exit": exit.code() }));
    exit
}

fn failed(name: &str, error: &CliError) -> Value {
    let (at, next) = (error.place(), error.next_step());
    json!({ "name": name, "error": error.what(), "at": at, "next": next })
}

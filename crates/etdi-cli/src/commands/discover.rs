//! `etdi discover`.

use clap::Args;
use etdi::ToolDefinition;
use etdi::client::ExecutableState;
use etdi::text::escaped;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::servers::desk::{Desk, ServerArgs};
use crate::servers::host_config::{self, ConfiguredServer, HostConfig, Skip};
use crate::servers::hosts::{self, HostFile};
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
            if let Some(skip) = server.skip.filter(|_| is_all) {
                server.say_skipped(context);
                let disabled = skip == Skip::Disabled;
                answers.push(
                    json!({ "name": name, "disabled": disabled, "skipped": skip.to_string() }),
                );
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
    let (mut exit, mut answers, mut is_empty) = (Exit::Ok, Vec::new(), true);
    let environment = context.environment;
    for HostFile { host, path } in hosts::found(environment) {
        let read = host_config::read(&path, &|name| environment.get(name));
        let path = path.display().to_string();
        let title = heading(&path).dim(format!("  {host}"));
        answers.push(match read {
            // Settings of a host often name no servers.
            Ok(config) if config.servers.is_empty() && config.elsewhere.is_empty() => {
                json!({ "file": path, "host": host, "servers": [], "elsewhere": [], "error": null })
            }
            Ok(config) => {
                is_empty = false;
                out.line(title);
                let (servers, elsewhere) = list(&config, context);
                if let Some(file) = quoted(&path).filter(|_| !servers.is_empty()) {
                    out.next(format!("etdi discover --from {file}"));
                }
                json!({
                    "file": path, "host": host, "servers": servers, "elsewhere": elsewhere,
                    "error": null,
                })
            }
            Err(error) => {
                (exit, is_empty) = (exit.and(Exit::CannotCheck), false);
                out.line(title);
                if !out.is_json() {
                    out.error(&error);
                }
                json!({
                    "file": path, "host": host, "servers": [], "elsewhere": [],
                    "error": error.what(),
                })
            }
        });
    }
    if is_empty {
        out.line("No host configuration with servers was found in this folder or for this user.");
        out.next("etdi discover URL");
        out.next("etdi discover -- COMMAND");
    }
    out.json(&json!({ "files": answers, "exit": exit.code() }));
    exit
}

/// Shows the servers of one file, and returns them as JSON: those for this folder, and those of other
/// projects.
fn list(config: &HostConfig, context: &Context) -> (Vec<Value>, Vec<Value>) {
    let out = &context.out;
    let servers = config.servers.iter().map(|server| {
        let ConfiguredServer { name, what, endpoint, skip, remarks } = server;
        let skipped = skip.map(|skip| skip.to_string());
        let error = endpoint.as_ref().err().filter(|_| skip.is_none()).map(CliError::what);
        let line = Line::new().text("  ").theirs(name).dim(": ").theirs(what);
        let mark = skipped.as_ref().map(|skipped| format!("  {skipped}"));
        out.indented(line.dim(mark.unwrap_or_default()), 4);
        for remark in remarks {
            out.indented(Line::new().text("    ").warn(remark), 6);
        }
        if let Some(error) = error {
            out.indented(Line::new().text("    ").bad("error: ").text(error), 6);
        }
        json!({
            "name": name, "what": what, "disabled": *skip == Some(Skip::Disabled),
            "skipped": skipped, "remarks": remarks, "error": error,
        })
    });
    let servers = servers.collect();
    let elsewhere = config.elsewhere.iter().map(|other| {
        let line = Line::new().text("  ").theirs(&other.name).dim(": ").theirs(&other.what);
        out.indented(line.dim("  in the project ").dim(escaped(&other.project)), 4);
        json!({ "name": other.name, "what": other.what, "project": other.project })
    });
    (servers, elsewhere.collect())
}

fn failed(name: &str, error: &CliError) -> Value {
    let (at, next) = (error.place(), error.next_step());
    json!({ "name": name, "error": error.what(), "at": at, "next": next })
}

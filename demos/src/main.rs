//! The demos' command line.

#![forbid(unsafe_code)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use demos::claims::{Report, Transport};
use demos::process::Launcher;
use demos::scenarios::tool_poisoning;
use demos::servers::{self, Role};
use demos::state::State;

/// ETDI's demos: real servers, real attacks, and claims that are checked against what happened.
///
/// Without a scenario, all of them run, on stdio and on HTTP. Exit status: 0 if every claim holds, 1
/// if one fails, 2 if a demo could not run.
#[derive(Parser)]
#[command(name = "demos", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(clap::Args, Clone)]
struct Options {
    /// Run over this transport only.
    #[arg(long, value_enum, global = true)]
    transport: Option<Transport>,
    /// Print one JSON line per scenario and transport, and nothing else.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// A malicious server poses as a trusted one, and a trusted one turns.
    ToolPoisoning,
    /// One of the demos' servers, as a process of its own.
    #[command(hide = true)]
    Serve {
        role: Role,
        #[arg(long)]
        state: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let options = arguments.options;
    if let Some(Command::Serve { role, state }) = arguments.command {
        let transport = options.transport.unwrap_or(Transport::Stdio);
        servers::run(role, transport, State::at(state)?).await?;
        return Ok(true);
    }
    let launcher = Launcher::this_program()?;
    let transports = match options.transport {
        Some(transport) => vec![transport],
        None => vec![Transport::Stdio, Transport::Http],
    };
    let mut pass = true;
    for transport in transports {
        introduce(&options, transport)?;
        let report = tool_poisoning::run(transport, &launcher, options.json).await?;
        conclude(&options, &report)?;
        pass &= report.pass;
    }
    Ok(pass)
}

fn introduce(options: &Options, transport: Transport) -> std::io::Result<()> {
    if options.json {
        return Ok(());
    }
    let over = match transport {
        Transport::Stdio => "stdio",
        Transport::Http => "HTTP",
    };
    writeln!(std::io::stdout(), "{} over {over}", tool_poisoning::NAME)
}

fn conclude(options: &Options, report: &Report) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if options.json {
        writeln!(out, "{}", serde_json::to_string(report)?)?;
        return Ok(());
    }
    let held = report.claims.iter().filter(|claim| claim.pass).count();
    writeln!(out, "\n  {held} of {} claims hold.\n", report.claims.len())?;
    Ok(())
}

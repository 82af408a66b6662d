//! The demos' command line.

#![forbid(unsafe_code)]

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use demos::claims::{Report, Transport};
use demos::process::Launcher;
use demos::scenarios::{e2e, tool_poisoning};
use demos::servers::{self, Role};
use demos::state::State;
use demos::tenant::Tenant;
use tracing_subscriber::EnvFilter;

/// ETDI's demos: real servers, real attacks, and claims that are checked against the facts.
///
/// Without a scenario, all of them run, on stdio and on HTTP. Exit status: 0 if every claim holds, 1
/// if one fails, 2 if a demo could not run. RUST_LOG=etdi_oauth=debug shows each step of the OAuth
/// part on standard error, without a secret.
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
    /// Print only one JSON line per scenario and transport.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// An identity provider vouches for a tool and for its callers: your Auth0 tenant if the environment
    /// names one, and an embedded issuer otherwise.
    ///
    /// The tenant: AUTH0_DOMAIN, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET and AUTH0_AUDIENCE for the host,
    /// ETDI_AUTH0_DOMAIN, ETDI_DEMO_CLIENT_ID and ETDI_DEMO_CLIENT_SECRET for the server. For
    /// attestations also ETDI_ATTESTATION_AUDIENCE, and ETDI_ATTESTATION_CLAIM if an Action sets one.
    E2e,
    /// A malicious server poses as a trusted server, and a trusted server turns malicious.
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
    // Silent unless RUST_LOG names something, such as etdi_oauth=debug.
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
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
    let scenarios = match arguments.command {
        Some(Command::E2e) => vec![Scenario::EndToEnd],
        Some(_) => vec![Scenario::ToolPoisoning],
        None => vec![Scenario::ToolPoisoning, Scenario::EndToEnd],
    };
    let tenant = match scenarios.contains(&Scenario::EndToEnd) {
        true => Tenant::from_env()?,
        false => None,
    };
    let launcher = Launcher::this_program()?;
    let transports = match options.transport {
        Some(transport) => vec![transport],
        None => vec![Transport::Stdio, Transport::Http],
    };
    let mut pass = true;
    for scenario in scenarios {
        for transport in &transports {
            introduce(&options, scenario, *transport)?;
            let report = match scenario {
                Scenario::ToolPoisoning => {
                    tool_poisoning::run(*transport, &launcher, options.json).await?
                }
                Scenario::EndToEnd => {
                    e2e::run(*transport, &launcher, tenant.as_ref(), options.json).await?
                }
            };
            conclude(&options, &report)?;
            pass &= report.pass;
        }
    }
    Ok(pass)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenario {
    ToolPoisoning,
    EndToEnd,
}

fn introduce(options: &Options, scenario: Scenario, transport: Transport) -> std::io::Result<()> {
    if options.json {
        return Ok(());
    }
    let over = match transport {
        Transport::Stdio => "stdio",
        Transport::Http => "HTTP",
    };
    let name = match scenario {
        Scenario::ToolPoisoning => tool_poisoning::NAME,
        Scenario::EndToEnd => e2e::NAME,
    };
    writeln!(std::io::stdout(), "{name} over {over}")
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

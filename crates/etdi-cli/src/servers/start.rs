//! The time that a server has to start.

use std::time::Duration;

use clap::Args;

use crate::context::Context;
use crate::exit::CliError;

/// Hosts that start MCP servers read this variable too; the value is in milliseconds.
const VARIABLE: &str = "MCP_TIMEOUT";

/// A package manager that has to fetch a server first needs up to a minute.
const DEFAULT: Duration = Duration::from_secs(120);

/// The flags for the start of a server.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Servers")]
pub(crate) struct StartOptions {
    /// Wait this long for a server's first answer. Without this flag: `MCP_TIMEOUT` (milliseconds), or
    /// else 120 seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
}

impl StartOptions {
    /// Returns the same flags, quoted for a shell.
    pub(crate) fn words(&self) -> String {
        self.timeout.map_or_else(String::new, |time| format!("--timeout {} ", time.as_secs()))
    }

    /// Returns the time that a server has for its first answer.
    pub(crate) fn time(&self, context: &Context) -> Result<Duration, CliError> {
        let given = self.timeout.map(Ok);
        let found = || context.environment.get(VARIABLE).map(|value| milliseconds(&value));
        given.or_else(found).unwrap_or(Ok(DEFAULT))
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("give whole seconds, from 1 to 86400".to_owned()),
    }
}

fn milliseconds(text: &str) -> Result<Duration, CliError> {
    match text.parse() {
        Ok(milliseconds @ 1..=86_400_000) => Ok(Duration::from_millis(milliseconds)),
        _ => {
            Err(CliError::new(format!("cannot use {VARIABLE}: it is not a number of milliseconds"))
                .next(format!(
                    "set {VARIABLE} to a number from 1 to 86400000, or give --timeout SECONDS"
                )))
        }
    }
}

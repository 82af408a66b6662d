//! The demo's servers as processes of their own: this program again, with its hidden subcommand
//! `serve`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use etdi::StdioCommand;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::servers::Role;

/// The line that a server on HTTP prints once it listens.
#[derive(Debug, Serialize, Deserialize)]
pub struct Address {
    /// The URL of its MCP endpoint.
    pub url: String,
}

/// A launcher for this program's servers.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
}

impl Launcher {
    /// Returns a launcher that starts servers with the program that runs now.
    ///
    /// # Errors
    /// If the program's path cannot be found.
    pub fn this_program() -> anyhow::Result<Self> {
        Ok(Self { program: std::env::current_exe()? })
    }

    /// Returns the command that starts a server on stdio.
    #[must_use]
    pub fn stdio(&self, role: Role, state: &Path) -> StdioCommand {
        StdioCommand::new(self.program.display().to_string())
            .args(["serve", role.name(), "--transport", "stdio", "--state"])
            .arg(state.display().to_string())
    }

    /// Starts a server on HTTP and waits for its address.
    ///
    /// # Errors
    /// If the server does not start. Its standard error has the reason.
    pub async fn http(&self, role: Role, state: &Path) -> anyhow::Result<HttpServer> {
        let mut child = Command::new(&self.program)
            .args(["serve", role.name(), "--transport", "http", "--state"])
            .arg(state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start the {} server", role.name()))?;
        let stdout =
            child.stdout.take().context("cannot read the standard output of the server")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let address: Address = serde_json::from_str(&line)
            .with_context(|| format!("cannot read the address of the {} server", role.name()))?;
        Ok(HttpServer { url: address.url, _child: child })
    }
}

/// A server on HTTP. Dropping this value closes the server's standard input and kills the server.
#[derive(Debug)]
pub struct HttpServer {
    /// The URL of its MCP endpoint.
    pub url: String,
    _child: Child,
}

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
    /// Where its MCP endpoint is.
    pub url: String,
}

/// How to start this program's servers.
#[derive(Clone, Debug)]
pub struct Launcher {
    program: PathBuf,
}

impl Launcher {
    /// Servers are started with the program that runs now.
    ///
    /// # Errors
    /// If its path cannot be found out.
    pub fn this_program() -> anyhow::Result<Self> {
        Ok(Self { program: std::env::current_exe()? })
    }

    /// The command that starts a server on stdio.
    #[must_use]
    pub fn stdio(&self, role: Role, state: &Path) -> StdioCommand {
        StdioCommand::new(self.program.display().to_string())
            .args(["serve", role.name(), "--transport", "stdio", "--state"])
            .arg(state.display().to_string())
    }

    /// Starts a server on HTTP and waits for its address.
    ///
    /// # Errors
    /// If it does not start; the reason stands on its standard error.
    pub async fn http(&self, role: Role, state: &Path) -> anyhow::Result<HttpServer> {
        let mut child = Command::new(&self.program)
            .args(["serve", role.name(), "--transport", "http", "--state"])
            .arg(state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("the {} server does not start", role.name()))?;
        let stdout = child.stdout.take().context("the server has no standard output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let address: Address = serde_json::from_str(&line)
            .with_context(|| format!("the {} server did not say its address", role.name()))?;
        Ok(HttpServer { url: address.url, _child: child })
    }
}

/// A server on HTTP. It ends when this is dropped: its standard input closes, and it is killed.
#[derive(Debug)]
pub struct HttpServer {
    /// Where its MCP endpoint is.
    pub url: String,
    _child: Child,
}

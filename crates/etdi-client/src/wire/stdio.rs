//! The stdio transport: a child process, one JSON-RPC message on each line.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;
use std::sync::Arc;

use etdi_types::StdioCommand;
use futures::SinkExt;
use rmcp::RoleClient;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::{JsonRpcMessageCodec, TransportWriter};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio_util::codec::FramedWrite;

use super::child::Child;
use super::gate::Gate;
use super::lines::{Lines, Skipped};
use super::raw::RawResponses;
use super::stderr::Stderr;

/// A connection to a child process, which is killed when this is dropped.
pub(crate) struct StdioTransport {
    input: Arc<Mutex<Option<TransportWriter<RoleClient, ChildStdin>>>>,
    output: Lines<ChildStdout>,
    child: Child,
    raws: Arc<RawResponses>,
    gate: Arc<Gate>,
}

/// The output of a child process that is not a message.
pub(crate) struct SideOutput {
    stderr: Option<Stderr>,
    skipped: Arc<Skipped>,
}

impl StdioTransport {
    /// Starts `command` with its own `env` and the variables of this process's environment that
    /// every program needs. The log calls it `name`, because the command may hold secret values.
    pub(crate) fn spawn(
        name: &str,
        command: &StdioCommand,
        raws: Arc<RawResponses>,
        gate: Arc<Gate>,
    ) -> io::Result<(Self, SideOutput)> {
        let mut builder = Command::new(&command.command);
        builder
            .args(&command.args)
            .env_clear()
            .envs(inherited_from_env())
            .envs(&command.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(cwd) = &command.cwd {
            builder.current_dir(cwd);
        }
        let mut child = Child::spawn(builder)?;
        let missing = || io::Error::other("the child process has no pipes");
        let stdin = child.stdin().ok_or_else(missing)?;
        let stdout = child.stdout().ok_or_else(missing)?;
        let stderr = child.stderr().map(|stderr| Stderr::relay(stderr, name.to_owned()));
        let skipped = Arc::<Skipped>::default();
        let input = FramedWrite::new(stdin, JsonRpcMessageCodec::default());
        let output = Lines::new(stdout, Arc::clone(&raws), Arc::clone(&skipped));
        let transport =
            Self { input: Arc::new(Mutex::new(Some(input))), output, child, raws, gate };
        Ok((transport, SideOutput { stderr, skipped }))
    }
}

impl SideOutput {
    /// Returns the last lines of the standard error of a child process that has ended.
    pub(crate) async fn last_lines(self) -> Vec<String> {
        match self.stderr {
            Some(stderr) => stderr.last_lines().await,
            None => Vec::new(),
        }
    }

    /// Returns the number of lines of the standard output that were not JSON-RPC messages.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.count()
    }
}

impl Transport<RoleClient> for StdioTransport {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let item: ClientJsonRpcMessage = item;
        let checked = self.gate.check(&item);
        if checked.is_ok() {
            self.raws.expect(&item);
        }
        let input = Arc::clone(&self.input);
        async move {
            checked.map_err(|refused| io::Error::new(io::ErrorKind::PermissionDenied, refused))?;
            match input.lock().await.as_mut() {
                Some(input) => input.send(item).await.map_err(io::Error::from),
                None => Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.output.next().await
    }

    async fn close(&mut self) -> io::Result<()> {
        drop(self.input.lock().await.take());
        self.child.exit().await
    }
}

/// The variables of this process's environment that a child gets. A secret of the host does not
/// have one of these names. The official MCP SDKs pass on the same variables.
const INHERITED: &[&str] = if cfg!(windows) {
    &[
        "APPDATA",
        "HOMEDRIVE",
        "HOMEPATH",
        "LOCALAPPDATA",
        "PATH",
        "PATHEXT",
        "PROCESSOR_ARCHITECTURE",
        "PROGRAMFILES",
        "SYSTEMDRIVE",
        "SYSTEMROOT",
        "TEMP",
        "TMP",
        "USERNAME",
        "USERPROFILE",
    ]
} else {
    &["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"]
};

#[expect(clippy::disallowed_methods, reason = "a child inherits variables of the environment")]
fn inherited_from_env() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)))
}

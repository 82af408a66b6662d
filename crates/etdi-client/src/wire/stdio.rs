//! The stdio transport: a child process of ours, with a tap in front of rmcp's reader.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use etdi_types::StdioCommand;
use rmcp::RoleClient;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::gate::Gate;
use super::raw::{Captured, MAX_RESPONSE, RawResponses};

/// How long a server may take to exit once its input is closed.
const EXIT_GRACE: Duration = Duration::from_secs(3);

/// A connection to a child process. The child is killed when this is dropped.
pub(crate) struct StdioTransport {
    inner: AsyncRwTransport<RoleClient, Tap<ChildStdout>, ChildStdin>,
    child: Child,
    raws: Arc<RawResponses>,
    gate: Arc<Gate>,
}

impl StdioTransport {
    /// Starts `command`. Its `env` is added to the environment of this process.
    pub(crate) fn spawn(
        command: &StdioCommand,
        raws: Arc<RawResponses>,
        gate: Arc<Gate>,
    ) -> io::Result<Self> {
        let mut builder = Command::new(&command.command);
        builder
            .args(&command.args)
            .envs(&command.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(cwd) = &command.cwd {
            builder.current_dir(cwd);
        }
        let mut child = builder.spawn()?;
        let missing = || io::Error::other("the child process has no pipes");
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let inner = AsyncRwTransport::new_client(Tap::new(stdout, Arc::clone(&raws)), stdin);
        Ok(Self {
            // One byte for the line feed, so that both limits mean the same message.
            inner: inner.with_max_line_length(MAX_RESPONSE + 1),
            child,
            raws,
            gate,
        })
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
        let sent = checked.is_ok().then(|| self.inner.send(item));
        async move {
            match (checked, sent) {
                (Ok(()), Some(sent)) => sent.await,
                (Err(refused), _) => Err(io::Error::new(io::ErrorKind::PermissionDenied, refused)),
                (Ok(()), None) => Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.inner.receive().await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.inner.close().await?;
        match tokio::time::timeout(EXIT_GRACE, self.child.wait()).await {
            Ok(exited) => exited.map(|_| ()),
            Err(_) => self.child.kill().await,
        }
    }
}

/// Passes bytes through and offers every line to the raw responses before the reader behind it can
/// have seen its end.
struct Tap<R> {
    inner: R,
    raws: Arc<RawResponses>,
    line: Vec<u8>,
    state: Line,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// The next byte starts a line.
    Start,
    /// The line is kept.
    Kept,
    /// Nothing was waited for when the line started, so it is no answer to anything.
    Skipped,
}

impl<R> Tap<R> {
    fn new(inner: R, raws: Arc<RawResponses>) -> Self {
        Self { inner, raws, line: Vec::new(), state: Line::Start }
    }

    fn observe(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.state == Line::Start {
                let waiting = self.raws.is_waiting();
                self.state = if waiting { Line::Kept } else { Line::Skipped };
            }
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if self.state == Line::Kept {
                self.keep(text);
            }
            if ends {
                self.end();
            }
        }
    }

    fn keep(&mut self, text: &[u8]) {
        if self.line.len() + text.len() > MAX_RESPONSE {
            self.line = Vec::new();
            self.state = Line::Skipped;
            self.raws.fail(&Captured::TooLarge);
        } else {
            self.line.extend_from_slice(text);
        }
    }

    fn end(&mut self) {
        if self.state == Line::Kept {
            let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
            self.raws.offer(line);
        }
        // Listings are large and rare: their room is given back.
        self.line = Vec::new();
        self.state = Line::Start;
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Tap<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if let Some(new) = buf.filled().get(before..) {
            self.observe(new);
        }
        Poll::Ready(Ok(()))
    }
}

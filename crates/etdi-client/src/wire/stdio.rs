//! The stdio transport: a child process, with a tap in front of rmcp's reader.

use std::ffi::OsString;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use etdi_types::StdioCommand;
use etdi_types::text::escaped;
use rmcp::RoleClient;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

use super::child::Child;
use super::gate::Gate;
use super::raw::{Captured, MAX_RESPONSE, RawResponses};

/// The most bytes of a line of a server's standard error that are logged at once.
const MAX_PIECE: usize = 8 * 1024;

/// A connection to a child process, which is killed when this is dropped.
pub(crate) struct StdioTransport {
    inner: AsyncRwTransport<RoleClient, Tap<ChildStdout>, ChildStdin>,
    child: Child,
    raws: Arc<RawResponses>,
    gate: Arc<Gate>,
}

impl StdioTransport {
    /// Starts `command` with its own `env` and the variables of this process's environment that
    /// every program needs. The log calls it `name`, because the command may hold secret values.
    pub(crate) fn spawn(
        name: &str,
        command: &StdioCommand,
        raws: Arc<RawResponses>,
        gate: Arc<Gate>,
    ) -> io::Result<Self> {
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
        if let Some(stderr) = child.stderr() {
            tokio::spawn(relay(stderr, name.to_owned()));
        }
        let inner = AsyncRwTransport::new_client(Tap::new(stdout, Arc::clone(&raws)), stdin);
        Ok(Self {
            // One more byte for the line feed, so that both limits allow the same message.
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

/// Sends the standard error of a server to the log, escaped, in pieces of at most [`MAX_PIECE`]
/// bytes. The text is the server's own, and must not reach the terminal, where a person is asked.
async fn relay(stderr: ChildStderr, command: String) {
    let mut lines = BufReader::with_capacity(MAX_PIECE, stderr);
    loop {
        let piece = match lines.fill_buf().await {
            Ok([]) | Err(_) => return,
            Ok(buffer) => buffer.split_inclusive(|byte| *byte == b'\n').next().unwrap_or(buffer),
        };
        let length = piece.len();
        let text = String::from_utf8_lossy(piece.trim_ascii_end());
        tracing::info!(command = %escaped(&command), "the server says: {}", escaped(&text));
        lines.consume(length);
    }
}

/// A reader that passes bytes through. It offers every line to the raw responses before the reader
/// behind it can see the end of the line.
struct Tap<R> {
    inner: R,
    raws: Arc<RawResponses>,
    line: Vec<u8>,
    state: LineState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineState {
    /// The next byte starts a line.
    Start,
    /// The line is kept.
    Kept,
    /// No response was waited for when the line started, so the line is not a response.
    Skipped,
}

impl<R> Tap<R> {
    fn new(inner: R, raws: Arc<RawResponses>) -> Self {
        Self { inner, raws, line: Vec::new(), state: LineState::Start }
    }

    fn observe(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.state == LineState::Start {
                let waiting = self.raws.is_waiting();
                self.state = if waiting { LineState::Kept } else { LineState::Skipped };
            }
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if self.state == LineState::Kept {
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
            self.state = LineState::Skipped;
            self.raws.fail(&Captured::TooLarge);
        } else {
            self.line.extend_from_slice(text);
        }
    }

    fn end(&mut self) {
        if self.state == LineState::Kept {
            let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
            self.raws.offer(line);
        }
        // Listings are large and rare, so their memory is freed.
        self.line = Vec::new();
        self.state = LineState::Start;
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    use tracing::instrument::WithSubscriber;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_standard_error_of_a_server_is_logged_escaped() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let mut child = Command::new("sh")
            .args(["-c", r"printf 'one\n\033[2Japproved\n' >&2"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        relay(stderr, "docs-server".to_owned()).with_subscriber(subscriber).await;
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r"\u{1b}[2Japproved") && !text.contains('\u{1b}'), "{text}");
    }
}

//! The standard error of a server: it goes to the log, and its last lines go into the error of a
//! server that ends before it answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use etdi_types::text::escaped;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::task::JoinHandle;

/// The most bytes of a line that are logged at once.
const MAX_PIECE: usize = 8 * 1024;

/// The most lines that an error shows.
const MAX_LINES: usize = 10;

/// The most characters of such a line.
const MAX_CHARACTERS: usize = 300;

/// The time to wait for the last lines of a server that has ended. A process that the server
/// started can hold the pipe open for longer.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The reader of a server's standard error.
pub(super) struct Stderr {
    lines: Arc<Mutex<VecDeque<String>>>,
    relay: JoinHandle<()>,
}

impl Stderr {
    /// Sends what the server writes to the log, escaped. The log calls the server `name`.
    pub(super) fn relay(stderr: ChildStderr, name: String) -> Self {
        let lines = Arc::<Mutex<VecDeque<String>>>::default();
        let relay = tokio::spawn(relay(stderr, name, Arc::clone(&lines)));
        Self { lines, relay }
    }

    /// Returns the last lines that are not blank, escaped and cut, after the server has ended.
    pub(super) async fn last_lines(mut self) -> Vec<String> {
        tokio::time::timeout(LAST_LINES, &mut self.relay).await.ok();
        self.lines.lock().drain(..).collect()
    }
}

/// Logs in pieces of at most [`MAX_PIECE`] bytes. The text is the server's own, and must not reach
/// the terminal unescaped, where a person is asked.
async fn relay(stderr: ChildStderr, name: String, last: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::with_capacity(MAX_PIECE, stderr);
    loop {
        let piece = match lines.fill_buf().await {
            Ok([]) | Err(_) => return,
            Ok(buffer) => buffer.split_inclusive(|byte| *byte == b'\n').next().unwrap_or(buffer),
        };
        let length = piece.len();
        let text = String::from_utf8_lossy(piece.trim_ascii_end());
        tracing::info!(command = %escaped(&name), "the server says: {}", escaped(&text));
        keep(&mut last.lock(), &text);
        lines.consume(length);
    }
}

fn keep(last: &mut VecDeque<String>, text: &str) {
    if text.is_empty() {
        return;
    }
    if last.len() == MAX_LINES {
        last.pop_front();
    }
    let cut: String = text.chars().take(MAX_CHARACTERS).collect();
    last.push_back(escaped(&cut).to_string());
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::process::Stdio;
    use std::sync::{Mutex as StdMutex, PoisonError};

    use tokio::process::Command;
    use tracing::instrument::WithSubscriber;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<StdMutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn says(script: &str) -> ChildStderr {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stderr(Stdio::piped()).spawn().unwrap().stderr.take().unwrap()
    }

    #[tokio::test]
    async fn the_standard_error_of_a_server_is_logged_escaped() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let stderr = says(r"printf 'one\n\033[2Japproved\n' >&2");
        relay(stderr, "docs-server".to_owned(), Arc::default()).with_subscriber(subscriber).await;
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains(r"\u{1b}[2Japproved") && !text.contains('\u{1b}'), "{text}");
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept_cut_and_escaped() {
        let script = r"for i in $(seq 20); do echo line $i >&2; done; echo >&2
            printf '\033[2J%1000s\n' x >&2";
        let lines = Stderr::relay(says(script), "docs-server".to_owned()).last_lines().await;
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(lines[0], "line 12");
        let last = lines.last().unwrap();
        assert!(last.starts_with(r"\u{1b}[2J") && last.chars().count() < 320, "{last}");
    }
}

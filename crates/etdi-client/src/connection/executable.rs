//! The program behind the command of a stdio server: its path and digest are on record, and a
//! change is shown (wire format, section 6).

use std::path::{Path, PathBuf};

use etdi_judge::{Judge, Sighting, StoreError};
use etdi_types::text::escaped;
use etdi_types::{Digest, Pin, StdioCommand};

/// The program that a command resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executable {
    /// Its absolute path.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub digest: Digest,
}

/// The state of the program of a stdio server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecutableState {
    /// The program is not known: the server is on HTTP, or the file cannot be read.
    Unknown,
    /// The program is the one on record, or the first one that was seen.
    Same(Executable),
    /// The command now starts another program. Show it to a person.
    Changed {
        /// Path and digest on record.
        was: String,
        /// The program now.
        now: Executable,
    },
}

impl std::fmt::Display for Executable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", escaped(&self.path.display().to_string()), self.digest)
    }
}

impl Executable {
    /// Finds and hashes the program, on a thread that may block.
    pub(crate) async fn of(command: StdioCommand) -> Option<Self> {
        tokio::task::spawn_blocking(move || {
            let cwd = command.cwd.as_deref().map(Path::new).unwrap_or(Path::new("."));
            // As the operating system does: if the child has its own PATH, use that.
            let path = match command.env.get("PATH") {
                Some(path) => which::which_in(&command.command, Some(path), cwd).ok()?,
                None => which::which(&command.command).ok()?,
            };
            let path = path.canonicalize().ok()?;
            let digest = Digest::of(&std::fs::read(&path).ok()?);
            Some(Self { path, digest })
        })
        .await
        .ok()
        .flatten()
    }

    /// Compares this program with the one on record. The first program that is seen is put on
    /// record.
    pub(crate) async fn state(&self, judge: &Judge) -> Result<ExecutableState, StoreError> {
        let now = self.clone();
        let pin = self.pin(judge);
        let recorded = judge.server_record(&pin.id).await?.pins;
        match recorded.into_iter().find(|recorded| recorded.id == pin.id) {
            None => {
                judge.settings().store().record(&[Sighting::new(pin)]).await?;
                Ok(ExecutableState::Same(now))
            }
            Some(recorded) if recorded.digest == pin.digest => Ok(ExecutableState::Same(now)),
            Some(recorded) => {
                let was = escaped(&recorded.definition).to_string();
                Ok(ExecutableState::Changed { was, now })
            }
        }
    }

    /// Puts this program on record, because a person has seen the change.
    pub(crate) async fn acknowledge(
        &self,
        judge: &Judge,
        by: impl Into<String>,
    ) -> Result<(), StoreError> {
        let pin = self.pin(judge);
        let known = judge.server_record(&pin.id).await?;
        let current = known.approval(&pin.id, judge.context());
        let expected = current.map(|approval| approval.pin.digest);
        judge.approve_server_pin(pin, by, expected).await
    }

    fn pin(&self, judge: &Judge) -> Pin {
        let text = self.to_string();
        let id = format!("executable:{}", judge.server());
        judge.server_pin(id, Digest::of(text.as_bytes()), text.into())
    }
}

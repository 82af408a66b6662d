//! Which program a stdio server's command stands for: its path and digest are on record, and a
//! change is shown (wire format, section 6).

use std::path::{Path, PathBuf};

use etdi_types::text::escaped;
use etdi_types::{
    ApprovalRecord, Digest, EvidenceRecord, Pin, ServerIdentity, StdioCommand, Subject,
};

use crate::connection::ServerConnection;
use crate::store::{Sighting, StoreError};

/// The program that a command resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executable {
    /// Its absolute path.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub digest: Digest,
}

/// How a stdio server's program stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecutableState {
    /// There is none to look at: the server is on HTTP, or the file cannot be read.
    Unknown,
    /// It is the one on record, or the first one seen.
    Same(Executable),
    /// The same command stands for another program now. Show it to a person.
    Changed {
        /// Path and digest on record.
        was: String,
        /// What it is now.
        now: Executable,
    },
}

impl std::fmt::Display for Executable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", escaped(&self.path.display().to_string()), self.digest)
    }
}

/// Finds and hashes the program, on a thread that may block.
pub(crate) async fn resolve(command: StdioCommand) -> Option<Executable> {
    tokio::task::spawn_blocking(move || {
        let cwd = command.cwd.as_deref().map(Path::new).unwrap_or(Path::new("."));
        // Like the operating system: the child's own PATH, if it is given one.
        let path = match command.env.get("PATH") {
            Some(path) => which::which_in(&command.command, Some(path), cwd).ok()?,
            None => which::which(&command.command).ok()?,
        };
        let path = path.canonicalize().ok()?;
        let digest = Digest::of(&std::fs::read(&path).ok()?);
        Some(Executable { path, digest })
    })
    .await
    .ok()
    .flatten()
}

impl ServerConnection {
    /// How the program behind this server stands. The first one seen is put on record.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn executable(&self) -> Result<ExecutableState, StoreError> {
        let Some(now) = self.executable.clone() else { return Ok(ExecutableState::Unknown) };
        let pin = self.executable_pin(&now);
        let recorded = self.recorded_executable().await?;
        match recorded {
            None => {
                let sighting = Sighting { pin, ledger: None, refreshes: None };
                self.settings.store.record(&[sighting]).await?;
                Ok(ExecutableState::Same(now))
            }
            Some(recorded) if recorded.digest == pin.digest => Ok(ExecutableState::Same(now)),
            Some(recorded) => {
                let was = escaped(&recorded.definition).to_string();
                Ok(ExecutableState::Changed { was, now })
            }
        }
    }

    /// Puts the program that runs now on record: a person has seen the change.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails, or somebody else put another one on record.
    pub async fn acknowledge_executable(&self, by: impl Into<String>) -> Result<(), StoreError> {
        let Some(now) = &self.executable else { return Ok(()) };
        let pin = self.executable_pin(now);
        let subject = self.executable_subject();
        let known = self.settings.store.known(&[subject]).await?.pop().unwrap_or_default();
        let current = known.approvals.iter().find(|approval| {
            !approval.superseded
                && approval.pin.id == executable_id(self.server())
                && approval.context == self.settings.context
        });
        let expected = current.map(|approval| approval.pin.digest);
        let approval = ApprovalRecord {
            evidence_good_at: pin.at,
            pin,
            context: self.settings.context.clone(),
            granted: Vec::new(),
            by: by.into(),
            until: None,
            superseded: false,
        };
        self.settings.store.approve(approval, None, expected).await
    }

    async fn recorded_executable(&self) -> Result<Option<Pin>, StoreError> {
        let subject = self.executable_subject();
        let known = self.settings.store.known(std::slice::from_ref(&subject)).await?.pop();
        let pins = known.unwrap_or_default().pins;
        Ok(pins.into_iter().find(|pin| pin.id == subject.id))
    }

    fn executable_subject(&self) -> Subject {
        Subject::of_server(self.server(), &executable_id(self.server()))
    }

    fn executable_pin(&self, executable: &Executable) -> Pin {
        let text = executable.to_string();
        Pin {
            server: self.server().clone(),
            id: executable_id(self.server()),
            // No tool has an empty name, so none is ever taken for the program.
            served_name: String::new(),
            provider: None,
            version: None,
            evidence: EvidenceRecord::None,
            digest: Digest::of(text.as_bytes()),
            definition: text.into(),
            at: self.settings.clock.now(),
        }
    }
}

fn executable_id(server: &ServerIdentity) -> String {
    format!("executable:{server}")
}

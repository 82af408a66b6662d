//! A store in a SQLite file. Approvals in it outlive the process.

mod checkpoint;
mod database;
mod error;
mod file;
mod read;
mod record;
mod schema;
mod write;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use etdi_types::{
    ApprovalRecord, Digest, Instructions, Known, LedgerEntry, ServerIdentity, Subject,
};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

pub use self::checkpoint::{Checkpoint, CheckpointError};
pub use self::error::SqliteError;

use self::database::Database;
use crate::store::{ApprovalStore, Sighting, StoreError};

/// Pins, approvals and ledger in a SQLite file.
///
/// If a method succeeds, its records are on the disk and survive a kill and a power cut. If it
/// fails, they are there as a whole or not at all. Any number of processes may have the file open.
/// A call that is dropped while it waits may still be carried out.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("approvals.db");
/// use std::sync::Arc;
///
/// use etdi_judge::{ApprovalStore, SqliteApprovals};
///
/// let store: Arc<dyn ApprovalStore> = Arc::new(SqliteApprovals::open(path)?);
/// # drop(store);
/// # Ok(())
/// # }
/// ```
///
/// The file must be on a local disk, because SQLite's log does not work over a network. While the
/// file is open, and after a crash, files of its name with `-wal` and `-shm` belong to it. Copy it
/// with SQLite's own means (`sqlite3 approvals.db ".backup copy.db"`). Put a copy in its place only
/// while no program has it open, and without an old `-wal` or `-shm`.
///
/// A user who can write the file decides which tools are approved. A new file is for its owner
/// alone (mode 0600 on Unix).
#[derive(Clone, Debug)]
pub struct SqliteApprovals(Arc<Mutex<Database>>);

impl SqliteApprovals {
    /// Opens the store at `path`, and makes a new one if the file does not exist. The folder must
    /// exist.
    ///
    /// Blocks while it reads the file once: all of the file is checked.
    ///
    /// # Errors
    /// [`SqliteError`] says what is at `path` instead of a store, and how to recover. This never
    /// makes a new store where a file is, or where files of an earlier store are left.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteError> {
        Database::open(path.as_ref(), None).map(Self::of)
    }

    /// Opens the store at `path` if it is the store of `checkpoint`, at the same revision or a
    /// later one. Never makes a new store.
    ///
    /// A host that keeps the last [`checkpoint`](Self::checkpoint) elsewhere notices in this way if
    /// an older copy replaced the file. In an older copy, a tool that was forgotten since is still
    /// approved.
    ///
    /// # Errors
    /// As for [`open`](Self::open); [`SqliteError::Missing`], [`SqliteError::OtherStore`],
    /// [`SqliteError::OlderCopy`].
    pub fn open_not_before(
        path: impl AsRef<Path>,
        checkpoint: &Checkpoint,
    ) -> Result<Self, SqliteError> {
        Database::open(path.as_ref(), Some(checkpoint)).map(Self::of)
    }

    /// Returns the id of the store and its revision now. Writes of other processes are included.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    pub async fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        self.run(|database| database.read(|_| Ok(())).map(|(_, checkpoint)| checkpoint)).await
    }

    /// Returns every approval, ordered by server, tool id and context, and then from the first to
    /// the last. Superseded approvals are marked. To revoke an approval,
    /// [`forget`](ApprovalStore::forget) its tool.
    ///
    /// # Errors
    /// [`StoreError`] if an approval cannot be read.
    pub async fn approvals(&self) -> Result<Vec<ApprovalRecord>, StoreError> {
        self.run(|database| database.read(read::approvals).map(|(approvals, _)| approvals)).await
    }

    /// Forgets the approved instructions of a server. Only a person may decide this. Returns
    /// whether there was a record.
    ///
    /// # Errors
    /// [`StoreError`] if the instructions cannot be forgotten.
    pub async fn forget_instructions(&self, server: &ServerIdentity) -> Result<bool, StoreError> {
        let (server, id) = (server.to_string(), Instructions::id(server));
        self.run(move |database| {
            database.write(|connection, _| {
                let any = write::forget_record(connection, &server, &id)?;
                Ok((any, any))
            })
        })
        .await
    }

    /// Records the name that a person gave to a server on stdio, because the identity of such a
    /// server is hard to read. Replaces an earlier name. The name never affects a decision. Every
    /// user who can read the file can read the name, so it must not hold a secret.
    ///
    /// # Errors
    /// [`StoreError`] if the name cannot be kept.
    pub async fn name_server(
        &self,
        server: &ServerIdentity,
        name: &str,
        at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (server, name) = (server.clone(), name.to_owned());
        self.run(move |database| {
            database.write(|connection, _| {
                Ok(((), write::name_server(connection, &server, &name, at)?))
            })
        })
        .await
    }

    /// Returns the names of servers on stdio: the name that [`name_server`](Self::name_server)
    /// recorded, or else the path of the program that was first seen behind the command. The names
    /// are untrusted text: show them through [`text::escaped`](etdi_types::text::escaped).
    ///
    /// # Errors
    /// [`StoreError`] if a record cannot be read.
    pub async fn server_names(&self) -> Result<BTreeMap<ServerIdentity, String>, StoreError> {
        self.run(|database| Ok(database.read(read::server_names)?.0)).await
    }

    fn of(database: Database) -> Self {
        Self(Arc::new(Mutex::new(database)))
    }

    /// Runs `act` on a thread that may block, because SQLite blocks. Only one `act` runs at a time,
    /// so that waiting callers do not hold a thread.
    async fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Database) -> Result<T, SqliteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut database = self.0.clone().lock_owned().await;
        let done = spawn_blocking(move || act(&mut database)).await;
        Ok(done.unwrap_or(Err(SqliteError::Stopped))?)
    }
}

#[async_trait]
impl ApprovalStore for SqliteApprovals {
    async fn approved_names(&self) -> Result<Vec<(ServerIdentity, String)>, StoreError> {
        self.run(|database| Ok(database.read(read::approved_names)?.0)).await
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        Ok(self.checkpoint().await?.revision())
    }

    async fn known(&self, subjects: &[Subject]) -> Result<Vec<Known>, StoreError> {
        let subjects = subjects.to_vec();
        self.run(move |database| {
            let (known, _) = database.read(|connection| {
                subjects.iter().map(|subject| read::known(connection, subject)).collect()
            })?;
            Ok(known)
        })
        .await
    }

    async fn record(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        if sightings.is_empty() {
            return Ok(());
        }
        let sightings = sightings.to_vec();
        self.run(move |database| {
            database.write(|connection, revision| {
                Ok(((), write::record(connection, &sightings, revision)?))
            })
        })
        .await
    }

    async fn approve(
        &self,
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError> {
        let done = self
            .run(move |database| {
                database.write(|connection, revision| {
                    let (approval, ledger) = (&approval, ledger.as_ref());
                    let done = write::approve(connection, approval, ledger, expected, revision)?;
                    Ok((done, done.is_ok()))
                })
            })
            .await?;
        done.map_err(|approved| StoreError::Conflict { approved })
    }

    async fn forget(&self, server: &ServerIdentity, id: &str) -> Result<bool, StoreError> {
        let (server, id) = (server.to_string(), id.to_owned());
        self.run(move |database| {
            database.write(|connection, _| {
                let any = write::forget(connection, &server, &id)?;
                Ok((any, any))
            })
        })
        .await
    }
}

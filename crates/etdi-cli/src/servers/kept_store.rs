//! The store of approvals of the command. Each change moves a checkpoint in another folder.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use etdi::client::{Sighting, StoreError};
use etdi::{
    ApprovalRecord, ApprovalStore, Checkpoint, Digest, Known, LedgerEntry, ServerIdentity,
    SqliteApprovals, SqliteError, Subject,
};
use parking_lot::Mutex;

use crate::context::Context;
use crate::exit::CliError;
use crate::files::checkpoint_file::CheckpointFile;

/// A store of approvals. Opening it fails if it is older than its checkpoint.
#[derive(Clone, Debug)]
pub(crate) struct KeptApprovals {
    store: SqliteApprovals,
    file: Arc<CheckpointFile>,
    /// The last checkpoint that this process kept.
    kept: Arc<Mutex<Option<Checkpoint>>>,
}

impl KeptApprovals {
    /// Opens the store. Makes a new one if there is neither a store nor a checkpoint of one.
    pub(crate) fn open(path: &Path, context: &Context) -> Result<Self, CliError> {
        let file = CheckpointFile::of(path, context)?;
        let checkpoint = file.read()?;
        let opened = match &checkpoint {
            Some(checkpoint) => SqliteApprovals::open_not_before(path, checkpoint),
            None => SqliteApprovals::open(path),
        };
        let store = opened.map_err(|error| match error {
            SqliteError::OlderCopy { .. }
            | SqliteError::OtherStore { .. }
            | SqliteError::Missing { .. } => CliError::new(error).next(file.way_out()),
            error => CliError::new(error),
        })?;
        Ok(Self { store, file: Arc::new(file), kept: Arc::new(Mutex::new(checkpoint)) })
    }

    /// Returns the store, for reading.
    pub(crate) fn records(&self) -> &SqliteApprovals {
        &self.store
    }

    /// Forgets the approved instructions of a server.
    pub(crate) async fn forget_instructions(
        &self,
        server: &ServerIdentity,
    ) -> Result<bool, StoreError> {
        let forgot = self.store.forget_instructions(server).await?;
        self.keep().await?;
        Ok(forgot)
    }

    /// Moves the checkpoint to the store as it is now.
    async fn keep(&self) -> Result<(), StoreError> {
        let now = self.store.checkpoint().await?;
        if self.kept.lock().as_ref() == Some(&now) {
            return Ok(());
        }
        self.file.keep(&now).map_err(|error| {
            let at = self.file.path().display();
            let what =
                format!("the change is stored, but not its checkpoint {at}: {}", error.what());
            StoreError::Unavailable(what.into())
        })?;
        *self.kept.lock() = Some(now);
        Ok(())
    }
}

#[async_trait]
impl ApprovalStore for KeptApprovals {
    async fn revision(&self) -> Result<u64, StoreError> {
        self.store.revision().await
    }

    async fn known(&self, subjects: &[Subject]) -> Result<Vec<Known>, StoreError> {
        self.store.known(subjects).await
    }

    async fn approved_names(&self) -> Result<Vec<(ServerIdentity, String)>, StoreError> {
        self.store.approved_names().await
    }

    async fn record(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        self.store.record(sightings).await?;
        self.keep().await
    }

    async fn approve(
        &self,
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError> {
        self.store.approve(approval, ledger, expected).await?;
        self.keep().await
    }

    async fn forget(&self, server: &ServerIdentity, id: &str) -> Result<bool, StoreError> {
        let forgot = self.store.forget(server, id).await?;
        self.keep().await?;
        Ok(forgot)
    }
}

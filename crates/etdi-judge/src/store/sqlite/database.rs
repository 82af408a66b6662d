//! One open store. Each read or write is one transaction, which first checks that the file is still
//! the same store.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::checkpoint::Checkpoint;
use super::error::{Fault, SqliteError};
use super::file::{self, Watch};
use super::record::{first, get};

#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    connection: Connection,
    watch: Watch,
    /// The newest checkpoint that was seen of this store.
    seen: Checkpoint,
}

impl Database {
    /// Opens a store. Makes a new one if the file, and the files beside it, do not exist.
    pub(super) fn open(path: &Path, at_least: Option<&Checkpoint>) -> Result<Self, SqliteError> {
        let path = match file::find(path)? {
            Some(found) => found,
            None => Self::begin(path, at_least)?,
        };
        let connection = file::open(&path)?;
        let seen = checkpoint(&connection).map_err(|fault| fault.at(&path))?;
        if let Some(expected) = at_least {
            follows(expected, &seen).map_err(|fault| fault.at(&path))?;
        }
        let watch = Watch::begin(&path)?;
        Ok(Self { path, connection, watch, seen })
    }

    fn begin(path: &Path, at_least: Option<&Checkpoint>) -> Result<PathBuf, SqliteError> {
        let missing = || SqliteError::Missing { path: path.to_owned() };
        let left = file::left_over(path);
        // Another process may have made the store just now, with the files beside it.
        if let Some(found) = file::find(path)? {
            return Ok(found);
        }
        if let Some(left) = left {
            return Err(SqliteError::Torn { path: path.to_owned(), left });
        }
        if at_least.is_some() {
            return Err(missing());
        }
        file::create(path)?;
        // A symbolic link without a target is not followed, so the store is still missing here.
        file::find(path)?.ok_or_else(missing)
    }

    /// Reads, and returns the checkpoint of the store as well.
    pub(super) fn read<T>(
        &mut self,
        act: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<(T, Checkpoint), SqliteError> {
        self.look()?;
        let read = || -> Result<(T, Checkpoint), Fault> {
            let snapshot = self.connection.transaction()?;
            let found = checkpoint(&snapshot)?;
            follows(&self.seen, &found)?;
            Ok((act(&snapshot)?, found))
        };
        let (answer, found) = read().map_err(|fault| fault.at(&self.path))?;
        self.seen = found.clone();
        Ok((answer, found))
    }

    /// Writes in one transaction. `act` gets the revision that the write will make, and returns
    /// whether anything changed.
    pub(super) fn write<T>(
        &mut self,
        act: impl FnOnce(&Connection, u64) -> Result<(T, bool), Fault>,
    ) -> Result<T, SqliteError> {
        self.look()?;
        let write = || -> Result<(T, Checkpoint), Fault> {
            let step = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut found = checkpoint(&step)?;
            follows(&self.seen, &found)?;
            let (answer, changed) = act(&step, found.revision() + 1)?;
            if changed {
                found = advance(&step, &found)?;
            }
            step.commit()?;
            Ok((answer, found))
        };
        let (answer, found) = write().map_err(|fault| fault.at(&self.path))?;
        self.seen = found;
        // If the file was replaced or removed meanwhile, the write went to the old file and is
        // lost.
        self.look()?;
        Ok(answer)
    }

    fn look(&mut self) -> Result<(), SqliteError> {
        if self.watch.look()? {
            // Another process wrote the file. If it copied another store over the file, and did not
            // only run a checkpoint of SQLite, the pages in the cache are those of the old store.
            let release = self.connection.execute_batch("PRAGMA shrink_memory");
            release.map_err(|error| Fault::Sql(error).at(&self.path))?;
        }
        Ok(())
    }
}

fn checkpoint(connection: &Connection) -> Result<Checkpoint, Fault> {
    let query = "SELECT id, revision FROM store";
    let found = first(connection, query, [], |row| {
        let (id, revision): (String, u64) = (get(row, "id")?, get(row, "revision")?);
        Checkpoint::new(&id, revision).map_err(|error| Fault::Record(error.to_string()))
    })?;
    found.ok_or_else(|| Fault::Record("the store has no id".to_owned()))
}

fn advance(step: &Transaction<'_>, from: &Checkpoint) -> Result<Checkpoint, Fault> {
    let next = Checkpoint::new(from.store(), from.revision() + 1)
        .map_err(|_| Fault::Unstorable("the store is at its last revision".to_owned()))?;
    step.prepare_cached("UPDATE store SET revision = ?1")?.execute([next.revision()])?;
    Ok(next)
}

fn follows(expected: &Checkpoint, found: &Checkpoint) -> Result<(), Fault> {
    let (expected, found) = (expected.clone(), found.clone());
    if expected.store() != found.store() {
        Err(Fault::OtherStore { expected, found })
    } else if expected.revision() > found.revision() {
        Err(Fault::OlderCopy { expected, found })
    } else {
        Ok(())
    }
}

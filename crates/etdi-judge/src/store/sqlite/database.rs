//! One open store: every look at it is one transaction, in which it is first asked whether it still
//! is the store that it was.

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
    /// The newest that was seen of it.
    seen: Checkpoint,
}

impl Database {
    /// Opens a store, or makes one where nothing is and nothing was.
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
        // Another process may have made it just now, and what belongs to it.
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
        // A symbolic link to nothing is no place for a store, and is not followed.
        file::find(path)?.ok_or_else(missing)
    }

    /// Reads, and says how far the store is.
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

    /// Writes, all of it or nothing. `act` is given the revision that it makes, and says whether it
    /// made one.
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
        // What went into a file that nobody will open again was not kept.
        self.look()?;
        Ok(answer)
    }

    fn look(&mut self) -> Result<(), SqliteError> {
        if self.watch.look()? {
            // Somebody wrote the file. If that was no checkpoint of SQLite's but a copy over it,
            // what is remembered of its pages is of another store.
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
    found.ok_or_else(|| Fault::Record("the store does not say which it is".to_owned()))
}

fn advance(step: &Transaction<'_>, from: &Checkpoint) -> Result<Checkpoint, Fault> {
    let next = Checkpoint::new(from.store(), from.revision() + 1)
        .map_err(|_| Fault::Unstorable("the store has no revisions left".to_owned()))?;
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

//! The errors of a store in a file. Each one is a refusal, names the file, and says how to go on.

use std::error::Error;
use std::path::{Path, PathBuf};

use etdi_types::text::escaped;
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_READONLY_DBMOVED;

use super::checkpoint::Checkpoint;
use crate::store::StoreError;

/// The error of a store in a file that cannot be opened, cannot answer, or cannot keep a record.
///
/// A [`StoreError::Unavailable`] has this error as its source, so that a host can downcast it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// The store of a checkpoint is missing.
    #[error(
        "the approval store {} is missing, although it existed before: put it back or restore a \
         backup; only if it is lost for good, open a new store without the checkpoint",
        shown(path)
    )]
    Missing {
        /// The path where the store should be.
        path: PathBuf,
    },
    /// The store is gone, but the files beside it are still there, so it was not moved away on
    /// purpose.
    #[error(
        "the approval store {} is gone, but {} is still there: put both back from one place or \
         one backup; only if the store is lost for good, remove what is left of it and approve \
         your tools again",
        shown(path),
        shown(left)
    )]
    Torn {
        /// The path where the store should be.
        path: PathBuf,
        /// A file of the store that is still there.
        left: PathBuf,
    },
    /// The path leads to a folder, a socket, or another thing that is not a file.
    #[error("{} is not a file; name a file for the approval store", shown(path))]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file is empty. A store is never empty, so its content was lost.
    #[error("the approval store {} is empty, so its content was lost; {RECOVER}", shown(path))]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a SQLite database.
    #[error("{} is not a SQLite database, so it is not an approval store; {RECOVER}", shown(path))]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error(
        "{} is a database of another program (application id {application_id:#010x}); name \
         another file for the approval store",
        shown(path)
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its `application_id`.
        application_id: i32,
    },
    /// A later version of this crate wrote the file.
    #[error(
        "the approval store {} has schema version {found}, and this program knows {supported}: \
         update the program, or restore a backup from before the update",
        shown(path)
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i32,
        /// The latest version that this crate reads.
        supported: i32,
    },
    /// The file is damaged or truncated.
    #[error("the approval store {} is damaged ({}); {RECOVER}", shown(path), escaped(what))]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// A description of the damage.
        what: String,
    },
    /// A record in the file cannot be read. It is not skipped, because it may be the record that
    /// reveals an attack.
    #[error(
        "the approval store {} holds a record that cannot be read ({}); {RECOVER}",
        shown(path),
        escaped(what)
    )]
    Record {
        /// The file.
        path: PathBuf,
        /// The record, and the reason.
        what: String,
    },
    /// The file cannot be opened at all.
    #[error(
        "cannot open the approval store {} ({}): its folder must exist, and this user must be \
         allowed to read and write the file",
        shown(path),
        escaped(&source.to_string())
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system or of SQLite.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file, or the folder around it, cannot be written.
    #[error(
        "cannot write the approval store {}: this user must be allowed to write the file, and to \
         make files in its folder",
        shown(path)
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file was removed or replaced while it was open.
    #[error(
        "the approval store {} was moved, removed or replaced while it was open ({} is another \
         file now): put it back, or close the store and open it again",
        shown(path),
        shown(changed)
    )]
    Replaced {
        /// The file.
        path: PathBuf,
        /// The file that was removed or replaced: the store itself, or its `-wal` or `-shm`.
        changed: PathBuf,
    },
    /// The file is not the store that the checkpoint was taken of, or that was opened.
    #[error(
        "{} is another approval store (at {found}), not the one of the checkpoint {expected}: put \
         the right file back",
        shown(path)
    )]
    OtherStore {
        /// The file.
        path: PathBuf,
        /// The checkpoint of the right store.
        expected: Checkpoint,
        /// The checkpoint of the file.
        found: Checkpoint,
    },
    /// The file is an older copy of the store: it lacks later approvals and pins, and still holds
    /// records that were forgotten since.
    #[error(
        "the approval store {} is an older copy (at {found}, but the newest known is {expected}), \
         so it may hold approvals that were withdrawn: put the newer file back; only if that is \
         lost for good, open this file without the checkpoint and check its approvals",
        shown(path)
    )]
    OlderCopy {
        /// The file.
        path: PathBuf,
        /// The newest known checkpoint of the store.
        expected: Checkpoint,
        /// The checkpoint of the file.
        found: Checkpoint,
    },
    /// Another process held the store for longer than five seconds.
    #[error("the approval store {} is held by another process; try again", shown(path))]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A record that would change when it is written and read back.
    #[error("cannot store the record: {}", escaped(what))]
    Unstorable {
        /// The reason.
        what: String,
    },
    /// Reading or writing failed, because the disk is full or fails. The records of this call were
    /// not kept.
    #[error(
        "reading or writing the approval store {} failed ({}): check the disk and try again",
        shown(path),
        escaped(&source.to_string())
    )]
    Failed {
        /// The file.
        path: PathBuf,
        /// The error of SQLite or of the operating system.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The runtime is shutting down.
    #[error("the program is ending, so the approval store cannot be used")]
    Stopped,
}

const RECOVER: &str = "restore a backup without the files `-wal` and `-shm` beside it, or move it \
                       away and approve your tools again";

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// A failure inside a transaction, where the path of the file is not known.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Corrupt(String),
    Record(String),
    Unstorable(String),
    OtherStore { expected: Checkpoint, found: Checkpoint },
    OlderCopy { expected: Checkpoint, found: Checkpoint },
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    pub(super) fn at(self, path: &Path) -> SqliteError {
        let path = path.to_owned();
        match self {
            Self::Sql(error) => of_sqlite(path, error),
            Self::Corrupt(what) => SqliteError::Corrupt { path, what },
            Self::Record(what) => SqliteError::Record { path, what },
            Self::Unstorable(what) => SqliteError::Unstorable { what },
            Self::OtherStore { expected, found } => {
                SqliteError::OtherStore { path, expected, found }
            }
            Self::OlderCopy { expected, found } => SqliteError::OlderCopy { path, expected, found },
        }
    }
}

fn of_sqlite(path: PathBuf, error: rusqlite::Error) -> SqliteError {
    let what = error.to_string();
    let code = match &error {
        rusqlite::Error::SqliteFailure(code, _) => *code,
        // Our query does not fit the tables, so they are not the tables that we made.
        rusqlite::Error::SqlInputError { .. } => return SqliteError::Corrupt { path, what },
        // A value has another type than we wrote, or is NULL where it must not be.
        _ => return SqliteError::Record { path, what },
    };
    match code.code {
        ErrorCode::NotADatabase => SqliteError::NotADatabase { path },
        ErrorCode::DatabaseCorrupt | ErrorCode::Unknown => SqliteError::Corrupt { path, what },
        ErrorCode::ReadOnly if code.extended_code == SQLITE_READONLY_DBMOVED => {
            SqliteError::Replaced { changed: path.clone(), path }
        }
        // The store itself is open by then, so the file that cannot be opened is `-wal` or `-shm`.
        ErrorCode::ReadOnly | ErrorCode::CannotOpen => SqliteError::ReadOnly { path },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => SqliteError::Busy { path },
        _ => SqliteError::Failed { path, source: Box::new(error) },
    }
}

fn shown(path: &Path) -> String {
    format!("\"{}\"", escaped(&path.display().to_string()))
}

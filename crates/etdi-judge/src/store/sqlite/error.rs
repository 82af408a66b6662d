//! What can go wrong with a store in a file. Every error is a no, names the file, and says how to
//! go on.

use std::error::Error;
use std::path::{Path, PathBuf};

use etdi_types::text::escaped;
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_READONLY_DBMOVED;

use super::checkpoint::Checkpoint;
use crate::store::StoreError;

/// A store in a file that cannot be opened, cannot answer, or cannot keep.
///
/// In a [`StoreError::Unavailable`] this is the source, for a host to downcast.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteError {
    /// A checkpoint tells of a store, and there is none.
    #[error(
        "there is no approval store at {}, although there was one: put it back or restore a \
         backup; only if it is lost for good, open a new store without the checkpoint",
        shown(path)
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The store is gone and what belongs to it is not, so it was not moved away on purpose.
    #[error(
        "the approval store {} is gone, but {} is still there: put both back from one place or \
         one backup; only if the store is lost for good, remove what is left of it and approve \
         your tools again",
        shown(path),
        shown(left)
    )]
    Torn {
        /// Where the store should be.
        path: PathBuf,
        /// What is left of it.
        left: PathBuf,
    },
    /// A folder, a socket, or something else that is no file.
    #[error("{} is not a file; name a file for the approval store", shown(path))]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// An empty file. A store is never empty, so its content was lost.
    #[error("the approval store {} is empty, so its content was lost; {RECOVER}", shown(path))]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a SQLite database.
    #[error("{} is not a SQLite database, so it is no approval store; {RECOVER}", shown(path))]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database of another program.
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
        /// The latest one that this crate reads.
        supported: i32,
    },
    /// The file is damaged or truncated.
    #[error("the approval store {} is damaged ({}); {RECOVER}", shown(path), escaped(what))]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A record in it makes no sense. It is not skipped: it may be the one that tells of an attack.
    #[error(
        "the approval store {} holds a record that cannot be read ({}); {RECOVER}",
        shown(path),
        escaped(what)
    )]
    Record {
        /// The file.
        path: PathBuf,
        /// Which record, and why.
        what: String,
    },
    /// The file cannot be opened at all.
    #[error(
        "the approval store {} cannot be opened ({}): its folder must exist, and this user must \
         be allowed to read and write the file",
        shown(path),
        escaped(&source.to_string())
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system or SQLite said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file, or the folder around it, cannot be written.
    #[error(
        "the approval store {} cannot be written: this user must be allowed to write the file, \
         and to make files in its folder",
        shown(path)
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file was removed, or another one put in its place, while it was open.
    #[error(
        "the approval store {} was moved, removed or replaced while it was open ({} is another \
         file now): put it back, or close the store and open it again",
        shown(path),
        shown(changed)
    )]
    Replaced {
        /// The file.
        path: PathBuf,
        /// The file that is another one: the store itself, or its `-wal` or `-shm`.
        changed: PathBuf,
    },
    /// Another store than the one that the checkpoint was taken of, or that was opened.
    #[error(
        "{} is another approval store (at {found}) than the one of the checkpoint {expected}: put \
         the right one back",
        shown(path)
    )]
    OtherStore {
        /// The file.
        path: PathBuf,
        /// What is known of the right one.
        expected: Checkpoint,
        /// What the file is.
        found: Checkpoint,
    },
    /// An older copy of the store: what was approved, pinned or forgotten since is not in it.
    #[error(
        "the approval store {} is an older copy (at {found}, known is {expected}), so approvals \
         may be back that were withdrawn: put the newer one back; only if it is lost for good, \
         open this one without the checkpoint and look through its approvals",
        shown(path)
    )]
    OlderCopy {
        /// The file.
        path: PathBuf,
        /// The newest that is known of it.
        expected: Checkpoint,
        /// What the file is.
        found: Checkpoint,
    },
    /// Another process held the store for longer than five seconds.
    #[error("the approval store {} is held by another process; try again", shown(path))]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A record that would not be the same when it is read back.
    #[error("the record cannot be stored: {}", escaped(what))]
    Unstorable {
        /// Why not.
        what: String,
    },
    /// Reading or writing failed: the disk is full, or fails. Nothing was kept.
    #[error(
        "the approval store {} could not be used ({}): see to the disk and try again",
        shown(path),
        escaped(&source.to_string())
    )]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite or the operating system said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The runtime is shutting down.
    #[error("the approval store was not used: the program is ending")]
    Stopped,
}

const RECOVER: &str = "restore a backup without the files `-wal` and `-shm` beside it, or move it \
                       away and approve your tools again";

impl From<SqliteError> for StoreError {
    fn from(error: SqliteError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// A failure inside of a transaction, which does not know the file.
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
        // A query of ours that no longer fits: the tables are not those that we made.
        rusqlite::Error::SqlInputError { .. } => return SqliteError::Corrupt { path, what },
        // A value of another type than we wrote, or none where there must be one.
        _ => return SqliteError::Record { path, what },
    };
    match code.code {
        ErrorCode::NotADatabase => SqliteError::NotADatabase { path },
        ErrorCode::DatabaseCorrupt | ErrorCode::Unknown => SqliteError::Corrupt { path, what },
        ErrorCode::ReadOnly if code.extended_code == SQLITE_READONLY_DBMOVED => {
            SqliteError::Replaced { changed: path.clone(), path }
        }
        // The file itself is open by then: what cannot be opened is `-wal` or `-shm`.
        ErrorCode::ReadOnly | ErrorCode::CannotOpen => SqliteError::ReadOnly { path },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => SqliteError::Busy { path },
        _ => SqliteError::Failed { path, source: Box::new(error) },
    }
}

fn shown(path: &Path) -> String {
    format!("\"{}\"", escaped(&path.display().to_string()))
}

//! The file of a store: made as a whole or not at all, checked when it is opened, and watched while
//! it is open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::error::{Fault, SqliteError};
use super::schema::{APPLICATION_ID, MIGRATIONS, migrate};

/// The time that a write waits for another process.
const BUSY: Duration = Duration::from_secs(5);

/// The suffixes of the files that SQLite keeps beside the store while it is open, and after a
/// crash.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Returns the path without symbolic links, if the file exists. Fails if it is not a file, or is
/// empty.
pub(super) fn find(path: &Path) -> Result<Option<PathBuf>, SqliteError> {
    match fs::canonicalize(path) {
        Ok(found) => {
            let about = fs::metadata(&found).map_err(|error| unreadable(path, error))?;
            if !about.is_file() {
                return Err(SqliteError::NotAFile { path: found });
            }
            if about.len() == 0 {
                return Err(SqliteError::Empty { path: found });
            }
            Ok(Some(found))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Returns a file that is left beside a store that is gone.
pub(super) fn left_over(path: &Path) -> Option<PathBuf> {
    BESIDE.iter().map(|suffix| beside(path, suffix)).find(|left| left.symlink_metadata().is_ok())
}

/// Makes a new store under a temporary name, and gives the file its own name once it is complete. A
/// program that is killed here leaves no empty store behind, and an existing file is never
/// replaced.
pub(super) fn create(path: &Path) -> Result<(), SqliteError> {
    let draft = Draft::new(path).map_err(|error| unreadable(path, error))?;
    fill(connect(&draft.0)?).map_err(|fault| fault.at(&draft.0))?;
    match fs::hard_link(&draft.0, path) {
        Ok(()) => sync_folder(path).map_err(|error| failed(path, error)),
        // Another process made the store first. Use that store.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(unreadable(path, error)),
    }
}

/// Opens an existing store, and migrates it to the schema of this version.
pub(super) fn open(path: &Path) -> Result<Connection, SqliteError> {
    let mut connection = connect(path)?;
    let read_only = connection.is_readonly("main").map_err(|error| Fault::Sql(error).at(path))?;
    if read_only {
        return Err(SqliteError::ReadOnly { path: path.to_owned() });
    }
    prepare(&mut connection, path).map_err(|error| match error {
        Unready::Fault(fault) => fault.at(path),
        Unready::Error(error) => error,
    })?;
    Ok(connection)
}

/// The files of the store as they were when it was opened.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<(PathBuf, FileId)>,
    /// The time of the last write to the store itself, and its length then.
    written: Option<(SystemTime, u64)>,
}

impl Watch {
    /// Begins to watch. The store must have been read once, because only then do all of its files
    /// exist.
    pub(super) fn begin(path: &Path) -> Result<Self, SqliteError> {
        let mut files = Vec::new();
        for file in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
            let about = fs::metadata(&file).map_err(|error| failed(&file, error))?;
            files.push((file, FileId::of(&about)));
        }
        Ok(Self { files, written: None })
    }

    /// Fails if a file was removed or replaced. Returns whether the store was written since the
    /// last call.
    pub(super) fn look(&mut self) -> Result<bool, SqliteError> {
        let mut written = None;
        for (file, identity) in &self.files {
            let about = fs::metadata(file).ok().filter(|about| FileId::of(about) == *identity);
            let Some(about) = about else {
                let path = self.files.first().map(|(path, _)| path.clone()).unwrap_or_default();
                return Err(SqliteError::Replaced { path, changed: file.clone() });
            };
            if written.is_none() {
                written = about.modified().ok().map(|at| (at, about.len()));
            }
        }
        let is_other = written.is_none() || written != self.written;
        self.written = written;
        Ok(is_other)
    }
}

/// The identity of a file, which does not depend on its name.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

#[cfg(unix)]
impl FileId {
    fn of(about: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(about.dev(), about.ino())
    }
}

/// On other systems an open file cannot be removed or replaced.
#[cfg(not(unix))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId;

#[cfg(not(unix))]
impl FileId {
    fn of(_: &fs::Metadata) -> Self {
        Self
    }
}

fn connect(path: &Path) -> Result<Connection, SqliteError> {
    // The flags leave out `CREATE`, which would make a missing file, and `URI`, which would read
    // some paths as URIs.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| unreadable(path, error))?;
    connection.busy_timeout(BUSY).map_err(|error| Fault::Sql(error).at(path))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn fill(mut connection: Connection) -> Result<(), Fault> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection, MIGRATIONS)?;
    connection.close().map_err(|(_, error)| Fault::Sql(error))
}

enum Unready {
    Fault(Fault),
    Error(SqliteError),
}

impl From<rusqlite::Error> for Unready {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(Fault::Sql(error))
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Unready> {
    let number = |connection: &Connection, name| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0))
    };
    let application_id = number(connection, "application_id")?;
    if application_id != APPLICATION_ID {
        return Err(Unready::Error(SqliteError::Foreign { path: path.to_owned(), application_id }));
    }
    let supported = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    let found = number(connection, "user_version")?;
    if found > supported {
        return Err(Unready::Error(SqliteError::Newer { path: path.to_owned(), found, supported }));
    }
    if found == 0 {
        return Err(Unready::Fault(Fault::Corrupt("it has no schema".to_owned())));
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let what = format!("its journal mode is {mode} and cannot be WAL");
        return Err(Unready::Fault(Fault::Corrupt(what)));
    }
    // A write that was reported as done must survive a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    check(connection).map_err(Unready::Fault)?;
    // Migrate only after the checks, because this waits for processes that write.
    if found < supported {
        migrate(connection, MIGRATIONS).map_err(Unready::Fault)?;
    }
    Ok(())
}

/// Reads the whole file once, and refuses a damaged one. A pin that is missing because an index
/// lost it would make a changed tool look new.
fn check(connection: &Connection) -> Result<(), Fault> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if said != "ok" {
        return Err(Fault::Corrupt(said));
    }
    let mut orphans = connection.prepare("PRAGMA foreign_key_check")?;
    let orphan = orphans.query([])?.next()?.map(|row| row.get::<_, String>(0)).transpose()?;
    match orphan {
        Some(table) => Err(Fault::Corrupt(format!("a record in {table} lacks its pin"))),
        None => Ok(()),
    }
}

/// A new store that is not complete yet. Its temporary name is removed in any case.
struct Draft(PathBuf);

impl Draft {
    fn new(path: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            let draft = beside(path, &format!(".new-{}-{next}", std::process::id()));
            let mut options = fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            match options.open(&draft) {
                Ok(_) => return Ok(Self(draft)),
                // An earlier process with the same process id was killed and left this file.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // A draft that cannot be removed is harmless: it is never opened as a store.
        let _ = fs::remove_file(&self.0);
        for suffix in BESIDE {
            let _ = fs::remove_file(beside(&self.0, suffix));
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes the new name of the file survive a power cut.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        // A path without a folder is in the working folder.
        Some(folder) if folder.as_os_str().is_empty() => fs::File::open(".")?.sync_all(),
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn unreadable(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SqliteError {
    SqliteError::Unreadable { path: path.to_owned(), source: source.into() }
}

fn failed(path: &Path, source: io::Error) -> SqliteError {
    SqliteError::Failed { path: path.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_bare_name_is_in_the_working_folder() {
        sync_folder(Path::new("approvals.db")).unwrap();
        assert!(sync_folder(Path::new("no/such/folder/approvals.db")).is_err());
    }

    /// A test cannot cut the power. It checks the settings that make SQLite survive a power cut.
    #[test]
    fn a_store_is_opened_to_survive_a_power_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("approvals.db");
        create(&path).unwrap();
        let connection = open(&path).unwrap();
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        assert_eq!(number("synchronous").unwrap(), 2, "FULL");
        assert_eq!(number("foreign_keys").unwrap(), 1);
        let mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0));
        assert_eq!(mode, Ok("wal".to_owned()));
    }

    #[test]
    fn a_new_store_never_replaces_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("approvals.db");
        fs::write(&path, "theirs").unwrap();
        create(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

//! Changes of files, one at a time: a lock keeps other processes from changing the file between its
//! reading and its writing. The new content goes to a temporary file, is synced, and then renamed over
//! the old file, so a file is never half written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use tempfile::{Builder, NamedTempFile};

use super::place::{self, Place};
use super::{Access, read};
use crate::exit::CliError;

/// Held while files change. The Ctrl-C handler takes this lock before it ends the process, so it cannot
/// end the process in the middle of a change.
static CHANGING: Mutex<()> = Mutex::new(());

/// Waits until no change is under way in this process. No change begins while the guard is held.
pub(crate) fn hold_changes() -> MutexGuard<'static, ()> {
    CHANGING.lock()
}

/// A change of one file. Every `etdi` process that changes the file waits until this change ends.
///
/// A command asks its question before it begins a change, then reads the file again and compares it
/// with the file that the question was about. An answer given hours later would otherwise write back
/// the old file.
pub(crate) struct FileChange {
    /// The path as it was given, for errors.
    path: PathBuf,
    /// The path of the file itself, without links.
    target: PathBuf,
    _lock: FileLock,
}

impl FileChange {
    /// Begins a change of a file, which may be new. The folder must exist. Waits for changes by other
    /// processes.
    pub(crate) fn begin(path: &Path) -> Result<Self, CliError> {
        loop {
            let target = Place::of_file(path)?;
            let lock = FileLock::take(&target).map_err(|error| {
                CliError::new(format!("cannot lock the file against other changes: {error}"))
                    .at(path.display())
            })?;
            // While this process waited, another program may have put a link or a pipe there.
            if Place::of_file(path)? == target {
                return Ok(Self { path: path.to_path_buf(), target, _lock: lock });
            }
        }
    }

    /// Returns the content before the change; `None` for a new file.
    pub(crate) fn read(&self) -> Result<Option<String>, CliError> {
        match self.target.exists() {
            true => read(&self.target).map(Some).map_err(|error| error.at(self.path.display())),
            false => Ok(None),
        }
    }

    /// Writes the file, and replaces the old content. A file that everybody may read keeps its mode.
    pub(crate) fn write(&self, content: &[u8], access: Access) -> Result<(), CliError> {
        let Ok(old) = fs::metadata(&self.target) else {
            return self.create(&self.target, content, access);
        };
        let written = temporary(&self.target, content, access).and_then(|file| {
            if access == Access::Everybody {
                file.as_file().set_permissions(old.permissions())?;
            }
            file.persist(&self.target)?;
            sync_folder(&folder_of(&self.target))
        });
        written.map_err(|error| CliError::file("write", &self.path, &error))
    }

    /// Writes a file as a part of this change. Fails if the file exists.
    pub(crate) fn create(
        &self,
        path: &Path,
        content: &[u8],
        access: Access,
    ) -> Result<(), CliError> {
        let written = temporary(path, content, access).and_then(|file| {
            file.persist_noclobber(path)?;
            sync_folder(&folder_of(path))
        });
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                CliError::new("cannot create the file: it exists already")
                    .at(path.display())
                    .next("move the file away, or name another file")
            }
            _ => CliError::file("write", path, &error),
        })
    }

    /// Deletes a file as a part of this change.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), CliError> {
        fs::remove_file(path).map_err(|error| CliError::file("remove", path, &error))
    }
}

/// Returns the error for a file that another process changed while the person was asked.
pub(crate) fn changed_since_shown(doing: &str, path: &Path) -> CliError {
    CliError::new(format!(
        "cannot {doing}: the file changed since it was shown; no changes were made"
    ))
    .at(path.display())
    .next("run the command again")
}

/// A lock between processes: a lock on a file beside the changed one. The changed file itself cannot
/// hold the lock, because a rename replaces it.
struct FileLock {
    path: PathBuf,
    _file: File,
    _held: MutexGuard<'static, ()>,
}

impl FileLock {
    fn take(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".etdi-lock");
        let path = folder_of(target).join(hidden);
        loop {
            // Held from here on, so that Ctrl-C does not leave the file of the lock behind.
            let held = hold_changes();
            let file = lock_file(&path)?;
            match file.try_lock() {
                Ok(()) if place::is_at(&file, &path) => {
                    return Ok(Self { path, _file: file, _held: held });
                }
                // The last holder has removed this file, and another process may lock a new one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    // Wait without the guard: Ctrl-C must be able to end the process.
                    drop(held);
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Elsewhere, `is_at` cannot tell a removed file from a new one, so the file stays.
        if cfg!(unix) {
            // A file that stays is still a lock, so an error changes nothing.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // A link in a repository could otherwise make a file elsewhere.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NOFOLLOW.bits().cast_signed(),
    );
    options.open(path)
}

fn temporary(target: &Path, content: &[u8], access: Access) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".etdi-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if access == Access::Owner { 0o600 } else { 0o666 };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = access;
    let mut file = builder.tempfile_in(folder_of(target))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Syncs the folder, so that the rename survives a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::files::is_open_to_others;

    #[test]
    fn a_file_is_replaced_whole_and_only_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        for text in ["one", "two"] {
            let change = FileChange::begin(&path).unwrap();
            change.write(text.as_bytes(), Access::Owner).unwrap();
        }
        assert_eq!(read(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(!is_open_to_others(&path));
    }

    #[test]
    fn a_link_stays_and_its_file_is_replaced_with_the_same_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.toml"), folder.path().join("link"));
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("a.toml", &link).unwrap();
        FileChange::begin(&link).unwrap().write(b"two", Access::Everybody).unwrap();
        assert_eq!(read(&path).unwrap(), "two");
        assert!(link.is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_link_in_place_of_the_lock_makes_no_file_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        symlink(&elsewhere, folder.path().join(".a.toml.etdi-lock")).unwrap();
        let error = FileChange::begin(&folder.path().join("a.toml")).err().unwrap();
        assert!(error.what().contains("cannot lock"), "{error:?}");
        assert!(!elsewhere.exists());
    }

    #[test]
    fn creating_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pem");
        let change = FileChange::begin(&folder.path().join("a.json")).unwrap();
        change.create(&path, b"one", Access::Owner).unwrap();
        let error = change.create(&path, b"two", Access::Owner).unwrap_err();
        assert!(error.what().contains("exists already"), "{error:?}");
        assert_eq!(read(&path).unwrap(), "one");
    }
}

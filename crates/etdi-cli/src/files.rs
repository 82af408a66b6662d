//! Files that are never half written: the new content goes to a temporary file, is synced, and then
//! renamed over the old file.

pub(crate) mod keyring;
pub(crate) mod lock_file;
pub(crate) mod paths;
pub(crate) mod pem_file;
pub(crate) mod public_key;
mod repository;
pub(crate) mod tool_file;
pub(crate) mod trust_file;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use tempfile::Builder;

use crate::exit::CliError;

/// Held while files change. The Ctrl-C handler takes this lock before it ends the process, so it cannot
/// end the process in the middle of a change.
static CHANGING: Mutex<()> = Mutex::new(());

/// The largest file that is read, in bytes. A listing of 10,000 tools is smaller.
const LIMIT: u64 = 64 * 1024 * 1024;

/// The readers of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only the owner (0600).
    Owner,
    /// Every user that the umask of the process allows.
    Everybody,
}

/// A change of one or more files that Ctrl-C cannot interrupt.
pub(crate) struct FileChange {
    _held: MutexGuard<'static, ()>,
}

impl FileChange {
    /// Waits until no other change is under way.
    pub(crate) fn begin() -> Self {
        Self { _held: CHANGING.lock() }
    }

    /// Writes `content` to `path`, and replaces an existing file. The folder must exist.
    pub(crate) fn write(
        &self,
        path: &Path,
        content: &[u8],
        access: Access,
    ) -> Result<(), CliError> {
        self.put(path, content, access, true)
    }

    /// Writes `content` to `path`, as [`write`](Self::write). Fails if there is a file at `path`.
    pub(crate) fn create(
        &self,
        path: &Path,
        content: &[u8],
        access: Access,
    ) -> Result<(), CliError> {
        self.put(path, content, access, false)
    }

    /// Deletes a file.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), CliError> {
        fs::remove_file(path).map_err(|error| CliError::file("remove", path, &error))
    }

    fn put(
        &self,
        path: &Path,
        content: &[u8],
        access: Access,
        replaces: bool,
    ) -> Result<(), CliError> {
        // If `path` is a link, replace its target and not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let written = temporary(&target, content, access).and_then(|file| {
            if replaces {
                file.persist(&target).map_err(io::Error::from)?;
            } else {
                file.persist_noclobber(&target).map_err(io::Error::from)?;
            }
            sync_folder(&folder_of(&target))
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
}

/// Creates a folder and its parents, which only their owner may enter (0700).
pub(crate) fn private_folder(path: &Path) -> Result<(), CliError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| {
        CliError::new(format!("cannot create the folder: {error}")).at(path.display())
    })
}

/// Returns whether other users may read or change a file. Always false outside Unix.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Reads a text file. The path `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let outcome = if path == Path::new("-") {
        io::stdin().lock().take(LIMIT + 1).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_string(&mut text))
    };
    match outcome {
        Ok(size) if size as u64 > LIMIT => {
            Err(CliError::new("cannot read the file: it is larger than 64 MiB").at(path.display()))
        }
        Ok(_) => Ok(text),
        Err(error) => {
            let next = match error.kind() {
                io::ErrorKind::NotFound => "check the name and the folder",
                io::ErrorKind::IsADirectory => "name a file in this folder",
                io::ErrorKind::InvalidData => "give a text file in UTF-8",
                io::ErrorKind::PermissionDenied => {
                    "make the file readable (chmod u+r), or name another file"
                }
                _ => return Err(CliError::file("read", path, &error)),
            };
            Err(CliError::file("read", path, &error).next(next))
        }
    }
}

fn temporary(target: &Path, content: &[u8], access: Access) -> io::Result<tempfile::NamedTempFile> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_no_temporary_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let change = FileChange::begin();
        change.write(&path, b"one", Access::Owner).unwrap();
        change.write(&path, b"two", Access::Owner).unwrap();
        assert_eq!(read(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(!is_open_to_others(&path));
    }

    #[test]
    fn creating_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let change = FileChange::begin();
        change.create(&path, b"one", Access::Owner).unwrap();
        let error = change.create(&path, b"two", Access::Owner).unwrap_err();
        assert!(error.what().contains("exists already"), "{error:?}");
        assert_eq!(read(&path).unwrap(), "one");
    }
}

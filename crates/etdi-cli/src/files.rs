//! The files of the command: how they are read, changed and written.

pub(crate) mod change;
pub(crate) mod checkpoint_file;
pub(crate) mod keyring;
pub(crate) mod lock_file;
pub(crate) mod paths;
pub(crate) mod pem_file;
pub(crate) mod place;
pub(crate) mod public_key;
mod repository;
pub(crate) mod tool_file;
pub(crate) mod trust_file;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use self::change::FileChange;
use self::place::Place;
use crate::exit::CliError;

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

/// Writes a file that is not read before, and replaces an existing file. A pipe or a device is written to.
pub(crate) fn write(path: &Path, content: &[u8], access: Access) -> Result<(), CliError> {
    match Place::of(path)? {
        Place::Stream => place::write_to_stream(path, content),
        Place::New | Place::File(_) => FileChange::begin(path)?.write(content, access),
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

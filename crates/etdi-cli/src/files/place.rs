//! The kind of thing that a path leads to, through links. A file is replaced as a whole. A pipe or a
//! terminal is written to: replacing it would put a file where other programs expect the pipe.

use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::exit::CliError;

/// The thing at a path that is written to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing yet.
    New,
    /// A file: its path without links.
    File(PathBuf),
    /// A pipe (FIFO), or a character device such as a terminal.
    Stream,
}

impl Place {
    /// Returns the place that `path` leads to. Fails for a folder, a socket, a disk, and for a link to
    /// a file that does not exist.
    pub(crate) fn of(path: &Path) -> Result<Self, CliError> {
        let failed = |error| CliError::file("write", path, &error);
        match fs::metadata(path) {
            Ok(about) if about.is_file() => fs::canonicalize(path).map(Self::File).map_err(failed),
            Ok(about) if is_stream(about.file_type()) => Ok(Self::Stream),
            Ok(about) => Err(unwritable(path, what_is(&about))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match fs::symlink_metadata(path) {
                    Ok(_) => Err(unwritable(path, "it is a link to a file that does not exist")),
                    Err(_) => Ok(Self::New),
                }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns the path without links of a file that is read and then replaced. The file may be new.
    /// Fails for a pipe or a device: it cannot be read again before it is written.
    pub(crate) fn of_file(path: &Path) -> Result<PathBuf, CliError> {
        match Self::of(path)? {
            Self::New => Ok(path.to_path_buf()),
            Self::File(target) => Ok(target),
            Self::Stream => Err(unwritable(path, "it is a pipe or a device")),
        }
    }
}

/// Writes to a pipe or a device. Blocks until a reader of the pipe has taken everything.
pub(crate) fn write_to_stream(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let written = OpenOptions::new().write(true).open(path).and_then(|mut stream| {
        // The path may lead to a file by now, which must not be overwritten in part.
        if !is_stream(stream.metadata()?.file_type()) {
            return Err(io::Error::other("it was replaced by a file"));
        }
        stream.write_all(content)?;
        stream.flush()
    });
    written.map_err(|error| CliError::file("write", path, &error))
}

/// Returns whether `path` leads to the standard output of this process, as `/dev/stdout` does.
pub(crate) fn is_standard_output(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let own = io::stdout().as_fd().try_clone_to_owned().map(File::from);
        let own = own.and_then(|own| own.metadata());
        matches!((own, fs::metadata(path)), (Ok(own), Ok(there)) if is_same(&own, &there))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Returns whether `file` is still at `path`, and was not removed or replaced. Always true outside Unix,
/// where an open file stays.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        matches!((file.metadata(), fs::metadata(path)), (Ok(own), Ok(there)) if is_same(&own, &there))
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(unix)]
fn is_stream(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_fifo() || kind.is_char_device()
}

#[cfg(not(unix))]
fn is_stream(_: FileType) -> bool {
    false
}

fn what_is(about: &Metadata) -> &'static str {
    match about.is_dir() {
        true => "it is a folder",
        false => "it is not a file, a pipe or a character device",
    }
}

fn unwritable(path: &Path, why: &str) -> CliError {
    CliError::new(format!("cannot write the file: {why}"))
        .at(path.display())
        .next("name another file")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_files_pipes_and_character_devices_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").unwrap();
        symlink("file", at("link")).unwrap();
        symlink("missing", at("dangling")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        assert!(matches!(Place::of(&at("missing")), Ok(Place::New)));
        let real = fs::canonicalize(at("file")).unwrap();
        assert!(matches!(Place::of(&at("link")), Ok(Place::File(path)) if path == real));
        assert!(matches!(Place::of(Path::new("/dev/null")), Ok(Place::Stream)));
        for (name, why) in
            [("dangling", "a link to a file"), ("socket", "not a file"), ("", "folder")]
        {
            let error = Place::of(&at(name)).err().unwrap();
            assert!(error.what().contains(why), "{name}: {error:?}");
        }
        assert!(Place::of_file(Path::new("/dev/null")).is_err());
    }
}

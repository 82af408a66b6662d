//! The files of the repository, as a command sees them. This crate does no I/O, so its caller looks.

/// The files that a command can reach. Each path starts at the folder in which the command is started.
pub trait Tree {
    /// Returns the target of a path.
    fn find(&self, path: &str) -> Place;

    /// Returns the names of the entries of a folder. Empty if it is not a folder.
    fn entries(&self, folder: &str) -> Vec<String>;

    /// Returns the folder and all folders above it, up to the root of the machine.
    fn folders_above(&self, folder: &str) -> Vec<String>;

    /// Returns the text of a file. `None` if it cannot be read.
    fn text(&self, path: &str) -> Option<String>;

    /// Returns whether a program of this name is in a folder of `PATH`.
    fn is_program(&self, name: &str) -> bool;
}

/// A tree without files and programs, for a command whose folder is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Tree for NoFiles {
    fn find(&self, _: &str) -> Place {
        Place::Missing
    }

    fn entries(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn folders_above(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn text(&self, _: &str) -> Option<String> {
        None
    }

    fn is_program(&self, _: &str) -> bool {
        false
    }
}

/// The target of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file in the folder of the lockfile or below, with its path in the form of the lockfile.
    File(String),
    /// A folder.
    Folder,
    /// A path in the folder of the lockfile that leads out of it, or to a device.
    LeadsOut,
    /// A file elsewhere on the machine.
    Elsewhere,
    /// The path does not exist.
    Missing,
}

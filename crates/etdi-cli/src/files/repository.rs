//! The files of the repository on disk, as the command of a server sees them.

use std::path::{Path, PathBuf};

use etdi::lockfile::{Place, Tree};

use super::lock_file::LockOptions;

/// The longest `package.json` that is read, in bytes.
const LONGEST: u64 = 4 * 1024 * 1024;

/// The files that a command can reach from its folder.
pub(super) struct Repository<'l> {
    pub(super) lock: &'l LockOptions,
    /// The folder in which the command is started.
    pub(super) folder: PathBuf,
    /// The value of `PATH`.
    pub(super) programs: String,
}

impl Repository<'_> {
    /// Returns whether the text of a path names a place in the repository. Links in the path are not
    /// followed, so the file itself may be elsewhere.
    fn is_inside(&self, path: &Path) -> bool {
        let Ok(path) = std::path::absolute(path) else { return true };
        let root = self.lock.root();
        let roots = [std::path::absolute(root), root.canonicalize()];
        roots.into_iter().flatten().any(|root| path.starts_with(root))
    }
}

impl Tree for Repository<'_> {
    fn find(&self, path: &str) -> Place {
        let path = self.folder.join(path);
        match std::fs::metadata(&path) {
            Ok(data) if data.is_dir() => Place::Folder,
            Ok(data) if data.is_file() => match self.lock.relative(&path) {
                Some(file) => Place::File(file),
                None if self.is_inside(&path) => Place::LeadsOut,
                None => Place::Elsewhere,
            },
            // Reading a device or a pipe could wait for ever.
            Ok(_) => Place::LeadsOut,
            // A link without a target can get one at any time.
            Err(_) if path.symlink_metadata().is_ok() => Place::LeadsOut,
            Err(_) => Place::Missing,
        }
    }

    fn entries(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.join(folder)) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn folders_above(&self, folder: &str) -> Vec<String> {
        let Ok(folder) = self.folder.join(folder).canonicalize() else { return Vec::new() };
        folder.ancestors().filter_map(|folder| folder.to_str().map(str::to_owned)).collect()
    }

    fn text(&self, path: &str) -> Option<String> {
        let path = self.folder.join(path);
        let data = std::fs::metadata(&path).ok()?;
        if !data.is_file() || data.len() > LONGEST {
            return None;
        }
        std::fs::read_to_string(path).ok()
    }

    fn is_program(&self, name: &str) -> bool {
        std::env::split_paths(&self.programs).any(|folder| folder.join(name).is_file())
    }
}

//! The checkpoint of a store of approvals, in another folder than the store. With it, an older copy of the
//! store is told from the store itself: in an older copy, a revoked tool is still approved.

use std::fs;
use std::path::{Path, PathBuf};

use etdi::{Checkpoint, Digest};

use crate::context::Context;
use crate::exit::CliError;
use crate::files::change::FileChange;
use crate::files::{self, Access, paths};

/// The file of the checkpoint of one store.
#[derive(Debug)]
pub(crate) struct CheckpointFile {
    path: PathBuf,
    store: PathBuf,
}

impl CheckpointFile {
    /// Returns the file for the store at this path. Neither must exist.
    pub(crate) fn of(store: &Path, context: &Context) -> Result<Self, CliError> {
        let store = without_links(store);
        let name = Digest::of(store.as_os_str().as_encoded_bytes()).to_string();
        let name = name.replace("sha256:", "") + ".checkpoint";
        let folder = paths::state_folder(context.environment)?.join("checkpoints");
        Ok(Self { path: folder.join(name), store })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the checkpoint. Returns `None` if the command never changed this store.
    pub(crate) fn read(&self) -> Result<Option<Checkpoint>, CliError> {
        match self.path.exists() {
            true => self.parse(&files::read(&self.path)?).map(Some),
            false => Ok(None),
        }
    }

    /// Keeps a checkpoint, unless the file has a later one: another process may have been faster.
    pub(crate) fn keep(&self, checkpoint: &Checkpoint) -> Result<(), CliError> {
        if let Some(folder) = self.path.parent() {
            files::private_folder(folder)?;
        }
        let change = FileChange::begin(&self.path)?;
        if let Some(text) = change.read()? {
            let kept = self.parse(&text)?;
            if kept.store() == checkpoint.store() && kept.revision() >= checkpoint.revision() {
                return Ok(());
            }
        }
        // The path tells a person which store this is.
        let text = format!("{checkpoint}\n{}\n", self.store.display());
        change.write(text.as_bytes(), Access::Owner)
    }

    fn parse(&self, text: &str) -> Result<Checkpoint, CliError> {
        text.lines().next().unwrap_or_default().parse().map_err(|error| {
            CliError::new(format!("cannot read the checkpoint of the approvals: {error}"))
                .at(self.path.display())
                .next(self.way_out())
        })
    }

    /// Returns the next step of a person who wants to use the store as it is.
    pub(crate) fn way_out(&self) -> String {
        format!(
            "put the right store back; or, to use the store as it is, delete {} and look through \
             `etdi list`",
            etdi::text::escaped(&self.path.display().to_string())
        )
    }
}

/// Returns one spelling of the path of a store, which may not exist.
fn without_links(store: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(store) {
        return path;
    }
    let folder = match store.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (fs::canonicalize(folder), store.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => store.to_path_buf(),
    }
}

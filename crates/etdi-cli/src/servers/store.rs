//! The flag that names the store of approvals.

use std::path::PathBuf;

use crate::context::Context;
use crate::exit::CliError;
use crate::files;
use crate::files::checkpoint_file::CheckpointFile;
use crate::files::paths;
use crate::servers::kept_store::KeptApprovals;
use crate::terminal::shell::quoted;
use clap::Args;

/// The flag that names the store of approvals.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreOptions {
    /// The file of approvals; created if missing. Without this flag: approvals.db in $ETDI_DATA, or
    /// in etdi in $XDG_DATA_HOME (~/.local/share), or on Windows in %APPDATA%.
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
}

impl StoreOptions {
    /// Opens the store. Creates it if it is missing.
    pub(crate) fn open(&self, context: &Context) -> Result<KeptApprovals, CliError> {
        if self.store.is_none() {
            files::private_folder(&paths::data_folder(context.environment)?)?;
        }
        KeptApprovals::open(&self.path(context)?, context)
    }

    /// Opens the store, if it exists.
    pub(crate) fn existing(&self, context: &Context) -> Result<Option<KeptApprovals>, CliError> {
        let path = self.path(context)?;
        // A write-ahead log or a checkpoint without its store is left over from a lost store. Opening it
        // reports this.
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        let left = [path.clone(), log.into(), CheckpointFile::of(&path, context)?.path().into()];
        match left.iter().any(|left: &PathBuf| left.exists()) {
            true => KeptApprovals::open(&path, context).map(Some),
            false => Ok(None),
        }
    }

    fn path(&self, context: &Context) -> Result<PathBuf, CliError> {
        match &self.store {
            Some(path) => Ok(path.clone()),
            None => Ok(paths::data_folder(context.environment)?.join("approvals.db")),
        }
    }

    /// Returns the flag that names the store, quoted for a shell.
    pub(super) fn words(&self) -> Option<String> {
        match &self.store {
            Some(path) => Some(format!("--store {} ", quoted(path.to_str()?)?)),
            None => Some(String::new()),
        }
    }
}

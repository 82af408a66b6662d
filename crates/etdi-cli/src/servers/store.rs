//! The flag that names the store of approvals.

use std::path::PathBuf;

use clap::Args;
use etdi::SqliteApprovals;

use crate::context::Context;
use crate::exit::CliError;
use crate::files;
use crate::files::paths;
use crate::terminal::shell::quoted;

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
    pub(crate) fn open(&self, context: &Context) -> Result<SqliteApprovals, CliError> {
        if self.store.is_none() {
            files::private_folder(&paths::data_folder(context.environment)?)?;
        }
        SqliteApprovals::open(self.path(context)?).map_err(CliError::new)
    }

    /// Opens the store, if it exists.
    pub(crate) fn existing(&self, context: &Context) -> Result<Option<SqliteApprovals>, CliError> {
        let path = self.path(context)?;
        // A write-ahead log without its store is left over from a lost store. Opening it reports this.
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        if !path.exists() && !PathBuf::from(log).exists() {
            return Ok(None);
        }
        SqliteApprovals::open(path).map(Some).map_err(CliError::new)
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

//! The store of approvals, as the command line names it.

use std::path::PathBuf;

use clap::Args;
use etdi::SqliteApprovals;

use crate::context::Context;
use crate::exit::CliError;
use crate::files;
use crate::files::paths;
use crate::terminal::shell::quoted;

/// Which approvals.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreOptions {
    /// The file of approvals; made if there is none. Otherwise approvals.db in ETDI_DATA, in etdi
    /// in $XDG_DATA_HOME (~/.local/share), on Windows in %APPDATA%.
    #[arg(long, value_name = "PATH")]
    store: Option<PathBuf>,
}

impl StoreOptions {
    /// The store; made if there is none.
    pub(crate) fn open(&self, context: &Context) -> Result<SqliteApprovals, CliError> {
        if self.store.is_none() {
            files::private_folder(&paths::data_folder(context.environment)?)?;
        }
        SqliteApprovals::open(self.path(context)?).map_err(CliError::new)
    }

    /// The store, if there is one.
    pub(crate) fn existing(&self, context: &Context) -> Result<Option<SqliteApprovals>, CliError> {
        let path = self.path(context)?;
        // A log without its store is what is left of one: opening it says so.
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

    /// How a command names it, for a shell.
    pub(super) fn words(&self) -> Option<String> {
        match &self.store {
            Some(path) => Some(format!("--store {} ", quoted(path.to_str()?)?)),
            None => Some(String::new()),
        }
    }
}

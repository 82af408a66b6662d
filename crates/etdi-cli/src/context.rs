//! What every command is given.

use std::path::PathBuf;
use std::sync::Arc;

use etdi::{Clock, TrustConfig};

use crate::environment::Environment;
use crate::exit::CliError;
use crate::files;
use crate::files::paths;
use crate::terminal::output::Output;
use crate::terminal::shell::quoted;

/// The configuration, where output goes, the time, and whether there is a person to ask.
pub(crate) struct Context {
    /// The trust configuration's file.
    pub(crate) config: PathBuf,
    /// Whether the command line names it: then it has to be there.
    pub(crate) config_is_named: bool,
    pub(crate) out: Output,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) environment: Environment,
    /// Whether a person is at the terminal. Without one, whatever would be asked must be a flag.
    pub(crate) interactive: bool,
}

impl Context {
    /// The trust configuration.
    pub(crate) fn trust(&self) -> Result<TrustConfig, CliError> {
        TrustConfig::parse(&self.trust_text()?).map_err(|error| {
            CliError::new(error)
                .at(self.config.display())
                .next("correct the file; `etdi help init` shows its form")
        })
    }

    /// The trust configuration's text.
    pub(crate) fn trust_text(&self) -> Result<String, CliError> {
        if !self.config.exists() {
            return Err(CliError::new("there is no trust configuration, so nobody is trusted")
                .at(self.config.display())
                .next(match self.words() {
                    Some(config) => format!("etdi {config}init"),
                    None => "etdi init, with the same --config".to_owned(),
                }));
        }
        files::read(&self.config)
    }

    /// How a command names the trust configuration, for a shell; `None` if that cannot be typed.
    pub(crate) fn words(&self) -> Option<String> {
        match self.config_is_named {
            true => Some(format!("--config {} ", quoted(self.config.to_str()?)?)),
            false => Some(String::new()),
        }
    }

    /// The folder for keys and approvals.
    pub(crate) fn data_folder(&self) -> Result<PathBuf, CliError> {
        paths::data_folder(self.environment)
    }
}

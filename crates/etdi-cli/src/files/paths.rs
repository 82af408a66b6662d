//! The default places of files, without a flag.

use std::path::PathBuf;

use etcetera::BaseStrategy;

use crate::environment::Environment;
use crate::exit::CliError;

/// Returns the path of the trust configuration: `ETDI_CONFIG`, else `etdi/trust.toml` in the folder for
/// configuration: `$XDG_CONFIG_HOME` or `~/.config` on Unix and macOS, `%APPDATA%` on Windows.
pub(crate) fn trust_file(environment: Environment) -> Result<PathBuf, CliError> {
    match environment.path("ETDI_CONFIG") {
        Some(path) => Ok(path),
        None => Ok(strategy()?.config_dir().join("etdi").join("trust.toml")),
    }
}

/// Returns the folder for keys and approvals: `ETDI_DATA`, else `etdi` in the folder for data:
/// `$XDG_DATA_HOME` or `~/.local/share` on Unix and macOS, `%APPDATA%` on Windows.
pub(crate) fn data_folder(environment: Environment) -> Result<PathBuf, CliError> {
    match environment.path("ETDI_DATA") {
        Some(path) => Ok(path),
        None => Ok(strategy()?.data_dir().join("etdi")),
    }
}

/// Returns the folder for checkpoints: `ETDI_STATE`, else `etdi` in the folder for state:
/// `$XDG_STATE_HOME` or `~/.local/state` on Unix and macOS, `%LOCALAPPDATA%` on Windows.
pub(crate) fn state_folder(environment: Environment) -> Result<PathBuf, CliError> {
    if let Some(path) = environment.path("ETDI_STATE") {
        return Ok(path);
    }
    let strategy = strategy()?;
    Ok(strategy.state_dir().unwrap_or_else(|| strategy.cache_dir()).join("etdi"))
}

fn strategy() -> Result<impl BaseStrategy, CliError> {
    etcetera::choose_base_strategy().map_err(|_| {
        CliError::new("cannot find the home folder")
            .next("give --config PATH, or set ETDI_CONFIG, ETDI_DATA and ETDI_STATE")
    })
}

//! The variables that the command reads, in one place.

use std::ffi::OsString;
use std::path::PathBuf;

/// The environment of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment;

impl Environment {
    /// Returns a variable's text. A variable that is empty or not Unicode counts as not set.
    #[expect(clippy::unused_self, reason = "callers that read the environment hold it")]
    pub(crate) fn get(self, name: &str) -> Option<String> {
        from_env(name)?.into_string().ok()
    }

    /// Returns a variable that is a path.
    #[expect(clippy::unused_self, reason = "callers that read the environment hold it")]
    pub(crate) fn path(self, name: &str) -> Option<PathBuf> {
        from_env(name).map(PathBuf::from)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place of the command that reads variables")]
fn from_env(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

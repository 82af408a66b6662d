//! The values that every command gets.

use std::path::PathBuf;
use std::sync::Arc;

use etdi::Clock;

use crate::environment::Environment;
use crate::terminal::ask::Prompt;
use crate::terminal::output::Output;
use crate::terminal::shell::quoted;

/// The configuration, the output, the clock, the environment, and the person to ask.
pub(crate) struct Context {
    /// The trust configuration's file.
    pub(crate) config: PathBuf,
    /// Whether the command line names the file. If so, it must exist.
    pub(crate) config_is_named: bool,
    pub(crate) out: Output,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) environment: Environment,
    pub(crate) prompt: Prompt,
}

impl Context {
    /// Returns the flag that names the trust configuration, quoted for a shell. `None` if it cannot be
    /// typed.
    pub(crate) fn words(&self) -> Option<String> {
        match self.config_is_named {
            true => Some(format!("--config {} ", quoted(self.config.to_str()?)?)),
            false => Some(String::new()),
        }
    }
}

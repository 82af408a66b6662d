//! How a command ends: its exit status, and what went wrong in words.

use std::fmt::Display;
use std::process::ExitCode;

use etdi::text::escaped;
use serde::Serialize;
use serde_json::{Value, json};

/// What the exit status says. One meaning for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; every check said yes.
    Ok,
    /// A check said no: a definition that is not trusted, drift, a failed line of `doctor`.
    No,
    /// It could not be done or could not be checked; also wrong usage.
    CannotCheck,
    /// Ctrl-C.
    Interrupted,
}

/// What each says, in lines of a terminal.
const MEANINGS: [(Exit, &[&str]); 4] = [
    (Exit::Ok, &["done; every check said yes"]),
    (
        Exit::No,
        &[
            "a check said no: a definition is not by whom it says, a token is not valid,",
            "a tool waits for approval or is refused, a server is not as locked, a line of",
            "`doctor` failed",
        ],
    ),
    (
        Exit::CannotCheck,
        &[
            "it could not be done or could not be checked: wrong usage, a file that cannot be",
            "read, an identity provider that does not answer, a token that nobody verified",
        ],
    ),
    (
        Exit::Interrupted,
        &["interrupted (Ctrl-C); files are whole, either the old one or the new one"],
    ),
];

/// The page that `etdi help exit-codes` shows.
pub(crate) fn exit_codes() -> String {
    let entry = |(exit, lines): &(Exit, &[&str])| {
        format!("\n  {:<3}  {}", exit.code(), lines.join("\n       "))
    };
    format!("Exit codes\n{}", MEANINGS.iter().map(entry).collect::<String>())
}

/// The same for a program.
pub(crate) fn exit_codes_json() -> Value {
    let entry = |(exit, lines): &(Exit, &[&str])| json!({ "code": exit.code(), "meaning": lines.join(" ") });
    json!({ "exit_codes": MEANINGS.iter().map(entry).collect::<Vec<_>>() })
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::No => 1,
            Self::CannotCheck => 2,
            Self::Interrupted => 130,
        }
    }

    /// The worse of two answers: what could not be checked outweighs a no.
    pub(crate) fn and(self, other: Self) -> Self {
        if other.code() > self.code() { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command could not do its work: what, where, and what to do next.
///
/// Text of tools, tokens and servers goes into it through [`escaped`], as the errors of the libraries
/// do; what is left hidden is escaped when it is printed.
#[derive(Debug, Serialize)]
pub(crate) struct CliError {
    /// What is wrong.
    error: String,
    /// The file, flag or address where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// What to do about it: a command where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl CliError {
    pub(crate) fn new(what: impl Display) -> Self {
        Self { error: what.to_string(), at: None, next: None, exit: Exit::CannotCheck }
    }

    /// Ctrl-C at a question.
    pub(crate) fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, ..Self::new("interrupted; nothing was changed") }
    }

    /// Ctrl-C at a question after something was done and reported.
    pub(crate) fn interrupted_after(done: &str) -> Self {
        let what = format!("interrupted; what is reported as {done} stays so");
        Self { exit: Exit::Interrupted, ..Self::new(what) }
    }

    /// A no, where everything could be checked.
    pub(crate) fn refused(what: impl Display) -> Self {
        Self { exit: Exit::No, ..Self::new(what) }
    }

    /// The exit status that goes with it.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(format!("the file could not be {doing}: {error}")).at(path.display())
    }

    pub(crate) fn at(mut self, place: impl Display) -> Self {
        self.at = Some(escaped(&place.to_string()).to_string());
        self
    }

    pub(crate) fn next(mut self, next: impl Display) -> Self {
        self.next = Some(next.to_string());
        self
    }

    pub(crate) fn what(&self) -> &str {
        &self.error
    }

    pub(crate) fn place(&self) -> Option<&str> {
        self.at.as_deref()
    }

    pub(crate) fn next_step(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// How every command ends.
pub(crate) type Ending = Result<Exit, CliError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_checked_outweighs_a_no() {
        assert_eq!(Exit::Ok.and(Exit::No), Exit::No);
        assert_eq!(Exit::CannotCheck.and(Exit::No), Exit::CannotCheck);
    }
}

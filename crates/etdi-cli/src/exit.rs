//! The end of a command: its exit status, and its error in words.

use std::fmt::Display;
use std::process::ExitCode;

use etdi::text::escaped;
use serde::Serialize;
use serde_json::{Value, json};

/// The exit status. Each value means the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command did its work, and every check said yes.
    Ok,
    /// A check said no: a definition that is not trusted, drift, a failed line of `doctor`.
    No,
    /// The command failed, or a check was not possible; also wrong usage.
    CannotCheck,
    /// Ctrl-C.
    Interrupted,
}

/// The meaning of each exit status, in lines of a terminal.
const MEANINGS: [(Exit, &[&str]); 4] = [
    (Exit::Ok, &["done; every check said yes"]),
    (
        Exit::No,
        &[
            "a check said no: a definition is not by the publisher that it names, a",
            "token is not valid, a tool waits for approval or is refused, a server",
            "differs from the lockfile, a line of `doctor` failed",
        ],
    ),
    (
        Exit::CannotCheck,
        &[
            "the command failed, or a check was not possible: wrong usage, an",
            "unreadable file, an identity provider that does not answer, an unverified",
            "token",
        ],
    ),
    (
        Exit::Interrupted,
        &["interrupted (Ctrl-C); each file is whole, either the old or the new one"],
    ),
];

/// Returns the page that `etdi help exit-codes` shows.
pub(crate) fn exit_codes() -> String {
    let entry = |(exit, lines): &(Exit, &[&str])| {
        format!("\n  {:<3}  {}", exit.code(), lines.join("\n       "))
    };
    format!("Exit codes\n{}", MEANINGS.iter().map(entry).collect::<String>())
}

/// Returns the exit codes and their meanings as JSON.
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

    /// Returns the worse of two statuses. `CannotCheck` is worse than `No`.
    pub(crate) fn and(self, other: Self) -> Self {
        if other.code() > self.code() { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// The error of a command: the error itself, the place, and the next step.
///
/// Text of tools, tokens and servers is escaped with [`escaped`] before it goes into an error. The
/// libraries escape such text in their own errors. The output escapes the hidden characters that are left.
#[derive(Debug, Serialize)]
pub(crate) struct CliError {
    /// The error in words.
    error: String,
    /// The file, flag, address or name that the error is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    /// The last lines that a server wrote to its standard error before it ended, escaped.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    last_lines: Vec<String>,
    /// The next step: a command if one solves the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip)]
    exit: Exit,
    /// Whether the server could not be reached or read.
    #[serde(skip)]
    of_server: bool,
}

impl CliError {
    pub(crate) fn new(what: impl Display) -> Self {
        Self {
            error: what.to_string(),
            at: None,
            last_lines: Vec::new(),
            next: None,
            exit: Exit::CannotCheck,
            of_server: false,
        }
    }

    /// Puts `cannot VERB NOUN: ` before an error that does not begin with `cannot` yet. `doing` is the
    /// verb and the noun: the error of a library often has only the reason.
    pub(crate) fn cannot(mut self, doing: &str) -> Self {
        if !self.error.starts_with("cannot ") {
            self.error = format!("cannot {doing}: {}", self.error);
        }
        self
    }

    /// Returns the error for Ctrl-C at a question.
    pub(crate) fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, ..Self::new("interrupted; no changes were made") }
    }

    /// Returns the error for Ctrl-C at a question after earlier steps were done and reported.
    pub(crate) fn interrupted_after(done: &str) -> Self {
        let what = format!("interrupted; everything reported as {done} stays {done}");
        Self { exit: Exit::Interrupted, ..Self::new(what) }
    }

    /// Returns the error for a check that said no.
    pub(crate) fn refused(what: impl Display) -> Self {
        Self { exit: Exit::No, ..Self::new(what) }
    }

    /// Marks the error of a server that could not be reached or read.
    pub(crate) fn of_server(mut self) -> Self {
        self.of_server = true;
        self
    }

    /// Returns whether the server could not be reached or read.
    pub(crate) fn is_of_server(&self) -> bool {
        self.of_server
    }

    /// Returns the exit status for this error.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the error for a file operation. `doing` is a verb: read, write, remove.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(format!("cannot {doing} the file: {error}")).at(path.display())
    }

    pub(crate) fn at(mut self, place: impl Display) -> Self {
        self.at = Some(escaped(&place.to_string()).to_string());
        self
    }

    pub(crate) fn next(mut self, next: impl Display) -> Self {
        self.next = Some(next.to_string());
        self
    }

    /// Adds the last lines of a server's standard error. They must be escaped.
    pub(crate) fn with_last_lines(mut self, lines: Vec<String>) -> Self {
        self.last_lines = lines;
        self
    }

    pub(crate) fn what(&self) -> &str {
        &self.error
    }

    pub(crate) fn place(&self) -> Option<&str> {
        self.at.as_deref()
    }

    pub(crate) fn last_lines(&self) -> &[String] {
        &self.last_lines
    }

    pub(crate) fn next_step(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// The result of every command.
pub(crate) type Ending = Result<Exit, CliError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_is_not_possible_outweighs_a_no() {
        assert_eq!(Exit::Ok.and(Exit::No), Exit::No);
        assert_eq!(Exit::CannotCheck.and(Exit::No), Exit::CannotCheck);
    }

    #[test]
    fn an_error_begins_with_cannot_once() {
        let said = |reason: &str| CliError::new(reason).cannot("read the file").what().to_owned();
        assert_eq!(said("it is empty"), "cannot read the file: it is empty");
        assert_eq!(said("cannot open the store"), "cannot open the store");
    }
}

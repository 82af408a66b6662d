//! The output for a command line that does not run a command: help, the version, wrong usage.

use std::ffi::OsString;
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::{Value, json};

use crate::terminal::output::Output;

/// The advice for a command that takes the names of tools. It replaces the parser's advice to put `--`
/// before such a name: the words after `--` are the command that starts the server.
const HYPHEN: &str = "give the digest of a tool whose name begins with a hyphen";

/// Moves the global flags before `help`, because the parser's `help` takes no flags. Turns
/// `help exit-codes` into the command `exit-codes`.
pub(crate) fn ordered(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut words = arguments.iter().skip(1).cloned();
    let (mut flags, mut rest) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--json" | "-q" | "--quiet") => flags.push(word),
            Some("--color" | "--config") => {
                flags.extend([Some(word), words.next()].into_iter().flatten())
            }
            Some(text) if text.starts_with("--color=") || text.starts_with("--config=") => {
                flags.push(word);
            }
            _ => rest.push(word),
        }
    }
    if rest.first().is_none_or(|word| word != "help") {
        return arguments;
    }
    if rest.get(1).is_some_and(|word| word == "exit-codes") {
        rest.remove(0);
    }
    arguments.into_iter().take(1).chain(flags).chain(rest).collect()
}

/// Prints the help, the version or the usage error, and returns the exit status.
pub(crate) fn end(mut error: Error, arguments: &[OsString]) -> ExitCode {
    advise(&mut error);
    let code = u8::try_from(error.exit_code()).unwrap_or(2);
    if arguments.iter().take_while(|word| *word != "--").any(|word| word == "--json") {
        Output::of_process(true, false, ColorChoice::Never).json(&document(&error));
    } else {
        let _ = error.print();
    }
    code.into()
}

/// Returns the help, the version or the usage error as one JSON document.
fn document(error: &Error) -> Value {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp => json!({ "help": text.trim_end() }),
        ErrorKind::DisplayVersion => json!({ "version": text.trim_end() }),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            json!({ "error": "cannot run a command: no command is given", "next": "etdi --help" })
        }
        _ => {
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let (what, rest) = text.split_once("\n\n").unwrap_or((text, ""));
            let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
            let tips = rest.lines().filter_map(|line| line.trim_start().strip_prefix("tip: "));
            let tips = tips.collect::<Vec<_>>().join("; ");
            let next = if tips.is_empty() { "add --help".to_owned() } else { tips };
            json!({ "error": what, "next": next })
        }
    }
}

/// Replaces or drops the parser's advice for a value that begins with a hyphen. The parser advises
/// `--`, but some commands start a server after `--`: the value would be run as a program.
fn advise(error: &mut Error) {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => return,
    };
    if error.kind() != ErrorKind::UnknownArgument || !usage.contains("-- COMMAND") {
        return;
    }
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        let count = tips.len();
        tips.retain(|tip| !tip.to_string().contains("as a value"));
        if tips.len() < count && usage.contains("TOOL") {
            tips.push(HYPHEN.to_owned().into());
        }
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn flags_after_help_move_before_it_and_other_command_lines_stay() {
        for (typed, meant) in [
            ("etdi help exit-codes", "etdi exit-codes"),
            ("etdi help exit-codes --json", "etdi --json exit-codes"),
            ("etdi help sign --color=never -q", "etdi --color=never -q help sign"),
            ("etdi --color never help --json", "etdi --color never --json help"),
            ("etdi show help --json", "etdi show help --json"),
            ("etdi --config help list", "etdi --config help list"),
            ("etdi", "etdi"),
        ] {
            assert_eq!(ordered(line(typed)), line(meant), "{typed}");
        }
    }
}

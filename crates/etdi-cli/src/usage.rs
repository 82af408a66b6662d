//! A command line that runs no command: help, the version, wrong usage.

use std::ffi::OsString;
use std::process::ExitCode;

use anstream::ColorChoice;
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use serde_json::{Value, json};

use crate::terminal::output::Output;

/// What stands where the parser's own advice, `--`, would name the server.
const HYPHEN: &str = "a tool whose name begins with a hyphen is named by its digest";

/// `help` is no command of its own to the parser and takes no flags, so those for every command go
/// before it. The page of the exit codes is a command, whichever way it is asked for.
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

/// Says it, and with which status.
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

/// One document, as of every command.
fn document(error: &Error) -> Value {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp => json!({ "help": text.trim_end() }),
        ErrorKind::DisplayVersion => json!({ "version": text.trim_end() }),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            json!({ "error": "a command is missing", "next": "etdi --help" })
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

/// The parser's advice for a value that begins with a hyphen is `--`, which is right where no server
/// follows it.
fn advise(error: &mut Error) {
    let of_tools = matches!(error.get(ContextKind::Usage),
        Some(ContextValue::StyledStr(usage)) if usage.to_string().contains("TOOL"));
    if error.kind() != ErrorKind::UnknownArgument || !of_tools {
        return;
    }
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        for tip in &mut tips {
            if tip.to_string().contains("as a value") {
                *tip = HYPHEN.to_owned().into();
            }
        }
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &str) -> Vec<OsString> {
        words.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn flags_behind_help_count_as_before_it_and_no_other_line_changes() {
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

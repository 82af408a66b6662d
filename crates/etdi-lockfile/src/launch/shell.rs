//! Shells, `cmd` and `env`: a command within a command.

use super::reader::{NO_PROGRAM, Reader};
use super::tree::Place;
use super::words::{Word, Words, split};

const SCRIPT: &str =
    "a script on the command line that is more than one plain command can load any file";

/// Commands that a shell runs itself, and that can load code.
const BUILT_IN: [&str; 7] = [".", "builtin", "command", "eval", "exec", "source", "trap"];

/// The endings with which `cmd` finds a program, in its own folder first.
const ENDINGS: [&str; 11] =
    [".com", ".exe", ".bat", ".cmd", ".vbs", ".vbe", ".js", ".jse", ".wsf", ".wsh", ".msc"];

/// Reads `sh FILE`, and `sh -c "COMMAND"`.
pub(super) fn sh(reader: &mut Reader<'_>, args: &[Word]) {
    let mut words = Words::of(args);
    while let Some(flag) = words.flag(&["-o", "--rcfile", "--init-file"]) {
        let letters = flag.name.strip_prefix('-').unwrap_or_default();
        match (flag.name.as_str(), &flag.value) {
            ("--", _) => break,
            ("--login" | "--norc" | "--noprofile" | "--posix" | "-o", _) => {}
            ("--rcfile" | "--init-file", Some(file)) => reader.runs_file(file),
            _ if letters.is_empty() || !letters.chars().all(|letter| "celux".contains(letter)) => {
                return reader.not_understood(&flag.word, &words);
            }
            _ if letters.contains('c') => {
                match words.next() {
                    Some(text) => script(reader, &flag.word, text),
                    None => reader.loose(&flag.word, NO_PROGRAM),
                }
                return reader.data(words.rest());
            }
            _ => {}
        }
    }
    match words.next() {
        Some(file) => reader.runs_file(file),
        None => reader.loose(&Word::new("sh", "sh"), NO_PROGRAM),
    }
    reader.data(words.rest());
}

/// Reads the text after `-c`: one plain command, perhaps after `cd FOLDER &&`.
/// The text itself is not shown: it may hold a secret.
fn script(reader: &mut Reader<'_>, flag: &Word, text: &Word) {
    let parts: Option<Vec<_>> =
        text.value.split("&&").map(|part| split(&text.part(part.trim()))).collect();
    let Some(parts) = parts else { return reader.loose(flag, SCRIPT) };
    let Some((command, before)) = parts.split_last() else { return };
    for part in before {
        match part.as_slice() {
            [cd, folder] if cd.value == "cd" && !folder.is_flag() => reader.enter(&folder.value),
            _ => return reader.loose(flag, SCRIPT),
        }
    }
    let command = match command.split_first() {
        Some((first, rest)) if first.value == "exec" => rest,
        _ => command.as_slice(),
    };
    assigned(reader, command);
}

/// Reads a command after assignments to variables: `A=b node f.js`.
fn assigned(reader: &mut Reader<'_>, words: &[Word]) {
    let Some((first, rest)) = words.split_first() else {
        return reader.loose(&Word::new("sh", "sh"), NO_PROGRAM);
    };
    match first.value.split_once('=') {
        Some((name, value)) => {
            reader.variable(name, value);
            assigned(reader, rest);
        }
        None if BUILT_IN.contains(&first.value.as_str()) => {
            reader.loose(first, "it is a command of the shell, which can load any file");
            reader.data(rest);
        }
        None => reader.command(words),
    }
}

/// Reads `cmd /c COMMAND`.
pub(super) fn cmd(reader: &mut Reader<'_>, args: &[Word]) {
    let is_switch = |word: &&Word| word.value.starts_with('/');
    let switches = args.iter().take_while(is_switch).count();
    let (switches, rest) = args.split_at(switches);
    let lower: Vec<_> = switches.iter().map(|word| word.value.to_ascii_lowercase()).collect();
    let is_known = |switch: &String| matches!(switch.as_str(), "/c" | "/d" | "/s" | "/q");
    if let Some(at) = lower.iter().position(|switch| !is_known(switch))
        && let Some(word) = switches.get(at)
    {
        return reader.not_understood(word, &Words::of(rest));
    }
    let Some(last) = switches.last().filter(|_| lower.last().is_some_and(|last| last == "/c"))
    else {
        return reader.loose(&Word::new("cmd", "cmd"), NO_PROGRAM);
    };
    let mut words = Vec::new();
    for word in rest {
        if word.value.contains(['&', '|', '<', '>', '^', '%', '(', ')', '"', '!']) {
            return reader.loose(last, SCRIPT);
        }
        words.extend(word.value.split_whitespace().map(|part| word.part(part)));
    }
    let Some(program) = words.first() else { return reader.loose(last, NO_PROGRAM) };
    let in_folder = |ending: &&str| {
        let file = format!("{}{ending}", program.value);
        !matches!(reader.find(&file), Place::Missing)
    };
    let is_name = !reader.in_image && !program.value.contains(['/', '\\']);
    if is_name && std::iter::once("").chain(ENDINGS).any(|ending| in_folder(&ending)) {
        reader.loose(
            program,
            "cmd prefers a program of this name in its own folder, and one is there",
        );
    }
    reader.command(&words);
}

/// Reads `env A=b COMMAND`.
pub(super) fn env(reader: &mut Reader<'_>, args: &[Word]) {
    let mut words = Words::of(args);
    while let Some(flag) = words.flag(&["-u", "--unset", "-C", "--chdir", "-S", "--split-string"]) {
        match (flag.name.as_str(), &flag.value) {
            ("--", _) => break,
            ("-i" | "--ignore-environment" | "-u" | "--unset", _) => {}
            ("-C" | "--chdir", Some(folder)) => reader.enter(&folder.value),
            ("-S" | "--split-string", Some(text)) => match split(text) {
                Some(mut all) => {
                    all.extend(words.rest().iter().cloned());
                    return assigned(reader, &all);
                }
                None => return reader.loose(&flag.word, SCRIPT),
            },
            _ => return reader.not_understood(&flag.word, &words),
        }
    }
    assigned(reader, words.rest());
}

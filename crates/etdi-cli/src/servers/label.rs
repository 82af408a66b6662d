//! The label of a server on stdio: a name for people, because its identity is a digest.
//!
//! Labels are stored, so they must not hold secrets, and an argument may be a secret. A label names only
//! the first argument that is an existing file, and counts the other arguments.

use std::path::Path;

use etdi::StdioCommand;
use etdi::lockfile::{Launch, NoFiles};

/// The most bytes of a name in a label.
const LONGEST: usize = 128;

/// Returns the label: the `name` in the host's configuration, then the program that the command starts.
/// `started` has the values of variables. These values are not used in the label.
pub(crate) fn of(name: Option<&str>, configured: &StdioCommand, started: &StdioCommand) -> String {
    let launch = Launch::of(configured, configured, &NoFiles);
    let mut packages = launch.artifacts.iter();
    let what = match (packages.next(), packages.next()) {
        (Some(package), None) if launch.loose.is_empty() => package.to_string(),
        _ => program(configured, started),
    };
    match name {
        Some(name) => format!("{}: {what}", cut(name)),
        None => what,
    }
}

fn program(configured: &StdioCommand, started: &StdioCommand) -> String {
    let folder = Path::new(started.cwd.as_deref().unwrap_or("."));
    let is_file = |argument: &String| folder.join(argument).is_file();
    let file = started.args.iter().position(is_file).and_then(|at| configured.args.get(at));
    let mut words = cut(last(&configured.command)).to_owned();
    if let Some(file) = file {
        words.push(' ');
        words.push_str(cut(last(file)));
    }
    let more = if file.is_some() { " more" } else { "" };
    match configured.args.len() - usize::from(file.is_some()) {
        0 => words,
        1 => format!("{words} and 1{more} argument"),
        others => format!("{words} and {others}{more} arguments"),
    }
}

/// Returns the file name of a path.
fn last(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or_default()
}

fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: Option<&str>, words: &[&str]) -> String {
        let command = StdioCommand::new(words[0]).args(words[1..].iter().copied());
        of(name, &command, &command)
    }

    #[test]
    fn a_label_has_the_program_and_no_argument_that_may_be_a_secret() {
        let package = ["npx", "-y", "docs@1.2.3", "--token", "s3cret"];
        assert_eq!(label(Some("docs"), &package), "docs: npm:docs@1.2.3");
        let source = ["uvx", "--from", "git+https://s3cret@elsewhere.example/docs", "docs"];
        assert_eq!(label(None, &source), "uvx and 3 arguments");
        assert_eq!(label(None, &["/opt/docs/bin/docs"]), "docs");
        assert_eq!(label(None, &["C:\\docs\\docs.exe", "s3cret"]), "docs.exe and 1 argument");
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("server.js");
        std::fs::write(&script, "").unwrap();
        let node = ["node", "--inspect", script.to_str().unwrap(), "s3cret"];
        assert_eq!(label(Some("a"), &node), "a: node server.js and 2 more arguments");
    }

    #[test]
    fn a_label_does_not_have_the_value_of_a_variable() {
        let configured = StdioCommand::new("${HOME}/docs").args(["${KEY}"]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s3cret"), "").unwrap();
        let started = StdioCommand::new("/home/alice/docs").args(["s3cret"]);
        let started = started.cwd(folder.path().to_str().unwrap());
        assert_eq!(of(None, &configured, &started), "docs ${KEY}");
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(label(Some(&"é".repeat(100)), &["a"]), format!("{}: a", "é".repeat(64)));
    }
}

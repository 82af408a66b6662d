//! What a person calls a server on stdio, whose identity is a digest.
//!
//! It is kept, so it must hold no secret, and an argument may be one: of the arguments it names a
//! file that is there, and counts the others.

use std::path::Path;

use etdi::StdioCommand;
use etdi::lockfile::Launch;

/// A name is cut after so many bytes.
const LONGEST: usize = 128;

/// What the command starts, after the `name` that a host's configuration gives it. `started` has the
/// values of variables, of which nothing is taken.
pub(crate) fn of(name: Option<&str>, configured: &StdioCommand, started: &StdioCommand) -> String {
    let what = match Launch::of(configured) {
        Launch::Package(package) => package.to_string(),
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

/// The name of the file alone.
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
    fn a_label_tells_what_is_started_and_no_argument_that_may_be_a_secret() {
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
    fn the_value_of_a_variable_is_no_part_of_it() {
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

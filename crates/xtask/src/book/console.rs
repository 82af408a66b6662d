//! A console block: commands behind `$ `, each with the lines that it prints.

/// The sign for any output: alone on a line it stands for any number of lines, and within a line for
/// any text.
const ANYTHING: char = '…';

/// One command, and its expected standard output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) line: String,
    expected: Vec<String>,
}

impl Command {
    pub(super) fn all_of(block: &str) -> Vec<Self> {
        let mut commands: Vec<Self> = Vec::new();
        for line in block.lines() {
            if let Some(line) = line.strip_prefix("$ ") {
                commands.push(Self { line: line.trim().to_owned(), expected: Vec::new() });
            } else if let Some(command) = commands.last_mut() {
                command.expected.push(line.trim_end().to_owned());
            }
        }
        commands
    }

    /// Returns whether the page shows output of the command.
    pub(super) fn shows_output(&self) -> bool {
        !self.expected.is_empty()
    }

    /// Returns whether `output` is the output on the page. Blank lines at the end do not count, and a
    /// command without expected lines may print anything.
    pub(super) fn printed(&self, output: &str) -> bool {
        let expected = without_blank_end(self.expected.iter().map(String::as_str).collect());
        let printed = without_blank_end(output.lines().map(str::trim_end).collect());
        expected.is_empty() || lines_match(&expected, &printed)
    }
}

fn without_blank_end(mut lines: Vec<&str>) -> Vec<&str> {
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

fn lines_match(expected: &[&str], printed: &[&str]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first.trim() == ANYTHING.to_string() => {
            (0..=printed.len()).any(|skipped| {
                printed.get(skipped..).is_some_and(|remaining| lines_match(rest, remaining))
            })
        }
        Some((first, rest)) => printed.split_first().is_some_and(|(line, remaining)| {
            line_matches(first, line) && lines_match(rest, remaining)
        }),
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split(ANYTHING);
    let Some(mut line) = parts.next().and_then(|start| line.strip_prefix(start)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return line.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return line.ends_with(part);
        }
        let Some((_, rest)) = line.split_once(part) else { return false };
        line = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(block: &str) -> Command {
        let mut commands = Command::all_of(block);
        assert_eq!(commands.len(), 1);
        commands.remove(0)
    }

    #[test]
    fn a_block_holds_commands_and_what_each_prints() {
        let commands = Command::all_of("$ one --flag\na\n\nb\n$ two\n");
        assert_eq!(commands[0].line, "one --flag");
        assert_eq!(commands[0].expected, ["a", "", "b"]);
        assert_eq!(commands[1], Command { line: "two".to_owned(), expected: Vec::new() });
        assert!(Command::all_of("no command\n").is_empty());
    }

    #[test]
    fn every_line_must_be_there_and_no_other() {
        let command = only("$ x\na\nb\n");
        assert!(command.printed("a\nb\n\n"));
        for wrong in ["a\n", "a\nb\nc\n", "b\na\n", "a \u{20}b\n", ""] {
            assert!(!command.printed(wrong), "{wrong:?}");
        }
        assert!(only("$ x\n").printed("whatever"));
    }

    #[test]
    fn an_ellipsis_stands_for_lines_or_for_a_part_of_one() {
        let command = only("$ x\nfirst\n  …\ndone in … s, … ok\n");
        assert!(command.printed("first\ndone in 3 s, 7 ok"));
        assert!(command.printed("first\na\nb\ndone in 3 s, 7 ok"));
        for wrong in ["first\na\n", "first\ndone in 3 s", "a\nfirst\ndone in 3 s, 7 ok"] {
            assert!(!command.printed(wrong), "{wrong:?}");
        }
    }
}

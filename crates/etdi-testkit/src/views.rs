//! The four views of one screen: in a terminal of 80 and of 120 columns, plain and in colour. Each
//! view must obey the rules, and a test stores the plain view of 80 columns.

use std::collections::{HashMap, HashSet};

use etdi_types::text::{escaped, has_hidden_characters};

use crate::folder::Folder;
use crate::terminal::{Screen, Script, Word, redact, run};

/// The views that a test looks at, with the rules that are asserted.
#[derive(Clone, Copy)]
pub enum Views {
    /// All four.
    Four,
    /// Plain at 80 columns and coloured at 120. For servers that take a second to start, because
    /// each view starts the server again. Two rules are checked only with all four views: one
    /// compares the colours of both widths, the other compares the texts with and without colour at
    /// one width.
    Two,
}

struct View {
    columns: u16,
    coloured: bool,
    screen: Screen,
}

impl Views {
    /// Returns the columns of each view and whether it is coloured. A test stores the first view.
    fn each(self) -> &'static [(u16, bool)] {
        match self {
            Self::Four => &[(80, false), (80, true), (120, false), (120, true)],
            Self::Two => &[(80, false), (120, true)],
        }
    }

    /// Runs all views at once. Each program has its own copy of the folder.
    fn look(
        self,
        folder: impl Fn() -> Folder,
        arguments: &[&str],
        script: Script<'_>,
    ) -> Vec<View> {
        let first = folder();
        let views = self.each().iter().map(|&(columns, coloured)| {
            let folder = first.copied();
            let folder = if coloured { folder } else { folder.set("NO_COLOR", "1") };
            (columns, coloured, folder)
        });
        let views: Vec<_> = views.collect();
        std::thread::scope(|scope| {
            let started: Vec<_> = views
                .iter()
                .map(|(columns, coloured, folder)| {
                    let run = scope.spawn(move || run(folder, *columns, arguments, script));
                    (*columns, *coloured, run)
                })
                .collect();
            let ended = started.into_iter().map(|(columns, coloured, run)| View {
                columns,
                coloured,
                screen: run.join().unwrap(),
            });
            ended.collect()
        })
    }
}

/// The allowed beginnings of the texts in each colour.
const COLOURS: &[(&str, &[&str])] = &[
    (
        "green",
        &[
            "#",
            "+",
            "<FILE>",
            "VALID",
            "a program, not a person",
            "added",
            "alice",
            "allow",
            "approved",
            "as locked",
            "locked",
            "made",
            "ok",
            "removed",
            "revoked",
            "signed",
            "tip:",
            "trusted",
            "written",
        ],
    ),
    (
        "yellow",
        &[
            "-x",
            "Approving it pins the key",
            "NOT VERIFIED",
            "ask",
            "left out",
            "medium",
            "not locked",
            "notable",
            "note:",
            "the definition holds characters that cannot be seen",
            "warn",
        ],
    ),
    (
        "red bold",
        &[
            "-",
            "FAIL",
            "NOT VALID",
            "NOT trusted",
            "block",
            "critical",
            "drift",
            "error:",
            "file-changed",
            "high",
            "tool-added",
            "tool-changed",
            "tool-missing",
            "tool_verified",
        ],
    ),
];

/// Looks at one screen in several views, asserts that they obey the rules, and returns the plain
/// view of 80 columns. `folder` makes the folder in which the command runs. `theirs` are texts by
/// other authors; cells that show these texts are covered.
pub fn views_without(
    views: Views,
    theirs: &[String],
    folder: impl Fn() -> Folder,
    arguments: &[&str],
    script: Script<'_>,
    code: i32,
) -> String {
    let mut views = views.look(folder, arguments, script);
    let (mut read, mut marked, mut texts) = (Vec::new(), Vec::new(), HashMap::new());
    for View { columns, coloured, screen } in &mut views {
        assert_eq!(screen.code, code, "{}", screen.text());
        let text = texts.entry(*columns).or_insert_with(|| screen.text());
        assert_eq!(screen.text(), *text, "colour changes no text");
        if *coloured {
            marked.push(marks(screen));
        } else {
            assert!(!has_styles(&screen.bytes), "no colour was asked for: {}", screen.text());
        }
        assert_harmless(screen);
        let words = screen.words();
        // The terminal may break the lines of `--json`, which another program reads.
        if !arguments.contains(&"--json") {
            assert_fits(&words, screen);
        }
        screen.cover(places(theirs, &words));
        // A table breaks the texts in its columns, so only the letters are compared.
        read.push(if is_table(screen) { letters(&said(&words)) } else { said(&words) });
    }
    read.dedup();
    assert_eq!(read.len(), 1, "every view says the same: {read:#?}");
    marked.dedup();
    assert_eq!(marked.len(), 1, "a colour marks the same at every width: {marked:#?}");
    let shown = views[0].screen.text();
    redact_ports(format!("$ etdi {}\n{shown}\n---- exit code {code}\n", arguments.join(" ")))
}

/// Returns the letters in each colour. Asserts that each coloured text begins as [`COLOURS`]
/// allows.
fn marks(screen: &Screen) -> Vec<(&'static str, String)> {
    let marks = screen.marks();
    for (style, text) in
        marks.iter().filter(|(style, _)| !["", "bold", "dim", "cyan"].contains(style))
    {
        let allowed = COLOURS.iter().filter(|(colour, _)| colour == style);
        let mut allowed = allowed.flat_map(|(_, texts)| texts.iter());
        assert!(allowed.any(|allowed| text.starts_with(allowed)), "{text:?} is in {style}");
    }
    let colours = COLOURS.iter().map(|(colour, _)| *colour).chain(["cyan"]);
    let all = |colour| marks.iter().filter(move |(style, _)| *style == colour);
    let all = |colour| all(colour).map(|(_, text)| &**text).collect::<String>();
    colours.map(|colour| (colour, letters(&redact_ports(all(colour))))).collect()
}

/// Returns the words in their order, without the texts that differ between runs.
fn said(words: &[Word]) -> String {
    let words: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
    redact_ports(redact(&words.join(" ")))
}

/// Returns whether the screen shows tools as a table, which has a row of titles.
fn is_table(screen: &Screen) -> bool {
    screen.text().lines().any(|line| line.starts_with("tool ") && line.ends_with(" findings"))
}

fn letters(said: &str) -> String {
    let mut letters: Vec<_> = said.chars().filter(|c| !c.is_whitespace()).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// Asserts that the terminal breaks a line only in its first word, which is then wider than the
/// terminal.
fn assert_fits(words: &[Word], screen: &Screen) {
    for word in words {
        assert!(!word.is_torn, "a row is too wide at {:?}:\n{}", word.text, screen.text());
    }
}

/// Asserts that the program sent only visible characters, line breaks, styles, and sequences that
/// move or hide the cursor or clear a line. Questions and spinners need these sequences.
fn assert_harmless(screen: &Screen) {
    let text = String::from_utf8(screen.bytes.clone()).unwrap();
    let mut parts = text.split("\u{1b}[");
    let mut seen = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        let (parameters, rest) = part.split_at(end);
        let is_style = rest.starts_with('m');
        let is_redrawn = rest.starts_with(['A', 'B', 'D', 'G', 'K', 'h', 'l']);
        assert!(is_style || is_redrawn, "\\e[{parameters}{:?}", rest.chars().next());
        seen.extend(rest.chars().skip(1));
    }
    let seen = seen.replace("\r\n", "").replace(['\r', '\n'], "");
    assert!(!has_hidden_characters(&seen) && !seen.contains(char::is_control), "{seen:?}");
}

fn has_styles(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split("\u{1b}[").skip(1);
    parts.any(|part| part.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).starts_with('m'))
}

/// Returns the cells that show a text of `theirs`: three or more of its words in a row, or the
/// whole text if it has two words or one long word. If such a part stands between quotation marks,
/// the words with the quotation marks count too.
fn places(theirs: &[String], words: &[Word]) -> Vec<(usize, usize)> {
    let texts: Vec<String> = theirs.iter().map(|text| escaped(text).to_string()).collect();
    let texts: Vec<Vec<&str>> =
        texts.iter().map(|text| text.split_whitespace().collect()).collect();
    let mut starts: HashMap<&str, Vec<&[&str]>> = HashMap::new();
    for text in &texts {
        for at in 0..text.len() {
            starts.entry(text[at]).or_default().push(&text[at..]);
        }
    }
    let wholes: HashSet<*const &str> = texts.iter().map(|text| text.as_ptr()).collect();
    let longest = |rest: &[Word]| {
        let starts = starts.get(&*rest[0].text).into_iter().flatten();
        let runs = starts.map(|text| {
            let run = text.iter().zip(rest).take_while(|(one, word)| **one == word.text).count();
            let is_all = run == text.len() && wholes.contains(&text.as_ptr());
            if run > 2 || (is_all && (run > 1 || text[0].len() > 12)) { run } else { 0 }
        });
        runs.max().unwrap_or_default()
    };
    let (mut covered, mut at) = (vec![false; words.len()], 0);
    while at < words.len() {
        let run = longest(&words[at..]);
        if run > 0 {
            covered[at..at + run].fill(true);
            let before = at.checked_sub(1).filter(|one| words[*one].text.starts_with('"'));
            let after =
                Some(at + run).filter(|one| words.get(*one).is_some_and(|w| w.text.ends_with('"')));
            before.into_iter().chain(after).for_each(|one| covered[one] = true);
        }
        at += run.max(1);
    }
    let covered = words.iter().zip(covered).filter(|(_, covered)| *covered);
    covered.flat_map(|(word, _)| word.cells.iter().copied()).collect()
}

/// Replaces ports by signs. The command line may also name a port.
fn redact_ports(text: String) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '#');
        out.push_str(&format!("127.0.0.1:#####{rest}"));
    }
    out
}

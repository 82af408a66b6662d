//! The four views of one screen: in a terminal of 80 and of 120 columns, plain and in colour; and what
//! holds of every screen.

use std::collections::{HashMap, HashSet};

use etdi_types::text::{escaped, has_hidden_characters};

use crate::folder::Folder;
use crate::terminal::{Screen, Script, Word, redact, run};

/// The four views of one screen. `folder` makes the state that the command finds. Where it says what
/// `theirs` say, the texts of somebody else, the cells are covered.
pub fn views_without(
    theirs: &[String],
    folder: impl Fn() -> Folder,
    arguments: &[&str],
    script: Script<'_>,
    code: i32,
) -> String {
    let mut all = format!("$ etdi {}\n", arguments.join(" "));
    let mut read = Vec::new();
    for columns in [80, 120] {
        let mut plain = run(&folder().set("NO_COLOR", "1"), columns, arguments, script);
        assert_eq!(plain.code, code, "{}", plain.text());
        let mut coloured = run(&folder(), columns, arguments, script);
        assert_eq!(coloured.text(), plain.text(), "colour changes no text");
        assert!(!has_styles(&plain.bytes), "no colour was asked for: {}", plain.text());
        for screen in [&mut plain, &mut coloured] {
            assert_harmless(screen);
            let words = screen.words();
            // What a program reads is not broken into lines.
            if !arguments.contains(&"--json") {
                assert_fits(&words, screen);
            }
            screen.cover(places(theirs, &words));
            // A table breaks what stands in its columns, so there it is the letters that are the same.
            read.push(if is_table(screen) { letters(&words) } else { said(&words) });
        }
        all.push_str(&format!("---- {columns} columns\n{}\n", plain.text()));
        all.push_str(&format!("---- {columns} columns, in colour\n{}\n", coloured.styled()));
    }
    read.dedup();
    assert_eq!(read.len(), 1, "every view says the same: {read:#?}");
    all.push_str(&format!("---- exit code {code}\n"));
    redact_ports(all)
}

/// The words in their order, without what differs from run to run.
fn said(words: &[Word]) -> String {
    let words: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
    redact_ports(redact(&words.join(" ")))
}

/// Whether tools are on the screen as a table, which has a row of titles.
fn is_table(screen: &Screen) -> bool {
    screen.text().lines().any(|line| line.starts_with("tool ") && line.ends_with(" findings"))
}

fn letters(words: &[Word]) -> String {
    let mut letters: Vec<_> = said(words).chars().filter(|c| !c.is_whitespace()).collect();
    letters.sort_unstable();
    letters.into_iter().collect()
}

/// Nothing is broken at the edge of the terminal but a word that is wider than it.
fn assert_fits(words: &[Word], screen: &Screen) {
    for word in words {
        assert!(!word.is_torn, "a row is too wide at {:?}:\n{}", word.text, screen.text());
    }
}

/// What the program sent are characters that a reader sees, line breaks and styles; and what moves the
/// cursor and clears a line, for questions and for what takes longer than a second.
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

/// Where the screen says what `theirs` say: three words of one in a row, or all of it; and where a
/// part of it is quoted, the words that the quotation marks cut.
fn places(theirs: &[String], words: &[Word]) -> Vec<(u16, u16)> {
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

/// The command line itself may name a port.
fn redact_ports(text: String) -> String {
    let mut parts = text.split("127.0.0.1:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '#');
        out.push_str(&format!("127.0.0.1:#####{rest}"));
    }
    out
}

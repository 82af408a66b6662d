//! Finds text that a person cannot read directly, though a model can: escaped, encoded, reversed,
//! with separated letters, or an address in words.

use std::collections::HashSet;
use std::ops::Range;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::fold::{Folded, Word, words};
use super::marks::{ENDINGS, tokens};
use super::{Severity, phrases};

/// The smallest number of escaped letters in a row that is reported. No honest pattern or address
/// has so many.
const ESCAPED: usize = 8;
/// The smallest number of single letters in a row that is reported. No abbreviation has so many.
const APART: usize = 10;
const DIFFERENT: usize = 4;

/// Finds runs of escapes that stand for plain letters, in the original text: `%64%6f`, `\u0064`,
/// `&#100;`. Letters of other writing systems have honest escapes; ASCII letters do not.
pub(super) fn escaped(text: &str) -> Vec<Range<usize>> {
    if !text.contains(['%', '\\', '&']) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let (mut at, mut start, mut letters) = (0, 0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((length, code)) = escape(rest) {
            let plain = char::from_u32(code).filter(|c| c.is_ascii_alphanumeric() || *c == ' ');
            letters += usize::from(plain.is_some());
            at += length;
            continue;
        }
        if letters >= ESCAPED {
            found.push(start..at);
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
        (start, letters) = (at, 0);
    }
    if letters >= ESCAPED {
        found.push(start..at);
    }
    found
}

/// Returns the length of the escape at the start of `text`, and the character that it stands for.
fn escape(text: &str) -> Option<(usize, u32)> {
    // The longest escape is `\u{10ffff}`. The limit keeps the time linear: without it, each start
    // of an unclosed escape would read the rest of the text.
    let head = (0..=10).rev().find_map(|length| text.get(..length)).unwrap_or_default();
    let fixed = |lead: &str, digits: usize| {
        let code = head.strip_prefix(lead)?.get(..digits)?;
        Some((lead.len() + digits, hexadecimal(code)?))
    };
    let closed = |lead: &str, end: char, digits: fn(&str) -> Option<u32>| {
        let (code, _) = head.strip_prefix(lead)?.split_once(end)?;
        Some((lead.len() + code.len() + end.len_utf8(), digits(code)?))
    };
    fixed("%", 2)
        .or_else(|| fixed("\\x", 2))
        .or_else(|| fixed("\\u", 4))
        .or_else(|| closed("\\u{", '}', hexadecimal))
        .or_else(|| closed("&#x", ';', hexadecimal))
        .or_else(|| closed("&#X", ';', hexadecimal))
        .or_else(|| closed("&#", ';', |code| code.parse().ok()))
}

fn hexadecimal(code: &str) -> Option<u32> {
    u32::from_str_radix(code, 16).ok()
}

/// Finds shorter runs of base64 or hexadecimal digits that decode to words, in the original text. A
/// digest or a key does not decode to words. Longer runs are found by their length.
pub(super) fn encoded(text: &str) -> Vec<Range<usize>> {
    tokens(text, |c| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '-' | '_'))
        .filter(|range| {
            let run = text.get(range.clone()).unwrap_or_default();
            run.len() >= 24 && (decoded_hex(run).or_else(|| decoded_base64(run))).is_some()
        })
        .collect()
}

fn decoded_hex(run: &str) -> Option<Vec<u8>> {
    let digits = run.strip_prefix("0x").unwrap_or(run);
    hex::decode(digits).ok().filter(|bytes| is_words(bytes))
}

/// Accepts any padding and any trailing bits: a model also decodes text that is almost correct.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn decoded_base64(run: &str) -> Option<Vec<u8>> {
    let whole = run.get(..run.len() - usize::from(run.len() % 4 == 1))?;
    let standard = whole.replace('-', "+").replace('_', "/");
    LENIENT.decode(standard).ok().filter(|bytes| is_words(bytes))
}

/// Returns whether the bytes are plain text: printable, mostly letters, with a space.
fn is_words(bytes: &[u8]) -> bool {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
        && bytes.contains(&b' ')
        && letters * 2 >= bytes.len()
}

/// Finds many single letters in a row: "d o  n o t", "d.o n.o.t". Ranges are of the folded text
/// that the words come from.
pub(super) fn letters_apart(folded: &str, words: &[Word]) -> Vec<Range<usize>> {
    let letter = |word: &Word| {
        let spelled = folded.get(word.start..word.end)?;
        let mut chars = spelled.chars();
        chars.next().filter(|c| c.is_alphabetic() && chars.next().is_none())
    };
    let mut found = Vec::new();
    let mut run: Option<(Range<usize>, usize, HashSet<char>)> = None;
    let mut close = |run: Option<(Range<usize>, usize, HashSet<char>)>| {
        // Leave out an alphabet, which has each letter once, and a row with fewer than `DIFFERENT`
        // different letters.
        found.extend(
            run.filter(|(_, count, of)| *count >= APART && (DIFFERENT..*count).contains(&of.len()))
                .map(|run| run.0),
        );
    };
    for word in words {
        let Some(c) = letter(word) else {
            close(run.take());
            continue;
        };
        let near = run.as_ref().is_some_and(|(range, ..)| {
            let between = folded.get(range.end..word.start).unwrap_or_default();
            between.len() <= 4 && between.chars().all(|c| " \n._-".contains(c))
        });
        if !near {
            close(run.take());
        }
        let (range, count, of) =
            run.get_or_insert_with(|| (word.start..word.end, 0, HashSet::new()));
        range.end = word.end;
        *count += 1;
        of.insert(c);
    }
    close(run);
    found
}

/// Finds phrases above `Low`, such as orders, that are written backwards or with each letter
/// shifted by thirteen (ROT13). Ranges are of the folded text.
pub(super) fn turned(folded: &Folded) -> Vec<Range<usize>> {
    let text = &folded.text;
    let heavy = |text: &str| -> Vec<Range<usize>> {
        let matches = phrases::matches(&words(text, phrases::id)).into_iter();
        let heavy = matches.filter(|(_, severity, ..)| *severity > Severity::Low);
        heavy.map(|(_, _, first, last)| first.start..last.end).collect()
    };
    let backwards: String = text.chars().rev().collect();
    let mut found: Vec<_> = heavy(&backwards)
        .into_iter()
        .map(|range| text.len() - range.end..text.len() - range.start)
        .collect();
    found.extend(heavy(&text.chars().map(rot13).collect::<String>()));
    found
}

fn rot13(c: char) -> char {
    let turn = |c: u8, first: u8| char::from(first + (c - first + 13) % 26);
    match u8::try_from(c) {
        Ok(c @ b'a'..=b'z') => turn(c, b'a'),
        Ok(c @ b'A'..=b'Z') => turn(c, b'A'),
        _ => c,
    }
}

/// Finds addresses whose dots are words or are in brackets: "evil dot example dot com",
/// "evil[.]com". Ranges are of the folded text that the words come from.
pub(super) fn spelled_addresses(folded: &str, words: &[Word]) -> Vec<Range<usize>> {
    let spelled = |at: usize| {
        words.get(at).and_then(|word| folded.get(word.start..word.end)).unwrap_or_default()
    };
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = words.get(at) {
        let (mut last, mut dots) = (at, 0);
        loop {
            let between = words
                .get(last)
                .zip(words.get(last + 1))
                .and_then(|(word, next)| folded.get(word.end..next.start).map(str::trim));
            if matches!(between, Some("[.]" | "(.)" | "{.}")) {
                (last, dots) = (last + 1, dots + 2);
            } else if spelled(last + 1) == "dot" && !spelled(last + 2).is_empty() {
                (last, dots) = (last + 2, dots + 1);
            } else {
                break;
            }
        }
        // "The dot example" is not an address; "mail dot example dot net" is an address.
        let unmistakable =
            dots >= 2 || matches!(spelled(last), "com" | "org" | "io" | "ru" | "cn" | "xyz");
        if dots > 0 && unmistakable && ENDINGS.contains(&spelled(last)) {
            found.extend(words.get(last).map(|last| first.start..last.end));
        }
        at = last + 1;
    }
    found
}

//! Folds text to the form that a reader sees: spellings that look alike become the same text.

use std::collections::HashMap;

use etdi_types::text::is_hidden;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

/// A text in compatibility decomposition (NFKD), in lower case, without marks and hidden
/// characters. Letters are replaced by their look-alikes (UTS 39). Line breaks stay; any other
/// white space becomes one space.
pub(super) struct Folded {
    pub(super) text: String,
    /// For each byte of `text`, its place in the original.
    origins: Vec<u32>,
    /// A cache of the look-alikes of letters outside ASCII: the search for them is slow, and texts
    /// repeat letters.
    looks: HashMap<char, String>,
}

impl Folded {
    pub(super) fn new(original: &str) -> Self {
        let mut folded = Self {
            text: String::with_capacity(original.len()),
            origins: Vec::with_capacity(original.len()),
            looks: HashMap::new(),
        };
        for (at, c) in original.char_indices() {
            folded.push(at, c);
        }
        folded
    }

    fn push(&mut self, at: usize, c: char) {
        if c.is_ascii_graphic() {
            self.text.push(c.to_ascii_lowercase());
        } else if matches!(c, '\n' | '\u{2028}' | '\u{2029}' | '\u{85}') {
            self.text.push('\n');
        } else if c.is_whitespace() {
            if !self.text.ends_with(' ') {
                self.text.push(' ');
            }
        } else if !is_hidden(c) {
            for plain in std::iter::once(c).nfkd().filter(|c| !is_combining_mark(*c)) {
                self.push_letter(plain);
            }
        }
        self.origins.resize(self.text.len(), u32::try_from(at).unwrap_or(u32::MAX));
    }

    fn push_letter(&mut self, c: char) {
        if c.is_ascii() {
            self.text.push(c.to_ascii_lowercase());
            return;
        }
        let looks = self.looks.entry(c).or_insert_with(|| {
            let lower: String = c.to_lowercase().collect();
            skeleton(&lower).flat_map(char::to_lowercase).collect()
        });
        self.text.push_str(looks);
    }

    /// Returns the place in the original of a byte of `text`.
    pub(super) fn origin(&self, at: usize) -> usize {
        self.origins.get(at).map_or(usize::MAX, |origin| *origin as usize)
    }
}

/// One word of a folded text.
#[derive(Clone, Copy)]
pub(super) struct Word {
    /// Its number in the vocabulary; `None` for a word outside the vocabulary.
    pub(super) id: Option<u16>,
    /// Its start in the folded text.
    pub(super) start: usize,
    /// Its end.
    pub(super) end: usize,
    /// The start of its sentence in the folded text.
    pub(super) sentence: usize,
}

/// Splits a folded text into words: letters and digits, with apostrophes dropped.
pub(super) fn words(folded: &str, id: impl Fn(&str) -> Option<u16>) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut sentence, mut fresh) = (0, true);
    let mut spelled = String::new();
    let mut chars = folded.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if !c.is_alphanumeric() {
            let after_stop = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
            fresh |= matches!(c, '\n' | ';' | '\u{3002}')
                || (after_stop && matches!(c, '.' | '!' | '?' | ':'));
            continue;
        }
        if fresh {
            (sentence, fresh) = (start, false);
        }
        spelled.clear();
        spelled.push(alike(c));
        let mut end = start + c.len_utf8();
        while let Some((at, c)) = chars.next_if(|(_, c)| c.is_alphanumeric() || is_apostrophe(*c)) {
            end = at + c.len_utf8();
            if !is_apostrophe(c) {
                spelled.push(alike(c));
            }
        }
        words.push(Word { id: id(&spelled), start, end, sentence });
    }
    words
}

/// Returns a word in the spelling of the vocabulary, where a digit is the letter that it looks
/// like.
pub(super) fn spelling(word: &str) -> String {
    word.chars().map(alike).collect()
}

fn alike(c: char) -> char {
    match c {
        'i' | '1' | '|' => 'l',
        '0' => 'o',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        c => c,
    }
}

pub(super) fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '`')
}

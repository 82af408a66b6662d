//! Finds phrases among words.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::fold::{Word, spelling};
use super::phrasebook::PHRASES;
use super::{Rule, Severity};

/// Returns the phrases that `words` contain: rule, severity, first and last word.
pub(super) fn matches(words: &[Word]) -> Vec<(Rule, Severity, Word, Word)> {
    let book = &*BOOK;
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some(starting) = word.id.and_then(|id| book.starting.get(&id)) else {
            continue;
        };
        for phrase in starting.iter().filter_map(|index| book.phrases.get(*index)) {
            if let Some(last) = phrase.end(words, at) {
                found.push((phrase.rule, phrase.severity, *word, last));
            }
        }
    }
    found
}

/// Returns the number of a word in the vocabulary of all phrases.
pub(super) fn id(word: &str) -> Option<u16> {
    BOOK.vocabulary.get(word).copied()
}

struct Book {
    vocabulary: HashMap<String, u16>,
    phrases: Vec<Phrase>,
    /// The phrases that may start with a word.
    starting: HashMap<u16, Vec<usize>>,
}

struct Phrase {
    rule: Rule,
    severity: Severity,
    /// For each step, the number of other words that may come before it, and its alternatives.
    steps: Vec<(usize, HashSet<u16>)>,
}

impl Phrase {
    /// Returns the last word of the phrase if the phrase starts at `at`.
    fn end(&self, words: &[Word], at: usize) -> Option<Word> {
        self.steps_end(words, at, self.steps.get(1..).unwrap_or_default())
    }

    fn steps_end(&self, words: &[Word], at: usize, rest: &[(usize, HashSet<u16>)]) -> Option<Word> {
        let Some(((gap, step), rest)) = rest.split_first() else {
            return words.get(at).copied();
        };
        (at + 1..=at + 1 + gap)
            .filter(|next| {
                words.get(*next).and_then(|word| word.id).is_some_and(|id| step.contains(&id))
            })
            .find_map(|next| self.steps_end(words, next, rest))
    }
}

static BOOK: LazyLock<Book> = LazyLock::new(|| {
    let mut book =
        Book { vocabulary: HashMap::new(), phrases: Vec::new(), starting: HashMap::new() };
    for (rule, severity, text) in PHRASES {
        let (mut steps, mut gap) = (Vec::new(), 0);
        for part in text.split(' ') {
            if let Some(count) = part.strip_prefix('~') {
                gap = count.parse().unwrap_or(0);
                continue;
            }
            let ids: HashSet<u16> = part.split('|').map(|word| book.number(word)).collect();
            steps.push((std::mem::take(&mut gap), ids));
        }
        let index = book.phrases.len();
        if let Some((_, first)) = steps.first() {
            first.iter().for_each(|id| book.starting.entry(*id).or_default().push(index));
        }
        book.phrases.push(Phrase { rule: *rule, severity: *severity, steps });
    }
    book
});

impl Book {
    fn number(&mut self, word: &str) -> u16 {
        let next = u16::try_from(self.vocabulary.len()).unwrap_or(u16::MAX);
        *self.vocabulary.entry(spelling(word)).or_insert(next)
    }
}

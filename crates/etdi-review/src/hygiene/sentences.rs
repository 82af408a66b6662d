//! A text as a reader sees it: folded, in words and sentences.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::collector::{Collector, Hit, Passage};
use super::fold::{Folded, Word, is_apostrophe, words};
use super::language::{self, Enough};
use super::{Rule, Severity, disguise, marks, phrases};
use crate::place::Place;

/// The greatest distance from "send" to its address, in bytes.
const REACH: usize = 160;
/// The number of words on each side of a match that must be unchanged for the match to count as
/// old, if line or sentence breaks have moved.
const CLOSE: usize = 8;

/// A text as a reader sees it: folded, in words and sentences.
pub(super) struct Sentences {
    folded: Folded,
    words: Vec<Word>,
}

impl Sentences {
    pub(super) fn new(text: &str) -> Self {
        let folded = Folded::new(text);
        let words = words(&folded.text, phrases::id);
        Self { folded, words }
    }

    pub(super) fn look(&self, passage: &Passage<'_, '_>, collector: &mut Collector<'_>) {
        let mut addresses = marks::addresses(&self.folded.text);
        addresses.extend(disguise::spelled_addresses(&self.folded.text, &self.words));
        addresses.sort_unstable_by_key(|address| address.start);
        // One hit for each rule and sentence: the most severe of the new hits.
        let mut hits: BTreeMap<(usize, Rule), (Severity, Range<usize>)> = BTreeMap::new();
        for (rule, severity, range) in self.matches(&addresses) {
            if !collector.is_new(rule, passage.region, || self.around(&range)) {
                continue;
            }
            let sentence = self.sentence(range.start);
            let worst = hits.entry((sentence, rule)).or_insert_with(|| (severity, range.clone()));
            if severity > worst.0 {
                *worst = (severity, range);
            }
        }
        for ((sentence, rule), (severity, range)) in hits {
            let key = self.spoken(sentence..self.end(sentence));
            collector.add(Hit::of(rule, severity, key, self.original(&range)), passage);
        }
        let mut listed = HashSet::new();
        for address in addresses {
            let original = self.original(&address);
            // Two addresses that only look the same are different addresses.
            let key = passage.text.get(original.clone()).unwrap_or_default();
            // `_meta` keys are prefixed with host names.
            let is_prefix = passage.is_name && !key.contains("://");
            if !is_prefix && !marks::is_schema_dialect(key) && listed.insert(key) {
                collector.add(Hit::of(Rule::Url, Severity::Low, key, original), passage);
            }
        }
        self.languages(passage, collector);
    }

    fn languages(&self, passage: &Passage<'_, '_>, collector: &mut Collector<'_>) {
        let enough = if collector.remembers() { Enough::ToRemember } else { Enough::ToReport };
        let mut found = language::scripts(passage.text, enough);
        let latin = language::languages(&self.folded.text, &self.words, enough).into_iter();
        found.extend(latin.map(|(name, range)| (name, self.original(&range))));
        // A language that one part of the tool uses is not new in another part.
        let anywhere = Passage { region: Place::Tool, ..*passage };
        for (name, range) in found {
            collector.add(Hit::of(Rule::OtherLanguage, Severity::Low, name, range), &anywhere);
        }
    }

    /// Returns all matches of the rules for sentences, with their place in the folded text.
    fn matches(&self, addresses: &[Range<usize>]) -> Vec<(Rule, Severity, Range<usize>)> {
        let phrases = phrases::matches(&self.words).into_iter();
        let mut found: Vec<_> = phrases
            .map(|(rule, severity, first, last)| (rule, severity, first.start..last.end))
            .collect();
        let markup = marks::markup(&self.folded.text).into_iter();
        found.extend(markup.map(|(severity, at)| (Rule::InstructionMarkup, severity, at)));
        let files = marks::secret_files(&self.folded.text).into_iter();
        found.extend(files.map(|(severity, at)| (Rule::MentionsSecret, severity, at)));
        let disguised = disguise::letters_apart(&self.folded.text, &self.words).into_iter();
        let disguised = disguised.chain(disguise::turned(&self.folded));
        found.extend(disguised.map(|at| (Rule::EncodedBlob, Severity::Medium, at)));
        let mut sending = self.words.iter().filter(|word| self.sends(word)).peekable();
        for address in addresses {
            let mut close = None;
            while let Some(word) = sending.next_if(|word| word.start < address.start) {
                close = Some(word);
            }
            if let Some(word) = close.filter(|word| address.start - word.start <= REACH) {
                found.push((Rule::SendsElsewhere, Severity::Medium, word.start..address.end));
            }
        }
        found
    }

    fn sends(&self, word: &Word) -> bool {
        let word = self.folded.text.get(word.start..word.end).unwrap_or_default();
        matches!(
            word,
            "send"
                | "sends"
                | "sending"
                | "forward"
                | "upload"
                | "transmit"
                | "exfiltrate"
                | "leak"
                | "bcc"
                | "cc"
                | "deliver"
                | "report"
                | "post"
                | "copy"
                | "submit"
                | "mail"
                | "email"
        )
    }

    /// Returns the start of the sentence around `at`.
    fn sentence(&self, at: usize) -> usize {
        let after = self.words.partition_point(|word| word.start <= at);
        // Markup comes before the words that it is about.
        self.words.get(after.saturating_sub(1)).map_or(0, |word| word.sentence)
    }

    /// Returns the end of the sentence that starts at `start`.
    fn end(&self, start: usize) -> usize {
        let next = self.words.partition_point(|word| word.sentence <= start);
        self.words.get(next).map_or(self.folded.text.len(), |word| word.sentence)
    }

    /// Returns the words in a range, without the punctuation and the line breaks between them.
    fn spoken(&self, range: Range<usize>) -> String {
        let first = self.words.partition_point(|word| word.start < range.start);
        let last = self.words.partition_point(|word| word.start < range.end);
        self.joined(first..last)
    }

    /// Returns the words of a match and the words close to it.
    fn around(&self, range: &Range<usize>) -> String {
        let first = self.words.partition_point(|word| word.end <= range.start);
        let last = self.words.partition_point(|word| word.start < range.end);
        self.joined(first.saturating_sub(CLOSE)..last.saturating_add(CLOSE).min(self.words.len()))
    }

    fn joined(&self, range: Range<usize>) -> String {
        let mut joined = String::new();
        for word in self.words.get(range).unwrap_or_default() {
            let word = self.folded.text.get(word.start..word.end).unwrap_or_default();
            joined.extend(word.chars().filter(|c| !is_apostrophe(*c)));
            joined.push(' ');
        }
        joined
    }

    fn original(&self, folded: &Range<usize>) -> Range<usize> {
        let last = self.folded.origin(folded.end.saturating_sub(1));
        self.folded.origin(folded.start)..last.saturating_add(1)
    }
}

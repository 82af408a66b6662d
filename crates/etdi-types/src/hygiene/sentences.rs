//! A text as it is read: folded, in words and sentences.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::fold::{Folded, Word, words};
use super::report::{Context, Hit, Report};
use super::{Rule, Severity, marks, phrases};

/// How far after "send" an address still belongs to it, in bytes.
const REACH: usize = 160;

/// A text as it is read: folded, in words and sentences.
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

    pub(super) fn look(&self, context: &Context<'_, '_>, report: &mut Report<'_>) {
        // One hit for each rule and sentence: the worst.
        let mut hits: BTreeMap<(usize, Rule), (Severity, Range<usize>)> = BTreeMap::new();
        let mut note = |rule, severity, sentence, range: Range<usize>| {
            let worst = hits.entry((sentence, rule)).or_insert_with(|| (severity, range.clone()));
            if severity > worst.0 {
                *worst = (severity, range);
            }
        };
        for (rule, severity, first, last) in phrases::matches(&self.words) {
            note(rule, severity, first.sentence, first.start..last.end);
        }
        for (severity, range) in marks::markup(&self.folded.text) {
            note(Rule::InstructionMarkup, severity, self.sentence(range.start), range);
        }
        for (severity, range) in marks::secret_files(&self.folded.text) {
            note(Rule::MentionsSecret, severity, self.sentence(range.start), range);
        }
        let addresses = marks::addresses(&self.folded.text);
        let mut sending = self.words.iter().filter(|word| self.sends(word)).peekable();
        for address in &addresses {
            let mut close = None;
            while let Some(word) = sending.next_if(|word| word.start < address.start) {
                close = Some(word);
            }
            if let Some(word) = close.filter(|word| address.start - word.start <= REACH) {
                let sentence = self.sentence(word.start);
                note(Rule::SendsElsewhere, Severity::Medium, sentence, word.start..address.end);
            }
        }
        for ((sentence, rule), (severity, range)) in hits {
            let key = self.folded.text.get(sentence..self.end(sentence)).unwrap_or_default();
            report.add(Hit::of(rule, severity, key.trim(), self.original(&range)), context);
        }
        let mut listed = HashSet::new();
        for address in addresses {
            let original = self.original(&address);
            // Two addresses that look the same are two.
            let key = context.text.get(original.clone()).unwrap_or_default();
            // `_meta` keys are prefixed with host names.
            let is_prefix = context.is_name && !key.contains("://");
            if !is_prefix && !marks::is_schema_dialect(key) && listed.insert(key) {
                report.add(Hit::of(Rule::Url, Severity::Low, key, original), context);
            }
        }
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

    /// Where the sentence around `at` starts.
    fn sentence(&self, at: usize) -> usize {
        let after = self.words.partition_point(|word| word.start <= at);
        // Markup stands before the words that it is about.
        self.words.get(after.saturating_sub(1)).map_or(0, |word| word.sentence)
    }

    /// Where the sentence that starts at `start` ends.
    fn end(&self, start: usize) -> usize {
        let next = self.words.partition_point(|word| word.sentence <= start);
        self.words.get(next).map_or(self.folded.text.len(), |word| word.sentence)
    }

    fn original(&self, folded: &Range<usize>) -> Range<usize> {
        let last = self.folded.origin(folded.end.saturating_sub(1));
        self.folded.origin(folded.start)..last.saturating_add(1)
    }
}

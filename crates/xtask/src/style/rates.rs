//! The words that count, and the limits of their rates.

use std::fmt::Write as _;

use super::prose::{Text, sentences, words};

/// Words that must not begin a sentence, because its subject must be a noun.
const BEGINNINGS: &[&str] = &["what", "whoever", "whatever", "that", "of"];

/// Words that negate a whole sentence.
const NEGATIONS: &[&str] = &["nobody", "nothing", "none", "nowhere"];

/// The largest number of negations in 1,000 words.
const MOST_NEGATIONS: f64 = 3.5;

/// The counts of the texts of one kind.
pub(super) struct Rates {
    pub(super) kind: &'static str,
    words: usize,
    beginnings: Vec<String>,
    negations: Vec<String>,
    is_no: Vec<String>,
}

impl Rates {
    pub(super) fn of<'t>(kind: &'static str, texts: impl Iterator<Item = &'t Text>) -> Self {
        let mut rates = Self {
            kind,
            words: 0,
            beginnings: Vec::new(),
            negations: Vec::new(),
            is_no: Vec::new(),
        };
        for text in texts {
            rates.add(text);
        }
        rates
    }

    fn add(&mut self, text: &Text) {
        for sentence in sentences(&text.text) {
            let lower = sentence.to_lowercase();
            let words: Vec<_> = words(&lower).collect();
            let found = || format!("{}:{}: {sentence}", text.file, text.line);
            self.words += words.len();
            let begins = words.first().is_some_and(|word| BEGINNINGS.contains(word));
            if begins && words.len() > 2 && !sentence.ends_with('?') {
                self.beginnings.push(found());
            }
            let negations = words.iter().filter(|word| NEGATIONS.contains(word));
            self.negations.extend(negations.map(|_| found()));
            let is_no = words.windows(2).filter(|pair| *pair == ["is", "no"]);
            self.is_no.extend(is_no.map(|_| found()));
        }
    }

    fn per_thousand(&self, count: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts of words are small")]
        let rate = 1000.0 * count as f64 / self.words.max(1) as f64;
        rate
    }

    /// Returns the sentences that put a rate over its limit; with `all`, each sentence that counts.
    pub(super) fn shown(&self, all: bool) -> impl Iterator<Item = &String> {
        let negations = all || self.per_thousand(self.negations.len()) > MOST_NEGATIONS;
        let negations = negations.then_some(&self.negations).into_iter().flatten();
        self.beginnings.iter().chain(&self.is_no).chain(negations)
    }
}

/// Returns a row for each kind.
pub(super) fn table(rates: &[Rates]) -> String {
    let mut table = format!(
        "{:<15} {:>8} {:>16} {:>8} {:>26}\n{:<15} {:>8} {:>16} {:>8} {:>26}\n",
        "",
        "words",
        "`What …, That …`",
        "`is no`",
        "`nobody, nothing, none`",
        "limit",
        "",
        0,
        0,
        format!("{MOST_NEGATIONS} in 1,000"),
    );
    for rate in rates {
        let Rates { kind, words, beginnings, negations, is_no } = rate;
        let _ = writeln!(
            table,
            "{kind:<15} {words:>8} {:>16} {:>8} {:>26}",
            beginnings.len(),
            is_no.len(),
            format!("{} = {:.1} in 1,000", negations.len(), rate.per_thousand(negations.len())),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::TextKind;
    use super::*;

    fn rates(text: &str) -> Rates {
        let text =
            Text { kind: TextKind::Pages, file: "a.md".to_owned(), line: 3, text: text.to_owned() };
        Rates::of("pages", [&text].into_iter())
    }

    #[test]
    fn a_sentence_without_a_subject_is_found_and_a_question_is_not() {
        let found = rates(
            "What is read counts. What is it? A: that. That it is so. It is what counts. Of it",
        );
        assert_eq!(found.beginnings, ["a.md:3: What is read counts.", "a.md:3: That it is so."]);
    }

    #[test]
    fn negations_are_counted_in_a_thousand_words() {
        let found = rates("There is no file, and nobody reads none. No file is read.");
        assert_eq!((found.is_no.len(), found.negations.len(), found.words), (1, 2, 12));
        assert_eq!(found.shown(false).count(), 3);
        assert_eq!(rates(&format!("{}nothing", "word ".repeat(999))).shown(false).count(), 0);
        assert_eq!(rates(&format!("{}nothing", "word ".repeat(199))).shown(false).count(), 1);
    }
}

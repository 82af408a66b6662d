//! Findings about a text, the worst first. Findings in approved text are counted on one line.

use etdi::hygiene::{Finding, Severity};
use etdi::review::Review;
use etdi::text::escaped;
use serde_json::{Value, json};

use crate::context::Context;
use crate::terminal::line::Line;

/// The findings in a definition or in instructions. The flag says whether the text of a finding was
/// approved and did not change.
pub(crate) struct ShownFindings(Vec<(Finding, bool)>);

impl ShownFindings {
    /// Creates the list. `review` is the change since the approval, if there is one.
    pub(crate) fn new(found: Vec<Finding>, review: Option<&Review>) -> Self {
        let approved = |path: &str| review.is_some_and(|review| !review.touches(path));
        let with = |finding: Finding| {
            let approved = approved(&finding.path);
            (finding, approved)
        };
        Self(found.into_iter().map(with).collect())
    }

    /// Counts the findings of this severity, in approved text too.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|(finding, _)| finding.severity == severity).count()
    }

    /// Prints all findings.
    pub(crate) fn show(&self, context: &Context) {
        show(self.0.iter().map(|(finding, _)| finding), context);
    }

    /// Prints the findings in new or changed text, and the number of the others. `command` shows all of
    /// them.
    pub(crate) fn show_new(&self, command: &str, context: &Context) {
        let of = |approved: bool| self.0.iter().filter(move |(_, is)| *is == approved);
        show(of(false).map(|(finding, _)| finding), context);
        let count = |severity| of(true).filter(|(one, _)| one.severity == severity).count();
        let Some(counts) = counts(count) else { return };
        let (total, plural) = match of(true).count() {
            1 => (1, ""),
            more => (more, "s"),
        };
        let what = format!("  {total} finding{plural} in text that was approved ({counts}): ");
        context.out.indented(Line::new().dim(what).command(command), 4);
    }

    pub(crate) fn json(&self) -> Value {
        let one = |(finding, approved): &(Finding, bool)| {
            let mut answer = json!(finding);
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("in_approved_text".to_owned(), json!(approved));
            }
            answer
        };
        self.0.iter().map(one).collect()
    }
}

/// Returns the number of findings of each severity, in words. `None` if there are no findings.
pub(crate) fn counts(count: impl Fn(Severity) -> usize) -> Option<String> {
    let all = [Severity::High, Severity::Medium, Severity::Low];
    let some = all.map(|severity| (count(severity), severity)).into_iter().filter(|(n, _)| *n > 0);
    let words: Vec<_> = some.map(|(n, severity)| format!("{n} {severity}")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Prints each finding on a line of its own.
pub(crate) fn show<'f>(findings: impl IntoIterator<Item = &'f Finding>, context: &Context) {
    for finding in findings {
        let line = Line::new().text("  ");
        let line = match finding.severity {
            Severity::High => line.bad("high   "),
            Severity::Medium => line.warn("medium "),
            Severity::Low => line.dim("low    "),
        };
        let place = format!("{} at {}: ", finding.rule, escaped(&finding.path));
        let line = line.text(place).text(finding.rule.explanation()).text(": \"");
        context.out.indented(line.theirs(&finding.excerpt).text("\""), 9);
    }
}

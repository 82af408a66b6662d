//! Collects the results of a pass over a definition.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use etdi_types::diff::push_segment;

use super::{Finding, Rule, Severity};
use crate::place::Place;

/// The most findings of one rule and one severity; further findings are left out.
const OF_ONE_KIND: usize = 64;
const EXCERPT: usize = 160;
/// The most bytes of a finding's pointer.
pub(crate) const POINTER: usize = 1024;

/// The matches in a definition's texts, by rule: used to find the new matches in another
/// definition.
#[derive(Debug, Default)]
pub(crate) struct SeenTexts {
    /// The sentences, names and addresses that contain a match.
    whole: HashSet<HitKey>,
    /// The words around each match, independent of line and sentence breaks.
    around: HashSet<HitKey>,
}

type HitKey = (Rule, Place, String);

/// The results of a pass.
pub(crate) struct Collector<'s> {
    collected: Collected<'s>,
}

enum Collected<'s> {
    Keys(SeenTexts),
    Findings {
        beside: Option<&'s SeenTexts>,
        list: Vec<Finding>,
        counts: HashMap<(Rule, Severity), usize>,
    },
}

impl<'s> Collector<'s> {
    /// Returns a collector that remembers matches and does not list them.
    pub(crate) fn remembering() -> Self {
        Self { collected: Collected::Keys(SeenTexts::default()) }
    }

    /// Returns a collector that lists the matches that are not in `beside`.
    pub(crate) fn listing(beside: Option<&'s SeenTexts>) -> Self {
        Self { collected: Collected::Findings { beside, list: Vec::new(), counts: HashMap::new() } }
    }

    pub(crate) fn into_seen(self) -> SeenTexts {
        match self.collected {
            Collected::Keys(seen) => seen,
            Collected::Findings { .. } => SeenTexts::default(),
        }
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        match self.collected {
            Collected::Keys(_) => Vec::new(),
            Collected::Findings { list, .. } => list,
        }
    }

    /// Returns whether matches are only remembered.
    pub(super) fn remembers(&self) -> bool {
        matches!(self.collected, Collected::Keys(_))
    }

    /// Returns whether a match is new, by the words `around` it. A remembering collector stores
    /// these words.
    pub(super) fn is_new(
        &mut self,
        rule: Rule,
        region: Place,
        around: impl FnOnce() -> String,
    ) -> bool {
        match &mut self.collected {
            Collected::Keys(seen) => {
                seen.around.insert((rule, region, around()));
                true
            }
            Collected::Findings { beside, .. } => {
                beside.is_none_or(|seen| !seen.around.contains(&(rule, region, around())))
            }
        }
    }

    pub(super) fn add(&mut self, hit: Hit<'_>, passage: &Passage<'_, '_>) {
        let key = (hit.rule, passage.region, hit.key.into_owned());
        match &mut self.collected {
            Collected::Keys(seen) => {
                seen.whole.insert(key);
            }
            Collected::Findings { beside, list, counts } => {
                let count = counts.entry((hit.rule, hit.severity)).or_default();
                if *count >= OF_ONE_KIND || beside.is_some_and(|seen| seen.whole.contains(&key)) {
                    return;
                }
                *count += 1;
                list.push(Finding {
                    rule: hit.rule,
                    severity: hit.severity,
                    path: passage.pointer(),
                    excerpt: excerpt(passage.text, hit.range),
                });
            }
        }
    }
}

pub(super) struct Passage<'c, 'v> {
    pub(super) text: &'c str,
    /// Whether the text is the name of a member.
    pub(super) is_name: bool,
    pub(super) path: &'c [Cow<'v, str>],
    pub(super) region: Place,
}

impl Passage<'_, '_> {
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for name in self.path {
            let whole = pointer.len();
            push_segment(&mut pointer, name);
            if pointer.len() > POINTER {
                pointer.truncate(whole);
                break;
            }
        }
        pointer
    }
}

/// Returns the part of the tool that `path` leads into. Matches are compared only within a part:
/// the same words in another part are new.
pub(super) fn region(path: &[Cow<'_, str>]) -> Place {
    path.first().map_or(Place::Tool, |name| Place::Tool.step(name))
}

pub(super) struct Hit<'t> {
    rule: Rule,
    severity: Severity,
    /// The text that identifies the hit: two hits of one rule with the same key are the same match.
    key: Cow<'t, str>,
    /// The place in the original text.
    range: Range<usize>,
}

impl<'t> Hit<'t> {
    pub(super) fn of(
        rule: Rule,
        severity: Severity,
        key: impl Into<Cow<'t, str>>,
        range: Range<usize>,
    ) -> Self {
        Self { rule, severity, key: key.into(), range }
    }
}

/// Returns the text around `range`, at most [`EXCERPT`] bytes of it.
fn excerpt(text: &str, range: Range<usize>) -> String {
    let start = boundary(text, range.start.saturating_sub(24));
    let end = range.end.saturating_add(24).min(start + EXCERPT);
    text.get(start..boundary(text, end)).unwrap_or_default().to_owned()
}

/// Returns the last character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

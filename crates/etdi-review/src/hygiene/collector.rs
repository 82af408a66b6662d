//! What a pass over a definition collects.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use etdi_types::diff::push_segment;

use super::{Finding, Rule, Severity};
use crate::place::Place;

/// Findings of one rule and one severity beyond this many are left out.
const OF_ONE_KIND: usize = 64;
const EXCERPT: usize = 160;
/// A finding's pointer has at most so many bytes.
pub(crate) const POINTER: usize = 1024;

/// What a definition's texts say, by rule: to tell what is new in another one.
#[derive(Debug, Default)]
pub(crate) struct SeenTexts {
    /// Sentences, names, addresses: what a rule matched in.
    whole: HashSet<HitKey>,
    /// What stands around each match, wherever lines and sentences end.
    around: HashSet<HitKey>,
}

type HitKey = (Rule, Place, String);

/// What a pass collects.
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
    /// Remembers what was said, without listing it.
    pub(crate) fn remembering() -> Self {
        Self { collected: Collected::Keys(SeenTexts::default()) }
    }

    /// Lists what `beside` does not hold.
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

    /// Whether what is said is only remembered.
    pub(super) fn remembers(&self) -> bool {
        matches!(self.collected, Collected::Keys(_))
    }

    /// Whether a match is new, by the words `around` it. Remembers them, if that is what the pass is
    /// for.
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

/// The part of the tool that `path` leads into: what one part says says nothing of another.
pub(super) fn region(path: &[Cow<'_, str>]) -> Place {
    path.first().map_or(Place::Tool, |name| Place::Tool.step(name))
}

pub(super) struct Hit<'t> {
    rule: Rule,
    severity: Severity,
    /// What makes two hits of a rule the same.
    key: Cow<'t, str>,
    /// Where, in the text as it stands.
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

/// What stands around `range`, at most [`EXCERPT`] bytes of it.
fn excerpt(text: &str, range: Range<usize>) -> String {
    let start = boundary(text, range.start.saturating_sub(24));
    let end = range.end.saturating_add(24).min(start + EXCERPT);
    text.get(start..boundary(text, end)).unwrap_or_default().to_owned()
}

/// The last place before `at`, or there, where a character starts.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

//! One pass over the strings and member names of a definition.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use etdi_types::confusable::name_key;
use etdi_types::json::Value;

use super::collector::{Collector, Hit, Passage, region};
use super::names::{ToolNames, is_compound};
use super::sentences::Sentences;
use super::{Rule, Severity, disguise, marks};
use crate::place::Place;

/// Scans a whole definition.
pub(crate) fn scan(value: &Value<'_>, names: &ToolNames, collector: &mut Collector<'_>) {
    let own = value.as_object().and_then(|tool| tool.get("name")?.as_str());
    let scanner = Scanner { names, own: own.unwrap_or_default() };
    scanner.scan(&mut Vec::new(), Place::of_document(value), value, collector);
}

/// The state of one pass over a definition.
pub(crate) struct Scanner<'n> {
    pub(crate) names: &'n ToolNames,
    /// The name of the tool that is scanned.
    pub(crate) own: &'n str,
}

impl Scanner<'_> {
    /// Scans `value`, whose place is `path`.
    pub(crate) fn scan<'v>(
        &self,
        path: &mut Vec<Cow<'v, str>>,
        place: Place,
        value: &'v Value<'_>,
        collector: &mut Collector<'_>,
    ) {
        match value {
            Value::String(text) => self.text(path, place, text, collector),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let index = index.to_string();
                    let place = place.step(&index);
                    path.push(index.into());
                    self.scan(path, place, element, collector);
                    path.pop();
                }
            }
            Value::Object(object) => {
                for (name, member) in object.iter() {
                    path.push(name.into());
                    self.name(path, place, name, collector);
                    self.scan(path, place.step(name), member, collector);
                    path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Scans the name of a member; `place` is the place of its object.
    pub(crate) fn name(
        &self,
        path: &[Cow<'_, str>],
        place: Place,
        name: &str,
        collector: &mut Collector<'_>,
    ) {
        let passage = Passage { text: name, is_name: true, path, region: region(path) };
        self.look(&passage, collector);
        let parameter = matches!(place, Place::Properties(_) | Place::Schemas(_));
        let spaces = name.matches(' ').count();
        if spaces >= 4 || (parameter && name.len() > 80) {
            collector
                .add(Hit::of(Rule::SchemaProse, Severity::Medium, name, 0..name.len()), &passage);
        }
    }

    fn text(&self, path: &[Cow<'_, str>], place: Place, text: &str, collector: &mut Collector<'_>) {
        let passage = Passage { text, is_name: false, path, region: region(path) };
        self.look(&passage, collector);
        let spaces = text.matches(' ').count();
        let prose = match place {
            Place::Name => (spaces >= 4 || text.len() > 128).then_some(Severity::Medium),
            Place::Title => (spaces >= 25 || text.len() > 200).then_some(Severity::Medium),
            Place::Keyword(_) => (spaces >= 12).then(|| {
                let example = path.iter().any(|name| matches!(&**name, "examples" | "example"));
                if example { Severity::Low } else { Severity::Medium }
            }),
            Place::Provider | Place::Icons => (spaces >= 12).then_some(Severity::Medium),
            Place::Other => (spaces >= 12).then_some(Severity::Low),
            _ => None,
        };
        if let Some(severity) = prose {
            collector.add(Hit::of(Rule::SchemaProse, severity, text, 0..text.len()), &passage);
        }
        if place == Place::Name {
            for other in self.names.look_up(text).filter(|other| other.name != text) {
                let severity = if other.foreign { Severity::High } else { Severity::Medium };
                let key = other.name.as_str();
                collector
                    .add(Hit::of(Rule::ConfusableName, severity, key, 0..text.len()), &passage);
            }
        }
    }

    /// Applies the rules that hold for every string.
    fn look(&self, passage: &Passage<'_, '_>, collector: &mut Collector<'_>) {
        let text = passage.text;
        if let Some((at, found)) = marks::hidden(text) {
            collector
                .add(Hit::of(Rule::HiddenCharacters, Severity::High, found, at..at + 1), passage);
        }
        if let Some((at, found)) = marks::ansi(text) {
            collector.add(Hit::of(Rule::AnsiEscape, Severity::High, found, at..at + 1), passage);
        }
        if text.len() < 3 {
            return;
        }
        let mut encoded = marks::blobs(text);
        encoded.extend(disguise::encoded(text));
        encoded.extend(disguise::escaped(text));
        encoded.sort_unstable_by_key(|range| range.start);
        encoded.dedup_by_key(|range| range.start);
        for range in encoded {
            let key = text.get(range.clone()).unwrap_or_default();
            collector.add(Hit::of(Rule::EncodedBlob, Severity::Medium, key, range), passage);
        }
        for range in marks::mixed_words(text) {
            let key = text.get(range.clone()).unwrap_or_default();
            collector.add(Hit::of(Rule::MixedScript, Severity::Medium, key, range), passage);
        }
        self.mentions(passage, collector);
        Sentences::new(text).look(passage, collector);
    }

    fn mentions(&self, passage: &Passage<'_, '_>, collector: &mut Collector<'_>) {
        if self.names.is_empty() {
            return;
        }
        let own = name_key(self.own);
        let text = passage.text;
        let mut mentioned = HashSet::new();
        for range in marks::identifiers(text) {
            let token = text.get(range.clone()).unwrap_or_default();
            let token = token.trim_matches(['.', '-', '/']);
            // Hosts write `server:tool`, `server/tool` and `mcp__server__tool`.
            let last = token.rsplit('/').next().unwrap_or_default();
            let bare = last.rsplit_once("__").map_or(last, |(_, name)| name);
            for other in self.names.look_up(bare) {
                let clear = is_compound(&other.name) || is_called(text, &range);
                if name_key(&other.name) == own || !clear || !mentioned.insert(&other.name) {
                    continue;
                }
                let severity = if other.foreign { Severity::Medium } else { Severity::Low };
                let key = other.name.as_str();
                collector.add(Hit::of(Rule::MentionsTool, severity, key, range.clone()), passage);
            }
        }
    }
}

/// Returns whether the text around a plain word shows that the word is a tool's name: quotation
/// marks, or a word such as "tool" or "call".
fn is_called(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    let quoted =
        |c: Option<char>| c.is_some_and(|c| "\"'`\u{201c}\u{201d}\u{2018}\u{2019}".contains(c));
    if quoted(before.chars().next_back()) && quoted(after.chars().next()) {
        return true;
    }
    let is = |word: Option<&str>, of: &[&str]| {
        let word = word.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
        word.is_some_and(|word| of.iter().any(|other| word.eq_ignore_ascii_case(other)))
    };
    // A word is short, so only the closest characters count.
    let near = |text: &str, from_end: bool| -> String {
        let mut chars: Vec<char> = if from_end {
            text.chars().rev().take(24).collect()
        } else {
            text.chars().take(24).collect()
        };
        if from_end {
            chars.reverse();
        }
        chars.into_iter().collect()
    };
    let (before, after) = (near(before, true), near(after, false));
    let calls = ["tool", "function", "call", "calling", "calls", "invoke", "invoking"];
    is(after.split_whitespace().next(), &["tool", "function"])
        || is(before.split_whitespace().next_back(), &calls)
}

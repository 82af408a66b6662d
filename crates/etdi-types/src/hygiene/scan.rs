//! One pass over the strings and member names of a definition.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::fold::{Folded, Word, words};
use super::names::{ToolNames, is_compound};
use super::{Finding, Rule, Severity, marks, phrases};
use crate::confusable::name_key;
use crate::diff::push_segment;
use crate::json::Value;
use crate::place::Place;

/// Findings of one rule and one severity beyond this many are left out.
const OF_ONE_KIND: usize = 64;
const EXCERPT: usize = 160;
const POINTER: usize = 1024;
/// How far after "send" an address still belongs to it, in bytes.
const REACH: usize = 160;

/// What a definition's texts say, by rule: to tell what is new in another one.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashSet<(Rule, Place, String)>);

/// What a pass collects.
pub(crate) struct Report<'s> {
    collected: Collected<'s>,
}

enum Collected<'s> {
    Keys(Seen),
    Findings {
        beside: Option<&'s Seen>,
        list: Vec<Finding>,
        counts: HashMap<(Rule, Severity), usize>,
    },
}

impl<'s> Report<'s> {
    /// Remembers what was said, without listing it.
    pub(crate) fn remembering() -> Self {
        Self { collected: Collected::Keys(Seen::default()) }
    }

    /// Lists what `beside` does not hold.
    pub(crate) fn listing(beside: Option<&'s Seen>) -> Self {
        Self { collected: Collected::Findings { beside, list: Vec::new(), counts: HashMap::new() } }
    }

    pub(crate) fn into_seen(self) -> Seen {
        match self.collected {
            Collected::Keys(seen) => seen,
            Collected::Findings { .. } => Seen::default(),
        }
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        match self.collected {
            Collected::Keys(_) => Vec::new(),
            Collected::Findings { list, .. } => list,
        }
    }

    fn add(&mut self, hit: Hit<'_>, context: &Context<'_, '_>) {
        let key = (hit.rule, context.region, hit.key.into_owned());
        match &mut self.collected {
            Collected::Keys(seen) => {
                seen.0.insert(key);
            }
            Collected::Findings { beside, list, counts } => {
                let count = counts.entry((hit.rule, hit.severity)).or_default();
                if *count >= OF_ONE_KIND || beside.is_some_and(|seen| seen.0.contains(&key)) {
                    return;
                }
                *count += 1;
                list.push(Finding {
                    rule: hit.rule,
                    severity: hit.severity,
                    path: context.pointer(),
                    excerpt: excerpt(context.text, hit.range),
                });
            }
        }
    }
}

/// Looks at a whole definition.
pub(crate) fn scan(value: &Value<'_>, names: &ToolNames, report: &mut Report<'_>) {
    let own = value.as_object().and_then(|tool| tool.get("name")?.as_str());
    let scanner = Scanner { names, own: own.unwrap_or_default() };
    scanner.scan(&mut Vec::new(), Place::of_document(value), value, report);
}

/// The looks of one definition.
pub(crate) struct Scanner<'n> {
    pub(crate) names: &'n ToolNames,
    /// The name of the tool that is looked at.
    pub(crate) own: &'n str,
}

impl Scanner<'_> {
    /// Looks at `value`, which stands at `path`.
    pub(crate) fn scan<'v>(
        &self,
        path: &mut Vec<Cow<'v, str>>,
        place: Place,
        value: &'v Value<'_>,
        report: &mut Report<'_>,
    ) {
        match value {
            Value::String(text) => self.text(path, place, text, report),
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    let index = index.to_string();
                    let place = place.step(&index);
                    path.push(index.into());
                    self.scan(path, place, element, report);
                    path.pop();
                }
            }
            Value::Object(object) => {
                for (name, member) in object.iter() {
                    path.push(name.into());
                    self.name(path, place, name, report);
                    self.scan(path, place.step(name), member, report);
                    path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Looks at the name of a member; `place` is that of the object.
    pub(crate) fn name(
        &self,
        path: &[Cow<'_, str>],
        place: Place,
        name: &str,
        report: &mut Report<'_>,
    ) {
        let context = Context { text: name, is_name: true, path, region: region(path) };
        self.look(&context, report);
        let parameter = matches!(place, Place::Properties(_) | Place::Schemas(_));
        let spaces = name.matches(' ').count();
        if spaces >= 4 || (parameter && name.len() > 80) {
            report.add(Hit::of(Rule::SchemaProse, Severity::Medium, name, 0..name.len()), &context);
        }
    }

    fn text(&self, path: &[Cow<'_, str>], place: Place, text: &str, report: &mut Report<'_>) {
        let context = Context { text, is_name: false, path, region: region(path) };
        self.look(&context, report);
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
            report.add(Hit::of(Rule::SchemaProse, severity, text, 0..text.len()), &context);
        }
        if place == Place::Name {
            for other in self.names.look_up(text).filter(|other| other.name != text) {
                let severity = if other.foreign { Severity::High } else { Severity::Medium };
                let key = other.name.as_str();
                report.add(Hit::of(Rule::ConfusableName, severity, key, 0..text.len()), &context);
            }
        }
    }

    /// The rules that hold for every string.
    fn look(&self, context: &Context<'_, '_>, report: &mut Report<'_>) {
        let text = context.text;
        if let Some((at, found)) = marks::hidden(text) {
            report.add(Hit::of(Rule::HiddenCharacters, Severity::High, found, at..at + 1), context);
        }
        if let Some((at, found)) = marks::ansi(text) {
            report.add(Hit::of(Rule::AnsiEscape, Severity::High, found, at..at + 1), context);
        }
        if text.len() < 3 {
            return;
        }
        for range in marks::blobs(text) {
            let key = text.get(range.clone()).unwrap_or_default();
            report.add(Hit::of(Rule::EncodedBlob, Severity::Medium, key, range), context);
        }
        for range in marks::mixed_words(text) {
            let key = text.get(range.clone()).unwrap_or_default();
            report.add(Hit::of(Rule::MixedScript, Severity::Medium, key, range), context);
        }
        self.mentions(context, report);
        Sentences::new(text).look(context, report);
    }

    fn mentions(&self, context: &Context<'_, '_>, report: &mut Report<'_>) {
        if self.names.is_empty() {
            return;
        }
        let own = name_key(self.own);
        let text = context.text;
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
                report.add(Hit::of(Rule::MentionsTool, severity, key, range.clone()), context);
            }
        }
    }
}

/// Whether what stands around a plain word makes it a tool's name.
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
    // A word is short: only what is close is looked at.
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

struct Context<'c, 'v> {
    text: &'c str,
    /// Whether the text is the name of a member.
    is_name: bool,
    path: &'c [Cow<'v, str>],
    region: Place,
}

impl Context<'_, '_> {
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
fn region(path: &[Cow<'_, str>]) -> Place {
    path.first().map_or(Place::Tool, |name| Place::Tool.step(name))
}

struct Hit<'t> {
    rule: Rule,
    severity: Severity,
    /// What makes two hits of a rule the same.
    key: Cow<'t, str>,
    /// Where, in the text as it stands.
    range: Range<usize>,
}

impl<'t> Hit<'t> {
    fn of(
        rule: Rule,
        severity: Severity,
        key: impl Into<Cow<'t, str>>,
        range: Range<usize>,
    ) -> Self {
        Self { rule, severity, key: key.into(), range }
    }
}

/// A text as it is read: folded, in words and sentences.
struct Sentences {
    folded: Folded,
    words: Vec<Word>,
}

impl Sentences {
    fn new(text: &str) -> Self {
        let folded = Folded::new(text);
        let words = words(&folded.text, phrases::id);
        Self { folded, words }
    }

    fn look(&self, context: &Context<'_, '_>, report: &mut Report<'_>) {
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

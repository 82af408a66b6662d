//! Finds the reasons for one entry of a diff.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use etdi_types::DEFINITION_KEY;
use etdi_types::diff::Difference;
use etdi_types::json::Value;
use etdi_types::names::Version;

use super::{Change, ChangeKind, Class, Reason, permissions, schema};
use crate::hygiene::{Collector, Scanner, SeenTexts, ToolNames};
use crate::place::Place;

/// The most reasons of one kind for one change.
pub(super) const OF_ONE_KIND: usize = 16;

/// Both definitions, and the matches in the old one.
pub(super) struct Comparison<'c, 'a> {
    pub(super) old: &'c Value<'a>,
    pub(super) new: &'c Value<'a>,
    pub(super) names: &'c ToolNames,
    pub(super) seen: &'c SeenTexts,
    /// The names in each list of required names, by the list's address. Each list is read only
    /// once: it may be as long as the list of parameters, and each new parameter is looked up in
    /// it.
    required: RefCell<HashMap<*const Value<'a>, HashSet<&'c str>>>,
}

/// The place of an entry of the diff.
pub(super) struct At<'e> {
    /// The names on the path.
    pub(super) path: Vec<Cow<'e, str>>,
    /// The place of the object around it.
    pub(super) parent: Place,
    /// Its own place.
    pub(super) place: Place,
    parameter: Option<usize>,
}

impl<'e> At<'e> {
    fn new(pointer: &'e str, root: Place) -> Self {
        let mut at = Self { path: Vec::new(), parent: Place::Other, place: root, parameter: None };
        for segment in pointer.split('/').skip(1) {
            let name: Cow<'e, str> = if segment.contains('~') {
                segment.replace("~1", "/").replace("~0", "~").into()
            } else {
                segment.into()
            };
            at.parent = at.place;
            at.place = at.place.step(&name);
            if matches!(at.parent, Place::Properties(_)) {
                at.parameter = Some(at.path.len());
            }
            at.path.push(name);
        }
        at
    }

    /// Returns the last name on the path.
    pub(super) fn name(&self) -> &str {
        self.path.last().map_or("", |name| name)
    }

    /// Returns the innermost parameter on the path, not counting the entry itself.
    pub(super) fn parameter(&self) -> &str {
        let inner = self.parameter.filter(|index| index + 1 < self.path.len());
        inner.and_then(|index| self.path.get(index)).map_or("", |name| name)
    }
}

impl<'c, 'a> Comparison<'c, 'a> {
    pub(super) fn new(
        old: &'c Value<'a>,
        new: &'c Value<'a>,
        names: &'c ToolNames,
        seen: &'c SeenTexts,
    ) -> Self {
        Self { old, new, names, seen, required: RefCell::default() }
    }

    /// Returns whether the list `required`, a part of a definition, holds `name`.
    pub(super) fn is_required(&self, required: &'c Value<'a>, name: &str) -> bool {
        let mut lists = self.required.borrow_mut();
        let list = lists.entry(std::ptr::from_ref(required)).or_insert_with(|| {
            required.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        });
        list.contains(name)
    }

    /// Adds the changes of `entry`: one, or one for each permission.
    pub(super) fn classify(&self, entry: &Difference<'_, '_>, changes: &mut Vec<Change>) {
        let root = Place::of_document(self.old);
        let root = if root == Place::of_document(self.new) { root } else { Place::Other };
        let at = At::new(&entry.path, root);
        let text = self.text_reasons(entry, &at);
        let mut found = match at.place {
            Place::Permissions => permissions::changes(&entry.path, entry.old, entry.new),
            _ => {
                let both = (entry.old.map(Value::to_canonical), entry.new.map(Value::to_canonical));
                vec![Change::new(entry.path.as_str(), both, self.structural(entry, &at))]
            }
        };
        // If one entry became several changes, only the first one gets the reasons for its text.
        if let Some(first) = found.first_mut().filter(|_| !text.is_empty()) {
            let reasons = std::mem::take(&mut first.reasons).into_iter().chain(text).collect();
            let both = (first.old.take(), first.new.take());
            *first = Change::new(std::mem::take(&mut first.path), both, reasons);
        }
        changes.append(&mut found);
    }

    /// Returns a reason for each match in the new text that is not in the old definition.
    fn text_reasons(&self, entry: &Difference<'_, '_>, at: &At<'_>) -> Vec<Reason> {
        let Some(new) = entry.new else {
            return Vec::new();
        };
        let own = self.new.as_object().and_then(|tool| tool.get("name")?.as_str());
        let scanner = Scanner { names: self.names, own: own.unwrap_or_default() };
        let mut collector = Collector::listing(Some(self.seen));
        if entry.old.is_none() {
            scanner.name(&at.path, at.parent, at.name(), &mut collector);
        }
        scanner.scan(&mut at.path.clone(), at.place, new, &mut collector);
        let mut reasons: Vec<Reason> = Vec::new();
        for finding in collector.into_findings() {
            let kind = ChangeKind::Text(finding.rule);
            let others = reasons.iter().filter(|reason| reason.kind == kind).count();
            if others < OF_ONE_KIND {
                reasons.push(Reason::about(Class::Critical, kind, &finding.excerpt));
            }
        }
        reasons
    }

    /// Returns the reasons for a change of structure.
    fn structural(&self, entry: &Difference<'_, '_>, at: &At<'_>) -> Vec<Reason> {
        if let (Some(Value::Object(_)), Some(Value::Object(_))) = (entry.old, entry.new) {
            // The diff has two whole objects only if their member names are too long to compare
            // them member by member. Any change can hide in them.
            return vec![Reason::new(Class::Critical, ChangeKind::NotComparable)];
        }
        let is_text =
            |value: Option<&Value<'_>>| value.is_none_or(|value| value.as_str().is_some());
        let one = |class, kind| vec![Reason::new(class, kind)];
        match (at.parent, at.place) {
            (_, Place::Prose | Place::Title) if is_text(entry.old) && is_text(entry.new) => {
                one(Class::Wording, ChangeKind::Prose)
            }
            (_, Place::Name) => one(Class::Critical, ChangeKind::Identity),
            (_, Place::Schema(side) | Place::Schemas(side) | Place::Properties(side))
            | (_, Place::SchemaList(side) | Place::Keyword(side))
            | (Place::Schema(side), _) => schema::reasons(self, entry, at, side),
            (_, Place::Annotations) | (Place::Annotations, _) => annotations(entry, at),
            (_, Place::Icons) => one(Class::Notable, ChangeKind::Icon),
            (_, Place::Meta) => self.meta(entry),
            (_, Place::Definition) => vec![Reason::new(Class::Critical, ChangeKind::Signer)],
            (Place::Definition | Place::Provider, _) => definition(entry, at),
            (Place::Meta, _) => one(Class::Notable, ChangeKind::ForeignMeta),
            _ if at.path.first().is_some_and(|name| name == "_meta") => {
                one(Class::Notable, ChangeKind::ForeignMeta)
            }
            _ => one(Class::Notable, ChangeKind::Other),
        }
    }

    /// Returns the reasons for a `_meta` that was added or removed as a whole.
    fn meta(&self, entry: &Difference<'_, '_>) -> Vec<Reason> {
        let holds_definition = |value: Option<&Value<'_>>| {
            value.and_then(Value::as_object).is_some_and(|meta| meta.get(DEFINITION_KEY).is_some())
        };
        if holds_definition(entry.old) || holds_definition(entry.new) {
            vec![Reason::new(Class::Critical, ChangeKind::Signer)]
        } else {
            vec![Reason::new(Class::Notable, ChangeKind::ForeignMeta)]
        }
    }
}

/// Returns the reasons for a member of the signed definition, or of its provider.
fn definition(entry: &Difference<'_, '_>, at: &At<'_>) -> Vec<Reason> {
    let version = |value: Option<&Value<'_>>| value?.as_str()?.parse::<Version>().ok();
    let flag =
        |value: Option<&Value<'_>>| value.is_some_and(|value| value.as_bool() != Some(false));
    let (class, kind) = match (at.parent, at.name()) {
        (Place::Provider, "name") => (Class::Notable, ChangeKind::Signer),
        (Place::Provider, _) | (_, "provider") => (Class::Critical, ChangeKind::Signer),
        (_, "id" | "name") => (Class::Critical, ChangeKind::Identity),
        (_, "version") => match (version(entry.old), version(entry.new)) {
            (Some(old), Some(new)) if old < new => (Class::Wording, ChangeKind::Version),
            _ => (Class::Critical, ChangeKind::VersionLowered),
        },
        (_, "require_call_proof") if flag(entry.old) && !flag(entry.new) => {
            (Class::Critical, ChangeKind::ProofDropped)
        }
        (_, "servers") if counts_elsewhere(entry) => (Class::Critical, ChangeKind::ServersWidened),
        _ => (Class::Notable, ChangeKind::Definition),
    };
    vec![Reason::new(class, kind)]
}

/// Returns whether other servers may serve the definition now: it had a list of servers, and now
/// the list has a new server or is missing.
fn counts_elsewhere(entry: &Difference<'_, '_>) -> bool {
    let Some(old) = entry.old else {
        return false;
    };
    let servers = |value: &Value<'_>| -> Option<HashSet<String>> {
        value.as_array()?.iter().map(|server| server.as_str().map(str::to_owned)).collect()
    };
    match (servers(old), entry.new.and_then(servers)) {
        (Some(old), Some(new)) => !new.is_subset(&old),
        _ => true,
    }
}

/// The hints that a host acts on: the name, the value that MCP assumes if the hint is absent, and
/// the worse value.
const HINTS: [(&str, bool, bool); 3] = [
    ("readOnlyHint", false, false),
    ("destructiveHint", true, true),
    ("openWorldHint", true, true),
];

/// Returns the reasons for the annotations as a whole, or for one of them.
fn annotations(entry: &Difference<'_, '_>, at: &At<'_>) -> Vec<Reason> {
    let whole = at.place == Place::Annotations;
    let mut reasons = Vec::new();
    for (name, absent, worse) in HINTS {
        let read = |value: Option<&Value<'_>>, unclear: bool| {
            let value = match value {
                Some(Value::Object(hints)) if whole => hints.get(name),
                _ if whole => None,
                value if at.name() == name && at.path.len() == 2 => value,
                _ => return None,
            };
            // A hint that is not a boolean counts as the value that makes the change worse.
            Some(value.map_or(absent, |value| value.as_bool().unwrap_or(unclear)))
        };
        if let (Some(old), Some(new)) = (read(entry.old, !worse), read(entry.new, worse))
            && old != worse
            && new == worse
        {
            reasons.push(Reason::about(Class::Critical, ChangeKind::HintWorse, name));
        }
    }
    reasons.push(Reason::new(Class::Notable, ChangeKind::Annotation));
    reasons
}

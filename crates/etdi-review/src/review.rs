//! Classifies the changes of a definition: every entry of a [`Diff`](etdi_types::Diff).
//!
//! A new permission, a hint that became worse, and an order to the model are *critical*; a schema
//! that changed is *notable*; other words in a title or a description are *wording*. An unknown
//! change is never wording. `docs/review.md` of the repository lists the kinds.

mod classify;
mod display;
mod facts;
mod kind;
mod permissions;
mod policy;
mod schema;
mod serialize;

use etdi_types::diff::differences;
use etdi_types::json::{self, Value};
use etdi_types::records::EvidenceRecord;
use serde::Serialize;

use crate::hygiene::{Collector, POINTER, ToolNames, scan};
pub use kind::{ChangeKind, Class};
pub use policy::{Handling, ReviewPolicy};

/// The classified changes from one definition to another: the critical ones first, then in the order
/// of the canonical form. `Display` escapes every hidden character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Review {
    changes: Vec<Change>,
    unchanged: Vec<String>,
}

/// One member that changed, and the reasons why it matters. In JSON, `old_text` and `new_text` are
/// next to the canonical JSON in `old` and `new`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The worst class of its reasons.
    pub class: Class,
    /// The place, as a JSON pointer (RFC 6901). For an element that was removed, this is its old
    /// place.
    pub path: String,
    /// The canonical JSON before; `None` if the member was added.
    pub old: Option<String>,
    /// The canonical JSON after; `None` if the member was removed.
    pub new: Option<String>,
    /// The reasons, the worst first. Never empty.
    pub reasons: Vec<Reason>,
}

/// One reason for a change's class. In JSON, the kind's explanation is next to its id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// The class of the reason.
    pub class: Class,
    /// The kind of the change.
    pub kind: ChangeKind,
    /// The details: a scope, a parameter, the text that matched. Attacker text, at most 256 bytes.
    pub detail: Option<String>,
}

impl Review {
    /// Reviews the change from `old` to `new`, both in canonical form: tools, or instructions.
    ///
    /// `names` holds the tools that a definition should not begin to mention. Time and memory grow
    /// with the size of the definitions.
    ///
    /// ```
    /// use etdi_review::hygiene::ToolNames;
    /// use etdi_review::{Class, ChangeKind, Review};
    ///
    /// let old = r#"{"description":"Adds.","inputSchema":{"properties":{}},"name":"add"}"#;
    /// let new = r#"{"description":"Adds up.","inputSchema":{"properties":{"bcc":{"default":"x"}}},"name":"add"}"#;
    /// let review = Review::of(old, new, &ToolNames::none());
    /// assert_eq!(review.worst(), Some(Class::Critical));
    /// assert_eq!(review.changes()[0].kind(), ChangeKind::ValueFixed);
    /// assert_eq!(review.changes()[0].path, "/inputSchema/properties/bcc");
    /// assert_eq!(review.changes()[1].class, Class::Wording);
    /// ```
    #[must_use]
    pub fn of(old: &str, new: &str, names: &ToolNames) -> Self {
        if old == new {
            return Self::default();
        }
        let (Ok(old_value), Ok(new_value)) =
            (json::parse_canonical(old), json::parse_canonical(new))
        else {
            let both = (Some(old.to_owned()), Some(new.to_owned()));
            let reason = Reason::new(Class::Critical, ChangeKind::NotComparable);
            return Self {
                changes: vec![Change::new("", both, vec![reason])],
                unchanged: Vec::new(),
            };
        };
        let mut before = Collector::remembering();
        scan(&old_value, names, &mut before);
        let seen = before.into_seen();
        let comparison = classify::Comparison::new(&old_value, &new_value, names, &seen);
        let mut changes = Vec::new();
        for entry in differences(Some(&old_value), Some(&new_value)) {
            comparison.classify(&entry, &mut changes);
        }
        let mut review = Self { changes, unchanged: unchanged(&old_value, &new_value) };
        review.sort();
        review
    }

    /// Adds the evidence of both definitions: another signer or another issuer is critical.
    #[must_use]
    pub fn with_evidence(mut self, old: &EvidenceRecord, new: &EvidenceRecord) -> Self {
        self.changes.extend(permissions::evidence(old, new));
        self.sort();
        self
    }

    /// Returns the changes: the critical ones first, then by place.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Returns the names of the tool's unchanged members, which a display may hide.
    #[must_use]
    pub fn unchanged(&self) -> &[String] {
        &self.unchanged
    }

    /// Returns whether the text at `path`, a JSON pointer into the new definition, is within a
    /// change. If it is not, a [`Finding`](crate::hygiene::Finding) at `path` is about old text.
    #[must_use]
    pub fn touches(&self, path: &str) -> bool {
        let within = |path: &str, whole: &str| {
            path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // A long pointer of a finding is cut and then names an enclosing member; the pointer of a
        // change is never cut.
        let is_cut = |change: &Change| change.path.len() > POINTER && within(&change.path, path);
        self.changes.iter().any(|change| within(path, &change.path) || is_cut(change))
    }

    /// Returns the worst class of all changes; `None` if the review has no changes.
    #[must_use]
    pub fn worst(&self) -> Option<Class> {
        self.changes.iter().map(|change| change.class).max()
    }

    /// Returns how many changes are of `class`.
    #[must_use]
    pub fn count(&self, class: Class) -> usize {
        self.changes.iter().filter(|change| change.class == class).count()
    }

    /// Returns whether the review has no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Sorts the changes by class. The sort is stable: within a class, changes stay in the order of
    /// the canonical form.
    fn sort(&mut self) {
        self.changes.sort_by_key(|change| std::cmp::Reverse(change.class));
    }
}

impl Change {
    /// Returns a change. `reasons` is never empty: a change without a known reason counts as
    /// unknown.
    fn new(
        path: impl Into<String>,
        (old, new): (Option<String>, Option<String>),
        mut reasons: Vec<Reason>,
    ) -> Self {
        if reasons.is_empty() {
            reasons.push(Reason::new(Class::Notable, ChangeKind::Other));
        }
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.class));
        let class = reasons.first().map_or(Class::Critical, |reason| reason.class);
        Self { class, path: path.into(), old, new, reasons }
    }

    /// Returns the kind of the worst reason.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        self.reasons.first().map_or(ChangeKind::Other, |reason| reason.kind)
    }

    /// Returns the old value for display: a string's text, or canonical JSON for any other value.
    /// Attacker text: show it through [`text::escaped`](etdi_types::text::escaped).
    #[must_use]
    pub fn old_text(&self) -> Option<String> {
        self.old.as_deref().map(plain)
    }

    /// Returns the new value, in the form of [`Change::old_text`].
    #[must_use]
    pub fn new_text(&self) -> Option<String> {
        self.new.as_deref().map(plain)
    }
}

impl Reason {
    fn new(class: Class, kind: ChangeKind) -> Self {
        Self { class, kind, detail: None }
    }

    fn about(class: Class, kind: ChangeKind, detail: &str) -> Self {
        let end = (0..=detail.len().min(256)).rev().find(|at| detail.is_char_boundary(*at));
        let detail = detail.get(..end.unwrap_or(0)).map(str::to_owned);
        Self { class, kind, detail }
    }
}

/// Returns the text of a JSON string. Returns other JSON unchanged.
fn plain(json: &str) -> String {
    match json::parse_canonical(json) {
        Ok(Value::String(text)) => text.into_owned(),
        _ => json.to_owned(),
    }
}

fn unchanged(old: &Value<'_>, new: &Value<'_>) -> Vec<String> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        return Vec::new();
    };
    let same = |(name, value): &(&str, &Value<'_>)| old.get(name) == Some(*value);
    new.iter().filter(same).map(|(name, _)| name.to_owned()).collect()
}

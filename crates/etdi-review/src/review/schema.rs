//! Reviews changes inside the schemas.

use etdi_types::diff::Difference;
use etdi_types::json::{Object, Value};

use super::classify::{At, Comparison};
use super::facts::{self, Facts};
use super::{ChangeKind, Class, Reason};
use crate::place::{Place, Side};

/// Returns the reasons for a change that is inside a schema, or is a whole schema.
pub(super) fn reasons(
    comparison: &Comparison<'_, '_>,
    entry: &Difference<'_, '_>,
    at: &At<'_>,
    side: Side,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let (mut before, mut after) = (Facts::new(), Facts::new());
    let owner = at.parameter();
    for (facts, value) in [(&mut before, entry.old), (&mut after, entry.new)] {
        if let Some(value) = value {
            facts::collect(facts, at.parent, owner, at.name(), value);
        }
    }
    facts::reasons(&before, &after, &mut reasons);
    if side == Side::Input {
        reasons.extend(newly_required(comparison, entry, at));
    }
    if reasons.is_empty() && only_prose_differs(entry, at.place) {
        return vec![Reason::new(Class::Wording, ChangeKind::Prose)];
    }
    let kind = match side {
        Side::Output => ChangeKind::OutputSchema,
        Side::Input => input_kind(entry, at),
    };
    let superseded = kind == ChangeKind::ParameterAdded && !reasons.is_empty();
    if !superseded {
        reasons.push(Reason::new(Class::Notable, kind));
    }
    reasons
}

/// Returns a reason if a new parameter is required. The list of required names may be unchanged: it
/// may have named the parameter before.
fn newly_required(
    comparison: &Comparison<'_, '_>,
    entry: &Difference<'_, '_>,
    at: &At<'_>,
) -> Option<Reason> {
    let around = at.path.len().checked_sub(match (at.parent, at.place) {
        (Place::Properties(_), _) => 2,
        (_, Place::Properties(_)) => 1,
        _ => return None,
    })?;
    let schema = at
        .path
        .get(..around)?
        .iter()
        .try_fold(comparison.new, |value, name| member(value, name))?;
    let required = schema.as_object()?.get("required")?;
    let is_required = |name: &str| comparison.is_required(required, name);
    let name = match (at.place, entry.new) {
        (Place::Properties(_), Some(Value::Object(added))) => {
            let old = entry.old.and_then(Value::as_object);
            let is_new = |name: &str| old.is_none_or(|old| old.get(name).is_none());
            let mut names = added.iter().map(|(name, _)| name);
            names.find(|name| is_new(name) && is_required(name))?
        }
        (Place::Schema(_), Some(_)) if entry.old.is_none() => {
            Some(at.name()).filter(|name| is_required(name))?
        }
        _ => return None,
    };
    Some(Reason::about(Class::Critical, ChangeKind::ParameterRequired, name))
}

fn member<'v, 'a>(value: &'v Value<'a>, name: &str) -> Option<&'v Value<'a>> {
    match value {
        Value::Object(object) => object.get(name),
        Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Returns whether two schemas, or lists of schemas, differ only in titles and descriptions.
fn only_prose_differs(entry: &Difference<'_, '_>, place: Place) -> bool {
    match (entry.old, entry.new) {
        (Some(old), Some(new)) => same_without_prose(old, new, place),
        _ => false,
    }
}

/// Returns whether two values are the same without the titles and descriptions that are texts.
fn same_without_prose(old: &Value<'_>, new: &Value<'_>, place: Place) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let (mut old, mut new) = (structure(old, place), structure(new, place));
            loop {
                match (old.next(), new.next()) {
                    (None, None) => return true,
                    (Some((name, old)), Some((same, new)))
                        if name == same && same_without_prose(old, new, place.step(name)) => {}
                    _ => return false,
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            let place = place.step("0");
            old.len() == new.len()
                && old.iter().zip(new).all(|(old, new)| same_without_prose(old, new, place))
        }
        (old, new) => old == new,
    }
}

/// Returns the members of an object without the titles and descriptions that are texts.
fn structure<'v, 'a>(
    object: &'v Object<'a>,
    place: Place,
) -> impl Iterator<Item = (&'v str, &'v Value<'a>)> {
    object
        .iter()
        .filter(move |(name, member)| !(place.step(name).is_prose() && member.as_str().is_some()))
}

fn input_kind(entry: &Difference<'_, '_>, at: &At<'_>) -> ChangeKind {
    match (at.parent, entry.old, entry.new) {
        (Place::Properties(_), None, Some(_)) => ChangeKind::ParameterAdded,
        (Place::Properties(_), Some(_), None) => ChangeKind::ParameterRemoved,
        (Place::Schema(_), old, new) => direction(at.name(), old, new),
        _ => ChangeKind::SchemaChanged,
    }
}

/// Returns whether a keyword now accepts more or less than before, if its values show it.
fn direction(keyword: &str, old: Option<&Value<'_>>, new: Option<&Value<'_>>) -> ChangeKind {
    let lists = |value: Option<&Value<'_>>| -> Option<Vec<String>> {
        match value? {
            Value::Array(elements) => Some(elements.iter().map(Value::to_canonical).collect()),
            single => Some(vec![single.to_canonical()]),
        }
    };
    let number = |value: Option<&Value<'_>>| match value {
        Some(Value::Number(number)) => Some(number.value),
        _ => None,
    };
    match keyword {
        "enum" | "type" | "required" => {
            let (old, new) = match (lists(old), lists(new)) {
                (Some(old), Some(new)) => (old, new),
                (None, _) => return ChangeKind::SchemaNarrowed,
                (_, None) => return ChangeKind::SchemaWidened,
            };
            let old: std::collections::BTreeSet<_> = old.into_iter().collect();
            let new: std::collections::BTreeSet<_> = new.into_iter().collect();
            let more = new.is_superset(&old);
            match (more, new.is_subset(&old)) {
                (true, false) if keyword == "required" => ChangeKind::SchemaNarrowed,
                (false, true) if keyword == "required" => ChangeKind::SchemaWidened,
                (true, false) => ChangeKind::SchemaWidened,
                (false, true) => ChangeKind::SchemaNarrowed,
                _ => ChangeKind::SchemaChanged,
            }
        }
        "minimum" | "minLength" | "minItems" | "minProperties" | "exclusiveMinimum" | "maximum"
        | "maxLength" | "maxItems" | "maxProperties" | "exclusiveMaximum" => {
            let upper = keyword.contains("max") || keyword.contains("Max");
            match (number(old), number(new)) {
                (None, Some(_)) if old.is_none() => ChangeKind::SchemaNarrowed,
                (Some(_), None) if new.is_none() => ChangeKind::SchemaWidened,
                (Some(old), Some(new)) if (new > old) == upper => ChangeKind::SchemaWidened,
                (Some(_), Some(_)) => ChangeKind::SchemaNarrowed,
                _ => ChangeKind::SchemaChanged,
            }
        }
        "additionalProperties" | "unevaluatedProperties" | "uniqueItems" => {
            let open = |value: Option<&Value<'_>>| match value {
                None => Some(true),
                Some(value) => value.as_bool().map(|set| set != (keyword == "uniqueItems")),
            };
            match (open(old), open(new)) {
                (Some(false), Some(true)) => ChangeKind::SchemaWidened,
                (Some(true), Some(false)) => ChangeKind::SchemaNarrowed,
                _ => ChangeKind::SchemaChanged,
            }
        }
        "pattern" | "format" | "multipleOf" => match (old, new) {
            (None, Some(_)) => ChangeKind::SchemaNarrowed,
            (Some(_), None) => ChangeKind::SchemaWidened,
            _ => ChangeKind::SchemaChanged,
        },
        _ => ChangeKind::SchemaChanged,
    }
}

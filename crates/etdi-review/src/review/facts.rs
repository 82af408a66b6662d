//! The demands of a schema on a call, as facts that can be counted: required members, preset
//! values, headers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use etdi_types::json::Value;

use super::{ChangeKind, Class, Reason};
use crate::place::{Place, Side};

/// (kind, the parameter, the value) → the number of occurrences.
pub(super) type Facts<'v> = BTreeMap<(&'static str, &'v str, Cow<'v, str>), usize>;

const REQUIRED: &str = "required";
const FIXED: &str = "fixed";
const HEADER: &str = "header";

/// Adds the facts of the member `name` of an object at `place`.
pub(super) fn collect<'v>(
    facts: &mut Facts<'v>,
    place: Place,
    parameter: &'v str,
    name: &'v str,
    value: &'v Value<'_>,
) {
    let mut add = |kind, about, value| *facts.entry((kind, about, value)).or_insert(0) += 1;
    let is_header = name.eq_ignore_ascii_case("x-mcp-header");
    if is_header && !matches!(place, Place::Properties(_)) {
        add(HEADER, parameter, value.to_canonical().into());
    }
    if let Place::Schema(Side::Input) = place {
        match (name, value) {
            ("default" | "const", value) => add(FIXED, parameter, value.to_canonical().into()),
            ("required", Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    add(REQUIRED, parameter, name.into());
                }
            }
            ("dependentRequired" | "dependencies", value) => {
                add(REQUIRED, parameter, value.to_canonical().into());
            }
            _ => {}
        }
    }
    let parameter = if matches!(place, Place::Properties(_)) { name } else { parameter };
    within(facts, place.step(name), parameter, value);
}

/// Adds the facts of a value at `place`.
fn within<'v>(facts: &mut Facts<'v>, place: Place, parameter: &'v str, value: &'v Value<'_>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object.iter() {
                collect(facts, place, parameter, name, member);
            }
        }
        Value::Array(elements) => {
            // The elements of an array of schemas are schemas; their index has no meaning.
            for element in elements {
                within(facts, place.step("0"), parameter, element);
            }
        }
        _ => {}
    }
}

/// Adds a reason for each fact of `new` that `old` did not have as often.
pub(super) fn reasons(old: &Facts<'_>, new: &Facts<'_>, reasons: &mut Vec<Reason>) {
    for (fact, count) in new {
        if old.get(fact).is_some_and(|before| before >= count) {
            continue;
        }
        let (kind, parameter, value) = fact;
        let (kind, detail) = match *kind {
            REQUIRED => (ChangeKind::ParameterRequired, value.as_ref()),
            HEADER => (ChangeKind::ParameterHeader, *parameter),
            _ => (ChangeKind::ValueFixed, value.as_ref()),
        };
        if reasons.iter().filter(|reason| reason.kind == kind).count()
            < super::classify::OF_ONE_KIND
        {
            reasons.push(Reason::about(Class::Critical, kind, detail));
        }
    }
}

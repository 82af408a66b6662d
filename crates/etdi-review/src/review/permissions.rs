//! Reviews changes of the permissions of a definition and of the party behind it.

use std::collections::BTreeMap;

use etdi_types::DEFINITION_KEY;
use etdi_types::diff::push_segment;
use etdi_types::json::{Object, Value};
use etdi_types::records::EvidenceRecord;

use super::{Change, ChangeKind, Class, Reason};

/// Returns the changes between two lists of permissions, scope by scope.
pub(super) fn changes(path: &str, old: Option<&Value<'_>>, new: Option<&Value<'_>>) -> Vec<Change> {
    let (Some(before), Some(after)) = (by_scope(old), by_scope(new)) else {
        return vec![whole(path, old, new, Class::Critical)];
    };
    let mut changes = Vec::new();
    for (scope, (index, permission)) in &after {
        let was = before.get(scope).map(|(_, was)| *was);
        let Some(reason) = reason(scope, was, permission) else {
            continue;
        };
        let both = (was.map(text), Some(text(permission)));
        changes.push(Change::new(format!("{path}/{index}"), both, vec![reason]));
    }
    for (scope, (index, was)) in &before {
        if !after.contains_key(scope) {
            let reason = Reason::about(Class::Notable, ChangeKind::PermissionRemoved, scope);
            changes.push(Change::new(
                format!("{path}/{index}"),
                (Some(text(was)), None),
                vec![reason],
            ));
        }
    }
    if changes.is_empty() {
        changes.push(whole(path, old, new, Class::Notable));
    }
    changes
}

fn whole(path: &str, old: Option<&Value<'_>>, new: Option<&Value<'_>>, class: Class) -> Change {
    let both = (old.map(Value::to_canonical), new.map(Value::to_canonical));
    Change::new(path, both, vec![Reason::new(class, ChangeKind::PermissionChanged)])
}

type Permissions<'v, 'a> = BTreeMap<&'v str, (usize, &'v Object<'a>)>;

/// Indexes the permissions by scope. Returns `None` if the list is not a list of permissions with a
/// scope each.
fn by_scope<'v, 'a>(list: Option<&'v Value<'a>>) -> Option<Permissions<'v, 'a>> {
    let Some(list) = list else {
        return Some(BTreeMap::new());
    };
    let elements = list.as_array()?.iter().enumerate();
    let named = elements.map(|(index, element)| {
        let permission = element.as_object()?;
        Some((permission.get("scope")?.as_str()?, (index, permission)))
    });
    named.collect()
}

fn reason(scope: &str, was: Option<&Object<'_>>, is: &Object<'_>) -> Option<Reason> {
    let required = |permission: &Object<'_>| {
        // A permission without `required` counts as required.
        permission.get("required").and_then(Value::as_bool).unwrap_or(true)
    };
    let Some(was) = was else {
        return Some(Reason::about(Class::Critical, ChangeKind::PermissionAdded, scope));
    };
    let other_words = was.get("description") != is.get("description");
    match (required(was), required(is)) {
        (false, true) => {
            Some(Reason::about(Class::Critical, ChangeKind::PermissionRequired, scope))
        }
        (true, false) => Some(Reason::about(Class::Notable, ChangeKind::PermissionChanged, scope)),
        _ if other_words => Some(Reason::about(Class::Wording, ChangeKind::Prose, scope)),
        _ if was != is => Some(Reason::about(Class::Notable, ChangeKind::PermissionChanged, scope)),
        _ => None,
    }
}

fn text(permission: &Object<'_>) -> String {
    Value::Object(permission.clone()).to_canonical()
}

/// Returns the change of the signer or the issuer between two records of evidence. Does not compare
/// the trust in a key or the binding of an attestation.
pub(super) fn evidence(old: &EvidenceRecord, new: &EvidenceRecord) -> Option<Change> {
    let (kind, member) = match (old, new) {
        (
            EvidenceRecord::Signed { thumbprint: before, .. },
            EvidenceRecord::Signed { thumbprint: after, .. },
        ) => (before != after).then_some((ChangeKind::Signer, "signature"))?,
        (
            EvidenceRecord::Attested { issuer: before, client: client_before, .. },
            EvidenceRecord::Attested { issuer: after, client: client_after, .. },
        ) => ((before, client_before) != (after, client_after))
            .then_some((ChangeKind::Issuer, "attestation"))?,
        (EvidenceRecord::Attested { .. }, _) | (_, EvidenceRecord::Attested { .. }) => {
            (ChangeKind::Issuer, "attestation")
        }
        (EvidenceRecord::Signed { .. }, _) | (_, EvidenceRecord::Signed { .. }) => {
            (ChangeKind::Signer, "signature")
        }
        _ => (old != new).then_some((ChangeKind::Signer, "signature"))?,
    };
    let mut path = String::new();
    for name in ["_meta", DEFINITION_KEY, member] {
        push_segment(&mut path, name);
    }
    let both = (Some(named(old)), Some(named(new)));
    Some(Change::new(path, both, vec![Reason::new(Class::Critical, kind)]))
}

/// Returns the evidence as a JSON string, like every other value of a change.
fn named(evidence: &EvidenceRecord) -> String {
    let text = match evidence {
        EvidenceRecord::Signed { thumbprint, .. } => {
            format!("{}, thumbprint {thumbprint}", evidence.describe())
        }
        other => other.describe(),
    };
    Value::String(text.into()).to_canonical()
}

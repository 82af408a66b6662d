//! The changes between two definitions, member by member, for a person to read.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::json::{self, Value};
use crate::text::{escaped, escaped_json};

/// The changes from one canonical definition to another. `Display` escapes every hidden character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diff(Vec<ChangedMember>);

/// One member that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ChangedMember {
    /// The place of the change, as a JSON pointer (RFC 6901).
    pub path: String,
    /// The canonical JSON before; `None` if the member was added.
    pub old: Option<String>,
    /// The canonical JSON after; `None` if the member was removed.
    pub new: Option<String>,
}

impl Diff {
    /// Returns the changes from `old` to `new`, both canonical JSON texts.
    #[must_use]
    pub fn between(old: &str, new: &str) -> Self {
        let parse = |text| json::parse_canonical(text).ok();
        let (old, new) = (parse(old), parse(new));
        let text = |difference: Difference<'_, '_>| ChangedMember {
            path: difference.path,
            old: difference.old.map(Value::to_canonical),
            new: difference.new.map(Value::to_canonical),
        };
        Self(differences(old.as_ref(), new.as_ref()).into_iter().map(text).collect())
    }

    /// Returns the changes, in the order of the definition's canonical form.
    #[must_use]
    pub fn changes(&self) -> &[ChangedMember] {
        &self.0
    }

    /// Returns whether the two definitions are equal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Diff {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for change in &self.0 {
            write!(f, "\n  {}", escaped(&change.path))?;
            if let Some(old) = &change.old {
                write!(f, "\n    - {}", escaped_json(old))?;
            }
            if let Some(new) = &change.new {
                write!(f, "\n    + {}", escaped_json(new))?;
            }
        }
        Ok(())
    }
}

/// One member that differs, with its old and its new value. `etdi-review` classifies it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Difference<'v, 'a> {
    /// The place of the difference, as a JSON pointer (RFC 6901).
    pub path: String,
    /// The value before; `None` if the member was added.
    pub old: Option<&'v Value<'a>>,
    /// The value after; `None` if the member was removed.
    pub new: Option<&'v Value<'a>>,
}

/// Returns everything that differs, in canonical order, for `etdi-review`. Arrays are compared as a
/// whole. A difference between two objects means that they were too large to compare member by
/// member.
#[must_use]
pub fn differences<'v, 'a>(
    old: Option<&'v Value<'a>>,
    new: Option<&'v Value<'a>>,
) -> Vec<Difference<'v, 'a>> {
    let mut differences = Vec::new();
    compare(&mut differences, &mut String::new(), old, new);
    differences
}

/// Appends one segment to a JSON pointer (RFC 6901, section 3). `etdi-review` writes its pointers with
/// it.
pub fn push_segment(path: &mut String, name: &str) {
    path.push('/');
    for c in name.chars() {
        match c {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            c => path.push(c),
        }
    }
}

/// The number of bytes that the paths within one object may take, even if the object is smaller.
const PLAIN_PATHS: usize = 4 * 1024;

fn size(value: &Value<'_>) -> usize {
    value.to_canonical().len()
}

/// Compares two values. An object counts as one change if the paths of its changes would take more
/// room than the object itself: otherwise long member names would multiply the size of the diff.
fn compare<'v, 'a>(
    changes: &mut Vec<Difference<'v, 'a>>,
    path: &mut String,
    old: Option<&'v Value<'a>>,
    new: Option<&'v Value<'a>>,
) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(whole_old @ Value::Object(old)), Some(whole_new @ Value::Object(new))) => {
            let mut names: Vec<&str> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
            names.sort_unstable();
            names.dedup();
            let first = changes.len();
            let (mut spent, mut room) = (0, None);
            for name in names {
                let (length, before) = (path.len(), changes.len());
                push_segment(path, name);
                compare(changes, path, old.get(name), new.get(name));
                path.truncate(length);
                spent += changes.iter().skip(before).map(|change| change.path.len()).sum::<usize>();
                if spent <= PLAIN_PATHS {
                    continue;
                }
                if spent > *room.get_or_insert_with(|| size(whole_old) + size(whole_new)) {
                    changes.truncate(first);
                    changes.push(Difference {
                        path: path.clone(),
                        old: Some(whole_old),
                        new: Some(whole_new),
                    });
                    return;
                }
            }
        }
        (old, new) => changes.push(Difference { path: path.clone(), old, new }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_changed_member_is_shown_once_and_escaped() {
        let old = r#"{"description":"scan","inputSchema":{"properties":{}},"name":"a"}"#;
        let new = "{\"description\":\"scan\u{e0041}\",\"inputSchema\":{\"properties\":{\"bcc\":{}}},\"name\":\"a\"}";
        let diff = Diff::between(old, new);
        let paths: Vec<_> = diff.changes().iter().map(|c| c.path.as_str()).collect();
        assert_eq!(paths, ["/description", "/inputSchema/properties/bcc"]);
        let text = diff.to_string();
        assert!(text.contains("+ \"scan\\u{e0041}\""), "{text}");
        assert!(!text.contains('\u{e0041}'));
    }

    #[test]
    fn equal_definitions_have_no_diff() {
        assert!(Diff::between("{\"a\":1}", "{\"a\":1}").is_empty());
    }
}

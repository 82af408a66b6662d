//! What changed between two definitions, member by member, for a person to read.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::json::{self, Value};
use crate::text::escaped;

/// The changes from one canonical definition to another. `Display` escapes every hidden character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diff(Vec<Change>);

/// One member that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where, as a JSON pointer (RFC 6901).
    pub path: String,
    /// The canonical JSON before; `None` if the member was added.
    pub old: Option<String>,
    /// The canonical JSON after; `None` if the member was removed.
    pub new: Option<String>,
}

impl Diff {
    /// The changes from `old` to `new`, both canonical JSON texts.
    #[must_use]
    pub fn between(old: &str, new: &str) -> Self {
        let parse = |text| json::parse_canonical(text).ok();
        let (old, new) = (parse(old), parse(new));
        let mut changes = Vec::new();
        compare(&mut changes, &mut String::new(), old.as_ref(), new.as_ref());
        Self(changes)
    }

    /// The changes, in the order of the definition's canonical form.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.0
    }

    /// Whether nothing changed.
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
                write!(f, "\n    - {}", shown(old))?;
            }
            if let Some(new) = &change.new {
                write!(f, "\n    + {}", shown(new))?;
            }
        }
        Ok(())
    }
}

/// JSON text with its hidden characters escaped; its own backslashes stay single.
fn shown(json: &str) -> String {
    escaped(json).to_string().replace("\\\\", "\\")
}

fn compare(
    changes: &mut Vec<Change>,
    path: &mut String,
    old: Option<&Value<'_>>,
    new: Option<&Value<'_>>,
) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let mut names: Vec<&str> = old.iter().chain(new.iter()).map(|(name, _)| name).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let length = path.len();
                path.push('/');
                path.push_str(&name.replace('~', "~0").replace('/', "~1"));
                compare(changes, path, old.get(name), new.get(name));
                path.truncate(length);
            }
        }
        (old, new) => changes.push(Change {
            path: path.clone(),
            old: old.map(Value::to_canonical),
            new: new.map(Value::to_canonical),
        }),
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

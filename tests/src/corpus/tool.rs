//! A tool of a server, and the parts of its definition that edits change.

use etdi_types::DEFINITION_KEY;
use serde_json::{Map, Value, json};

use super::Subject;

/// A tool as a server lists it.
#[derive(Clone, Debug)]
pub struct Tool {
    /// The server's package.
    pub server: String,
    /// Its name.
    pub name: String,
    /// Its definition, as received.
    pub raw: String,
}

impl Tool {
    /// Returns the tool with a definition member, as a publisher who begins to use ETDI would write it:
    /// with version 1.0.0 and one required permission.
    pub fn published(&self) -> Option<Value> {
        let mut tool: Value = serde_json::from_str(&self.raw).ok()?;
        let path = |text: &str| {
            let kept =
                |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
            text.chars().map(kept).collect::<String>().trim_matches('-').to_owned()
        };
        let server = path(&self.server);
        let member = json!({
            "schema": 1,
            "id": format!("{server}.example/{}", path(&self.name)),
            "name": self.name,
            "version": "1.0.0",
            "provider": { "id": format!("https://{server}.example"), "name": server },
            "permissions": [{
                "scope": format!("use:{}", path(&self.name)),
                "description": "Use this tool",
                "required": true,
            }],
        });
        object(&mut tool, "_meta")?.insert(DEFINITION_KEY.to_owned(), member);
        Some(tool)
    }
}

/// Returns the object under `name`, and makes it if it is missing.
pub(super) fn object<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Map<String, Value>> {
    value.as_object_mut()?.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// Returns the definition member.
pub(super) fn member(tool: &mut Value) -> Option<&mut Value> {
    tool.get_mut("_meta")?.get_mut(DEFINITION_KEY)
}

/// Returns the description, if it has more than one word.
pub(super) fn description(tool: &Value) -> Option<&str> {
    tool.get("description")?.as_str().filter(|text| text.contains(' '))
}

/// Returns the parameters at the top of the input schema, by name.
pub(super) fn parameters(tool: &mut Value) -> Option<&mut Map<String, Value>> {
    object(object_value(tool, "inputSchema")?, "properties")
}

/// Returns the names of the parameters for which `wanted` is true.
pub(super) fn names_where(tool: &Value, wanted: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let parameters = tool.pointer("/inputSchema/properties").and_then(Value::as_object);
    let all = parameters.into_iter().flatten();
    all.filter(|(name, schema)| schema.is_object() && wanted(name, schema))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Returns whether a parameter is required.
pub(super) fn required(tool: &Value, name: &str) -> bool {
    let names = tool.pointer("/inputSchema/required").and_then(Value::as_array);
    names.is_some_and(|names| names.iter().any(|other| other == name))
}

/// Adds a parameter that the tool does not have.
pub(super) fn add(tool: &mut Value, name: &str, schema: Value) -> Option<()> {
    let parameters = parameters(tool)?;
    if parameters.contains_key(name) {
        return None;
    }
    parameters.insert(name.to_owned(), schema);
    Some(())
}

/// Makes a parameter required.
pub(super) fn require(tool: &mut Value, name: &str) -> Option<()> {
    let schema = object(tool, "inputSchema")?;
    let names = schema.entry("required").or_insert_with(|| json!([]));
    names.as_array_mut()?.push(name.into());
    Some(())
}

/// Appends `text` to a string member, or adds the member.
pub(super) fn append(object: &mut Value, name: &str, text: &str) -> Option<()> {
    let old = object.get(name).map_or(Some(""), Value::as_str)?;
    let new = if old.is_empty() { text.to_owned() } else { format!("{old} {text}") };
    object.as_object_mut()?.insert(name.to_owned(), new.into());
    Some(())
}

/// Sets the same value before and after the upgrade, so that an edit has a value to change.
pub(super) fn prepare(
    subject: &mut Subject<'_>,
    edit: impl Fn(&mut Value) -> Option<()>,
) -> Option<()> {
    edit(&mut subject.before)?;
    edit(&mut subject.after)
}

fn object_value<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    object(value, name)?;
    value.get_mut(name)
}

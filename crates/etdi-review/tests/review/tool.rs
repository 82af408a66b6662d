//! A tool with every member that matters, and changes to it.

use etdi_review::hygiene::ToolNames;
use etdi_review::{ChangeKind, Class, Review};
use etdi_types::{DEFINITION_KEY, ToolDefinition};
use serde_json::{Value, json};

pub const DEFINITION: &str = "/_meta/dev.etdi~1definition";

pub fn tool() -> Value {
    json!({
        "name": "search_mail",
        "title": "Mail search",
        "description": "Searches the mailbox. See https://docs.example/search for the syntax.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "What to look for.", "maxLength": 100},
                "folder": {"type": "string", "enum": ["inbox", "sent"]},
                "options": {"anyOf": [{"type": "string", "description": "One."}, {"type": "null"}]}
            },
            "required": ["query"]
        },
        "outputSchema": {"type": "object", "properties": {"hits": {"type": "array", "description": "Hits."}}},
        "annotations": {"title": "Search", "readOnlyHint": true, "destructiveHint": false, "openWorldHint": false},
        "icons": [{"src": "https://docs.example/icon.png"}],
        "execution": {"taskSupport": "optional"},
        "_meta": {
            "com.example/other": {"level": 1},
            (DEFINITION_KEY): {
                "schema": 1,
                "id": "docs.example/search",
                "name": "search_mail",
                "version": "1.2.0",
                "provider": {"id": "https://docs.example", "name": "Docs"},
                "servers": ["https://docs.example/mcp"],
                "permissions": [
                    {"scope": "mail:read", "description": "reads mail", "required": true},
                    {"scope": "mail:list", "description": "lists folders", "required": false}
                ],
                "require_call_proof": true
            }
        }
    })
}

pub fn canonical(tool: &Value) -> String {
    ToolDefinition::parse(tool.to_string().as_bytes()).unwrap().canonical().to_string()
}

/// Returns the tool with the member at `pointer` set, or removed if `value` is `None`.
pub fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut tool = tool();
    set(&mut tool, pointer, value);
    tool
}

pub fn set(tool: &mut Value, pointer: &str, value: Option<Value>) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    match (tool.pointer_mut(parent).unwrap(), value) {
        (Value::Object(members), Some(value)) => drop(members.insert(name, value)),
        (Value::Object(members), None) => drop(members.remove(&name).unwrap()),
        (Value::Array(elements), Some(value)) if name == "-" => elements.push(value),
        (Value::Array(elements), Some(value)) => elements[name.parse::<usize>().unwrap()] = value,
        (Value::Array(elements), None) => drop(elements.remove(name.parse().unwrap())),
        (other, _) => panic!("{pointer} stands in {other}"),
    }
}

pub fn names() -> ToolNames {
    ToolNames::none().and_siblings(["search_mail", "send_mail", "fetch"]).and_others(["delete_all"])
}

pub fn review(new: &Value) -> Review {
    Review::of(&canonical(&tool()), &canonical(new), &names())
}

/// Returns the class, kinds and path of the only change that setting `pointer` makes.
pub fn change(pointer: &str, value: Option<Value>) -> (Class, Vec<ChangeKind>, String) {
    let review = review(&with(pointer, value));
    let [change] = review.changes() else { panic!("{pointer}: {review}") };
    let kinds = change.reasons.iter().map(|reason| reason.kind).collect();
    (change.class, kinds, change.path.clone())
}

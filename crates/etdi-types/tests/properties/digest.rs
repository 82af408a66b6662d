//! Properties of the digest: every value of a definition changes it; another spelling, the served
//! name and the evidence do not.

use etdi_testkit::spelling::{spell, text, value};
use etdi_types::json::{Limits, parse, parse_canonical};
use etdi_types::{Digest, ToolDefinition};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Returns a tool with every member that MCP or section 1 defines, and some undefined members.
fn full() -> Value {
    json!({
        "name": "scan",
        "title": "Scanner",
        "description": "Finds personal data.",
        "inputSchema": {"type": "object", "properties": {"document": {"type": "string"}}, "maximum": 1.5},
        "outputSchema": {"type": "object", "required": ["findings"]},
        "annotations": {"title": "S", "readOnlyHint": true, "destructiveHint": false, "x": null},
        "icons": [{"src": "https://a.example/i.png", "mimeType": "image/png", "sizes": ["48x48"]}],
        "execution": {"taskSupport": "optional"},
        "unknown": [[], {}, null, 0, ""],
        "signature": "here it is covered",
        "_meta": {
            "com.example/other": {"signature": "covered", "attestation": "covered"},
            "signature": "covered",
            "dev.etdi/definition": {
                "schema": 1,
                "id": "trustedsoft.example/scan",
                "name": "scan",
                "version": "1.2.0",
                "provider": {"id": "https://trustedsoft.example", "name": "TrustedSoft"},
                "servers": ["https://docs.example/mcp", "stdio"],
                "permissions": [{"scope": "execute:tools", "description": "run", "required": true}],
                "require_call_proof": false,
                "signature": "a..b",
                "attestation": "a.b.c"
            }
        }
    })
}

fn digest(tool: &Value) -> Option<Digest> {
    ToolDefinition::parse(tool.to_string().as_bytes()).ok().map(|definition| definition.digest())
}

/// Collects the JSON pointers of all values in `value`, except for `value` itself.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    let mut go = |name: &str, child: &Value| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        out.push(pointer.clone());
        pointers(child, &pointer, out);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, child)| go(name, child)),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, child)| go(&index.to_string(), child));
        }
        _ => {}
    }
}

const DEFINITION: &str = "/_meta/dev.etdi~1definition";

/// Returns whether section 2 leaves this member out of the digest: the served name and the
/// evidence.
fn is_left_out(pointer: &str) -> bool {
    let evidence = ["signature", "attestation"].map(|name| format!("{DEFINITION}/{name}"));
    pointer == "/name" || evidence.iter().any(|e| e == pointer)
}

#[test]
fn the_digest_changes_with_every_value_and_with_every_removal() {
    let tool = full();
    let original = digest(&tool).unwrap();
    let mut all = Vec::new();
    pointers(&tool, "", &mut all);
    assert!(all.len() > 50, "{}", all.len());
    for pointer in all {
        let mut changed = tool.clone();
        let value = changed.pointer_mut(&pointer).unwrap();
        *value = match &*value {
            Value::String(text) => format!("{text}2").into(),
            Value::Bool(b) => (!b).into(),
            Value::Number(_) => json!(2),
            Value::Null => json!(false),
            _ => json!("another"),
        };
        let mut removed = tool.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match removed.pointer_mut(parent).unwrap() {
            Value::Object(members) => {
                members.remove(&name.replace("~1", "/"));
            }
            Value::Array(elements) => {
                elements.remove(name.parse().unwrap());
            }
            other => panic!("{pointer} stands in {other}"),
        }
        if is_left_out(&pointer) {
            assert_eq!(digest(&changed), Some(original), "{pointer}");
            let gone = (pointer != "/name").then_some(original);
            assert_eq!(digest(&removed), gone, "{pointer}");
        } else {
            // A refused definition has no digest, which counts as another digest.
            assert_ne!(digest(&changed), Some(original), "{pointer}");
            assert_ne!(digest(&removed), Some(original), "{pointer}");
        }
    }
}

/// Picks a member of a definition that may hold any value.
fn any_member() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "/title",
        "/description",
        "/inputSchema",
        "/outputSchema",
        "/annotations",
        "/icons",
        "/execution",
        "/unknown",
        "/inputSchema/properties",
        "/annotations/x",
        "/_meta/com.example~1other",
    ])
}

proptest! {
    #[test]
    fn the_spelling_does_not_change_the_digest(member in any_member(), v in value(), choices: u64) {
        let mut tool = full();
        *tool.pointer_mut(member).unwrap() = v;
        let spelled = spell(&tool, choices);
        let definition = ToolDefinition::parse(spelled.as_bytes());
        prop_assert_eq!(definition.map(|d| d.digest()).ok(), digest(&tool), "{}", spelled);
    }

    #[test]
    fn two_values_of_one_member_have_two_digests(member in any_member(), a in value(), b in value()) {
        let with = |v: &Value| {
            let mut tool = full();
            *tool.pointer_mut(member).unwrap() = v.clone();
            digest(&tool).unwrap()
        };
        // Numbers are doubles: 1 and 1.0 are the same value, and so are 0 and -0.0.
        let same = parse(a.to_string().as_bytes(), Limits::TOOL).unwrap().to_canonical()
            == parse(b.to_string().as_bytes(), Limits::TOOL).unwrap().to_canonical();
        prop_assert_eq!(with(&a) == with(&b), same);
    }

    #[test]
    fn a_new_member_changes_the_digest(name in text(), v in value()) {
        let mut tool = full();
        prop_assume!(tool.get(&name).is_none());
        tool[&name] = v;
        prop_assert_ne!(digest(&tool).unwrap(), digest(&full()).unwrap());
    }

    #[test]
    fn the_evidence_and_the_served_name_do_not_change_the_digest(
        served in "[a-z\u{430}]{1,9}", signature in text(), attestation in text(),
    ) {
        let mut tool = full();
        tool["name"] = served.into();
        *tool.pointer_mut(&format!("{DEFINITION}/signature")).unwrap() = signature.into();
        *tool.pointer_mut(&format!("{DEFINITION}/attestation")).unwrap() = attestation.into();
        prop_assert_eq!(digest(&tool), digest(&full()));
    }

    #[test]
    fn the_canonical_form_is_a_fixed_point(v in value(), choices: u64) {
        let spelled = spell(&v, choices);
        let canonical = parse(spelled.as_bytes(), Limits::TOOL).unwrap().to_canonical();
        prop_assert_eq!(parse_canonical(&canonical).unwrap().to_canonical(), canonical.clone());
        // The writer writes large doubles as integers. Without them, the canonical form is also
        // valid received text.
        if let Ok(again) = parse(canonical.as_bytes(), Limits::TOOL) {
            prop_assert_eq!(again.to_canonical(), canonical);
        }
    }

    #[test]
    fn a_canonical_definition_is_its_own_canonical_form(description in text()) {
        let mut tool = full();
        tool["description"] = description.into();
        let first = ToolDefinition::parse(tool.to_string().as_bytes()).unwrap();
        let again = ToolDefinition::parse(first.canonical().as_bytes()).unwrap();
        prop_assert_eq!(again.canonical(), first.canonical());
        prop_assert_eq!(again.digest(), first.digest());
    }

    #[test]
    fn a_repeated_member_is_refused_in_every_spelling(name in text(), choices: u64) {
        let member = |choices| {
            let spelled = spell(&Value::from(name.clone()), choices);
            format!("{spelled}:0")
        };
        let twice = format!("{{{},{}}}", member(choices), member(choices.rotate_left(21)));
        prop_assert!(parse(twice.as_bytes(), Limits::TOOL).is_err());
    }
}

//! Runs the Auth0 Action in Node.js with the objects that Auth0 passes to it, and checks that it
//! attests only the tools that it should.

use std::process::Command;

use etdi_testkit::book::blocks;
use serde_json::{Value, json};

const AUDIENCE: &str = "https://attestations.trustedsoft.example";
const CLAIM: &str = "https://etdi.dev/definitions";

/// Runs the Action once. Prints the claims that it set and the reasons for which it denied.
const HARNESS: &str = r#"
const [code, request] = process.argv.slice(1);
const exports = {};
new Function("exports", code)(exports);
const { audience, definitions, authorities } = JSON.parse(request);
const did = { claims: {}, denied: [] };
const event = {
  resource_server: { identifier: audience },
  request: { body: definitions === null ? {} : { etdi_definitions: definitions } },
  client: { metadata: authorities === null ? undefined : { etdi_authorities: authorities } },
};
const api = {
  access: { deny: (code, why) => did.denied.push(`${code}: ${why}`) },
  accessToken: { setCustomClaim: (name, value) => (did.claims[name] = value) },
};
exports.onExecuteCredentialsExchange(event, api).then(() => console.log(JSON.stringify(did)));
"#;

fn run(audience: &str, definitions: Option<&str>, authorities: Option<&str>) -> Value {
    let scripts: Vec<_> = blocks().into_iter().filter(|block| block.language() == "js").collect();
    let [script] = scripts.as_slice() else { panic!("{} scripts, not one", scripts.len()) };
    let request =
        json!({"audience": audience, "definitions": definitions, "authorities": authorities});
    let output = Command::new("node")
        .args(["-e", HARNESS, &script.text, &request.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn definition(id: &str) -> Value {
    json!({"id": id, "version": "1.2.0", "digest": "sha256:00", "more": 1})
}

#[test]
fn the_auth0_action_attests_the_tool_ids_of_the_clients_own_authorities() {
    let asked = json!([definition("trustedsoft.example/scan"), definition("b.example/x/y")]);
    let did = run(AUDIENCE, Some(&asked.to_string()), Some("trustedsoft.example b.example"));
    let attested = json!([
        {"id": "trustedsoft.example/scan", "version": "1.2.0", "digest": "sha256:00"},
        {"id": "b.example/x/y", "version": "1.2.0", "digest": "sha256:00"},
    ]);
    assert_eq!(did, json!({"claims": {CLAIM: attested}, "denied": []}));
}

#[test]
fn the_auth0_action_denies_what_the_client_may_not_have_attested() {
    let own = Some("trustedsoft.example");
    let foreign = json!([definition("trustedsoft.example/scan"), definition("b.example/x")]);
    let longer = json!([definition("trustedsoft.example.evil.example/scan")]);
    let untyped = json!([{"id": "trustedsoft.example/scan", "version": 1, "digest": "sha256:00"}]);
    for (definitions, authorities) in [
        (foreign.to_string(), own),
        (longer.to_string(), own),
        (untyped.to_string(), own),
        (json!([definition("trustedsoft.example/scan")]).to_string(), None),
        ("not JSON".to_owned(), own),
        ("{}".to_owned(), own),
    ] {
        let did = run(AUDIENCE, Some(&definitions), authorities);
        assert_eq!(did["claims"], json!({}), "{definitions}");
        assert_eq!(did["denied"].as_array().unwrap().len(), 1, "{definitions}");
    }
}

#[test]
fn the_auth0_action_leaves_other_requests_alone() {
    let asked = json!([definition("trustedsoft.example/scan")]).to_string();
    let nothing = json!({"claims": {}, "denied": []});
    assert_eq!(run("https://api.example", Some(&asked), Some("trustedsoft.example")), nothing);
    assert_eq!(run(AUDIENCE, None, Some("trustedsoft.example")), nothing);
}

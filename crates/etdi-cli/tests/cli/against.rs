//! Approving a refused tool: with an explicit flag, one tool at a time, and only in the cases where a
//! person may.

use etdi_testkit::folder::{COMMAND, Folder, Ran};
use etdi_testkit::publisher::{PRIVATE_PEM, SPEC, key};
use etdi_testkit::terminal;
use serde_json::{Value, json};

use crate::program::new_folder;

/// Returns a folder with a server of the signed tool, whose key is unknown.
pub(crate) fn unknown_signer() -> Folder {
    let folder = new_folder();
    assert_eq!(folder.run(&["init", "--empty"]).code, 0);
    signed(folder, "1.2.0")
}

/// Returns a folder with a server of the signed tool, whose key is trusted.
fn known_signer(version: &str) -> Folder {
    signed(new_folder().trusting(), version)
}

fn signed(folder: Folder, version: &str) -> Folder {
    folder.put("publisher.pem", PRIVATE_PEM);
    let jwk = serde_json::to_string(key().public_jwk()).unwrap();
    folder.put("publisher.jwk", &jwk);
    let tools = tools_of(&folder, version);
    folder.serving(&tools)
}

fn tools_of(folder: &Folder, version: &str) -> Value {
    let spec = SPEC.replace("https://docs.example/mcp", "stdio").replace("1.2.0", version);
    folder.put("spec.toml", &spec);
    let sign = ["sign", "tool.json", "--key", "publisher.pem", "--spec", "spec.toml"];
    let ran = folder.run(&sign);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str::<Value>(&ran.out).unwrap()["tools"].clone()
}

fn run(folder: &Folder, arguments: &[&str]) -> Ran {
    folder.run(&[arguments, &COMMAND[..]].concat())
}

fn asked(folder: &Folder, arguments: &[&str], script: terminal::Script<'_>) -> terminal::Screen {
    let arguments = [arguments, &["--by", "alice"], &COMMAND[..]].concat();
    terminal::run(folder, 120, &arguments, script)
}

fn digest(folder: &Folder) -> String {
    run(folder, &["show", "scan", "--json"]).json()["digest"].as_str().unwrap().to_owned()
}

fn approvals(folder: &Folder) -> Vec<Value> {
    folder.run(&["list", "--json"]).json()["approvals"].as_array().unwrap().clone()
}

#[test]
fn a_key_that_is_not_configured_is_pinned_for_this_server_only() {
    let folder = unknown_signer();
    let screen = asked(&folder, &["approve", "scan"], &[]);
    assert_eq!(screen.code, 1, "{}", screen.text());
    assert!(screen.text().contains("--override"), "{}", screen.text());
    let screen = asked(&folder, &["approve", "scan", "--override"], &[]);
    assert_eq!(screen.code, 1, "{}", screen.text());
    assert!(screen.text().contains("--key FILE"), "{}", screen.text());
    let arguments = ["approve", "scan", "--override", "--key", "publisher.jwk"];
    let screen = asked(&folder, &arguments, &[("Approve it anyway?", "n")]);
    assert_eq!((screen.code, approvals(&folder).len()), (1, 0), "{}", screen.text());
    let screen = asked(&folder, &arguments, &[("Approve it anyway?", "y")]);
    assert_eq!(screen.code, 0, "{}", screen.text());
    let pinned = format!("pins the key {}", key().public_jwk().thumbprint());
    assert!(screen.text().contains("for this server only"), "{}", screen.text());
    assert!(screen.text().contains(&pinned), "{}", screen.text());
    let all = approvals(&folder);
    assert_eq!((all.len(), &all[0]["basis"]), (1, &json!("pinned_key")));
    assert_eq!(run(&folder, &["discover"]).code, 0);
    // The key is not pinned for another server with the same tool.
    assert_eq!(folder.run(&["discover", "--", "/bin/sh", "server.sh", "other"]).code, 1);
}

#[test]
fn a_key_that_did_not_sign_is_refused() {
    let folder = unknown_signer();
    assert_eq!(folder.run(&["keys", "generate"]).code, 0);
    let ran = folder.run(&["keys", "export"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    folder.put("other.jwks", &ran.out);
    let digest = digest(&folder);
    let yes = ["approve", "scan", "--by", "alice", "--override", "--yes", &digest];
    let ran = run(&folder, &[&yes[..], &["--key", "other.jwks"]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("did not sign"), "{}", ran.err);
    assert!(approvals(&folder).is_empty());
    let ran = run(&folder, &[&yes[..], &["--key", "publisher.jwk"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn an_earlier_version_is_approved_again_only_by_override() {
    let folder = known_signer("1.2.0");
    let yes = digest(&folder);
    assert_eq!(run(&folder, &["approve", "scan", "--by", "alice", "--yes", &yes]).code, 0);
    let older = tools_of(&folder, "1.1.0");
    folder.lists(&older);
    let digest = digest(&folder);
    let yes = ["approve", "scan", "--by", "alice", "--yes", &digest];
    let ran = run(&folder, &yes);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("etdi approve scan --override -- /bin/sh server.sh"), "{}", ran.err);
    let screen = asked(
        &folder,
        &["approve", "scan", "--override"],
        &[("approves an earlier definition again, lower than 1.2.0", ""), ("Approve it", "y")],
    );
    assert_eq!(screen.code, 0, "{}", screen.text());
    assert_eq!(run(&folder, &["discover"]).code, 0);
    assert_eq!(approvals(&folder)[0]["basis"], "override");
    assert!(folder.run(&["list"]).out.contains(", against a refusal"));
}

#[test]
fn an_approval_that_granted_too_little_can_be_overridden() {
    let folder = known_signer("1.2.0");
    let digest = digest(&folder);
    let yes = ["approve", "scan", "--by", "alice", "--yes", &digest];
    let ran = run(&folder, &[&yes[..], &["--grant", "documents:write"]].concat());
    assert_eq!(ran.code, 1, "a required permission is missing: {}", ran.err);
    assert_eq!(run(&folder, &["discover"]).code, 1);
    assert_eq!(run(&folder, &yes).code, 1, "only by override");
    let ran = run(&folder, &[&yes[..], &["--override"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(approvals(&folder)[0]["granted"], json!(["documents:read"]));
}

#[test]
fn an_override_counts_for_the_digest_that_was_shown() {
    let folder = unknown_signer();
    let other = format!("sha256:{}", "0".repeat(64));
    let flags = ["--by", "alice", "--override", "--key", "publisher.jwk"];
    let ran = run(&folder, &[&["approve", "scan", "--yes", &other], &flags[..]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(
        run(&folder, &[&["approve", "scan"], &flags[..]].concat()).code,
        1,
        "no person sees the tool"
    );
    assert!(approvals(&folder).is_empty());
}

#[test]
fn a_tool_that_is_not_refused_cannot_be_overridden() {
    let folder = known_signer("1.2.0");
    let digest = digest(&folder);
    let yes = ["approve", "scan", "--by", "alice", "--override", "--yes", &digest];
    let ran = run(&folder, &yes);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("waits for approval"), "{}", ran.err);
    assert!(approvals(&folder).is_empty());
}

#[test]
fn a_tool_that_no_person_may_approve_is_refused_with_the_flag_as_well() {
    let folder = known_signer("1.2.0");
    let mut tools = tools_of(&folder, "1.2.0");
    tools[0]["description"] = json!("Another one.");
    folder.lists(&tools);
    let digest = digest(&folder);
    for flags in [&["--override"][..], &["--override", "--key", "publisher.jwk"]] {
        let yes = ["approve", "scan", "--by", "alice", "--yes", &digest];
        let ran = run(&folder, &[&yes[..], flags].concat());
        assert_eq!(ran.code, 1, "{}", ran.err);
    }
    assert!(approvals(&folder).is_empty());
    let listed = run(&folder, &["approve", "--all", "--by", "alice", "--json"]);
    assert_eq!(
        (listed.code, &listed.json()["servers"][0]["refused"][0]["name"]),
        (1, &json!("scan"))
    );
}

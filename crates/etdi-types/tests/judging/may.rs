//! Tests of the third answer: whether the tool may be called.

use etdi_types::verdict::DenyReason;
use etdi_types::{May, Notice, Scope, SecurityLevel, decide, decision::Action};

use crate::scene::{Scene, Tool, kinds};

fn missing(scopes: &[&str]) -> May {
    May::Denied {
        why: DenyReason::MissingScopes {
            scopes: scopes.iter().map(|s| s.parse().unwrap()).collect(),
        },
    }
}

fn two_required(key: &etdi_types::SigningKey) -> etdi_types::ToolDefinition {
    Tool::version("1.0.0")
        .permission("execute:tools", true)
        .permission("read:files", true)
        .permission("write:files", false)
        .signed(key)
}

#[test]
fn without_a_policy_the_server_judges() {
    let scene = Scene::new();
    assert_eq!(scene.judge(&two_required(&scene.key)).may, May::NotEvaluated);
    assert_eq!(scene.judge(&Tool::version("1.0.0").unsigned()).may, May::NotEvaluated);
}

#[test]
fn an_approval_without_permissions_grants_no_scope_and_every_missing_scope_is_named() {
    let mut scene = Scene::new();
    let tool = two_required(&scene.key);
    scene.approve_with(&tool, &scene.evidence(&tool), &[]);
    let verdict = scene.judge(&tool);
    assert_eq!(kinds(&verdict), ["approved"]);
    assert_eq!(verdict.may, missing(&["execute:tools", "read:files"]));
    assert_eq!(decide(SecurityLevel::Enhanced, &verdict).action, Action::Block);
    assert_eq!(decide(SecurityLevel::Basic, &verdict).action, Action::Warn);
}

#[test]
fn one_required_permission_that_is_not_granted_is_denied() {
    let mut scene = Scene::new();
    let tool = two_required(&scene.key);
    scene.approve_with(&tool, &scene.evidence(&tool), &["execute:tools", "write:files"]);
    assert_eq!(scene.judge(&tool).may, missing(&["read:files"]));
}

#[test]
fn a_missing_optional_permission_does_not_deny_the_call() {
    let mut scene = Scene::new();
    let tool = two_required(&scene.key);
    scene.approve_with(&tool, &scene.evidence(&tool), &["execute:tools", "read:files"]);
    assert_eq!(scene.judge(&tool).may, May::NotEvaluated);
    assert_eq!(scene.known.approvals[0].granted.len(), 2);
}

#[test]
fn scopes_are_compared_case_sensitively_and_whole() {
    let mut scene = Scene::new();
    let tool = two_required(&scene.key);
    scene.approve_with(&tool, &scene.evidence(&tool), &["execute:Tools", "read:"]);
    assert_eq!(scene.judge(&tool).may, missing(&["execute:tools", "read:files"]));
}

#[test]
fn known_scopes_of_calls_are_checked() {
    let mut scene = Scene::new();
    let tool = two_required(&scene.key);
    let all: Vec<Scope> = ["execute:tools", "read:files"].map(|s| s.parse().unwrap()).into();
    scene.scopes = Some(all.clone());
    assert_eq!(scene.judge(&tool).may, May::Allowed);
    scene.scopes = Some(all[..1].to_vec());
    assert_eq!(scene.judge(&tool).may, missing(&["read:files"]));
    // The scopes that calls carry do not replace permissions that were not granted.
    scene.scopes = Some(all);
    scene.approve_with(&tool, &scene.evidence(&tool), &["read:files"]);
    assert_eq!(scene.judge(&tool).may, missing(&["execute:tools"]));
}

#[test]
fn a_tool_that_wants_call_proofs_is_denied() {
    let scene = Scene::new();
    let mut tool = Tool::version("1.0.0");
    tool.spec.require_call_proof = true;
    let verdict = scene.judge(&tool.signed(&scene.key));
    assert_eq!(verdict.may, May::Denied { why: DenyReason::Proof });
}

#[test]
fn hidden_characters_are_flagged_also_where_json_escapes_them() {
    let scene = Scene::new();
    for text in ["a\u{e0041}", "a\u{202e}b", "a\u{200b}", "\u{1b}[31mred", "a\u{7}", "\u{9b}x"] {
        let verdict = scene.judge(&Tool::version("1.0.0").described(text).unsigned());
        assert_eq!(verdict.notices, [Notice::HiddenCharacters], "{text:?}");
    }
    let named = scene.judge(&Tool::version("1.0.0").served_as("sc\u{200b}an").signed(&scene.key));
    assert!(named.notices.contains(&Notice::HiddenCharacters));
    let plain = scene.judge(&Tool::version("1.0.0").described("two\nlines\tü").unsigned());
    assert_eq!(plain.notices, []);
}

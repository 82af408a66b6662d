//! From a listing to a call: the questions, the records, and the refusals.

use std::sync::Arc;

use etdi_client::{
    Approval, ApprovalRequest, ApproveError, CallError, Decision, EtdiClient, MemoryApprovals,
    Refusal, ServerConnection, StoreError,
};
use etdi_types::trust::TrustedProvider;
use etdi_types::{DefinitionSpec, Permission, Provider, SigningKey, TrustConfig, What, Who};
use serde_json::{Map, Value, json};

use crate::script::Script;
use crate::servers::{HttpServer, WAYS, Way, client, connect};

const PROVIDER: &str = "https://trusted.example";
const UNSIGNED: &str = r#"{"name":"scan","description":"a","inputSchema":{"type":"object"}}"#;

pub fn signed(
    key: &SigningKey,
    version: &str,
    description: &str,
    scopes: &[(&str, bool)],
) -> String {
    let provider = Provider::new(PROVIDER, "Trusted").unwrap();
    let id = "trusted.example/scan".parse().unwrap();
    let mut spec = DefinitionSpec::new(id, version.parse().unwrap(), provider);
    for (scope, required) in scopes {
        let mut permission = Permission::optional(scope.parse().unwrap(), "why");
        permission.required = *required;
        spec.permissions.push(permission);
    }
    let tool =
        json!({"name": "scan", "description": description, "inputSchema": {"type": "object"}});
    let Value::Object(tool) = tool else { panic!() };
    serde_json::to_string(spec.sign(&tool, key).unwrap().tool()).unwrap()
}

pub fn trusting(key: &SigningKey) -> TrustConfig {
    let entry = TrustedProvider::new(PROVIDER, "trusted.example", key.public_jwk().clone());
    TrustConfig::new(vec![entry]).unwrap()
}

async fn decision(connection: &ServerConnection) -> Decision {
    let tools = connection.discover().await.unwrap();
    connection.decide(&tools[0]).await.unwrap()
}

async fn asked(connection: &ServerConnection) -> ApprovalRequest {
    match decision(connection).await {
        Decision::Ask(request) => request,
        other => panic!("{other:?}"),
    }
}

async fn blocked(connection: &ServerConnection) -> Refusal {
    match decision(connection).await {
        Decision::Block(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Serves a signed tool on HTTP, and connects a client that trusts its key.
async fn scene(scopes: &[(&str, bool)]) -> (SigningKey, HttpServer, ServerConnection) {
    let key = SigningKey::generate().unwrap();
    let script = Script::of(&[&signed(&key, "1.0.0", "a", scopes)]);
    let server = HttpServer::start(script, Way::Json).await;
    let client = EtdiClient::builder(trusting(&key)).definition_max_age(std::time::Duration::ZERO);
    let connection = client.build().unwrap().connect_http(&server.uri).await.unwrap();
    (key, server, connection)
}

#[tokio::test]
async fn tools_of_a_server_without_etdi_are_asked_about_and_work() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::of(&[UNSIGNED]) };
        let connection = connect(&client(), way, script).await.unwrap();
        assert!(connection.visible_tools().await.unwrap().is_empty(), "{way:?}");
        let request = asked(&connection).await;
        assert_eq!(request.tool().verdict().unwrap().who, Who::Anonymous);
        let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
        let arguments = Map::from_iter([("path".to_owned(), json!("/a"))]);
        let result = connection.call(&tool, arguments).await.unwrap();
        let text = serde_json::to_string(&result.content).unwrap();
        assert!(text.contains("/a"), "{way:?} modern: {modern}: {text}");
        assert_eq!(connection.visible_tools().await.unwrap().len(), 1);
    }
}

/// One approval of three tools reads the list once. The person learns that the changed tool is not
/// approved.
#[tokio::test]
async fn several_tools_are_approved_on_one_reading_and_a_changed_one_is_not() {
    let tool = |name: &str, text: &str| UNSIGNED.replace("scan", name).replace("\"a\"", text);
    let lists =
        |changed: &str| [tool("one", "\"a\""), tool("two", changed), tool("three", "\"c\"")];
    let [one, two, three] = lists("\"b\"");
    let server = HttpServer::start(Script::of(&[&one, &two, &three]), Way::Json).await;
    let connection = client().connect_http(&server.uri).await.unwrap();
    let mut requests = Vec::new();
    for tool in connection.discover().await.unwrap() {
        let Decision::Ask(request) = connection.decide(&tool).await.unwrap() else { panic!() };
        requests.push(request);
    }
    let [one, two, three] = lists("\"steals\"");
    server.script.serve(&[&one, &two, &three]);
    let read = server.script.lists();
    let results = connection.approve_all(requests, &Approval::by("alice")).await.unwrap();
    assert_eq!(server.script.lists(), read + 1);
    let [Ok(one), Err(ApproveError::Changed(two)), Ok(three)] = results.as_slice() else {
        panic!("{results:?}")
    };
    assert_eq!([one.name(), two.name(), three.name()], ["one", "two", "three"]);
    assert_eq!(connection.visible_tools().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_tampered_definition_is_blocked_and_cannot_be_overridden() {
    let (key, server, connection) = scene(&[]).await;
    let request = asked(&connection).await;
    let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
    server.script.serve(&[&signed(&key, "1.0.0", "poisoned", &[])]);
    let error = connection.call(&tool, Map::new()).await.unwrap_err();
    let CallError::Blocked(refusal) = error else { panic!("{error:?}") };
    let what = &refusal.tool().verdict().unwrap().what;
    assert!(matches!(what[0], What::Tampered { signer_valid: true, .. }), "{what:?}");
    assert!(refusal.override_request().is_none());
    assert_eq!(server.script.calls(), 0);
    // The tool works again only after a person forgets it.
    assert!(connection.forget("scan").await.unwrap());
    let what = asked(&connection).await.tool().verdict().unwrap().what.clone();
    assert_eq!(what, [What::New]);
}

#[tokio::test]
async fn an_old_version_is_let_through_by_an_override_only() {
    let (key, server, connection) = scene(&[]).await;
    let request = asked(&connection).await;
    connection.approve(request, Approval::by("alice")).await.unwrap();
    server.script.serve(&[&signed(&key, "2.0.0", "b", &[])]);
    let request = asked(&connection).await;
    connection.approve(request, Approval::by("alice")).await.unwrap();
    server.script.serve(&[&signed(&key, "1.0.0", "a", &[])]);
    let refusal = blocked(&connection).await;
    let what = &refusal.tool().verdict().unwrap().what;
    assert!(matches!(what[0], What::RolledBack { .. }), "{what:?}");
    let request = refusal.override_request().unwrap();
    assert!(request.overrides_a_refusal());
    let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
    connection.call(&tool, Map::new()).await.unwrap();
}

#[tokio::test]
async fn the_definition_at_the_answer_must_be_the_one_that_was_shown() {
    let (key, server, connection) = scene(&[]).await;
    let request = asked(&connection).await;
    server.script.serve(&[&signed(&key, "1.0.1", "b", &[])]);
    let error = connection.approve(request.clone(), Approval::by("alice")).await.unwrap_err();
    assert!(matches!(error, ApproveError::Changed(_)), "{error:?}");
    server.script.serve(&[]);
    let error = connection.approve(request, Approval::by("alice")).await.unwrap_err();
    assert!(matches!(&error, ApproveError::Gone(name) if name == "scan"), "{error:?}");
}

#[tokio::test]
async fn one_of_two_clients_that_approve_different_digests_gets_a_conflict() {
    let (key, server, _) = scene(&[]).await;
    let store = Arc::new(MemoryApprovals::new());
    let client = || {
        let client = EtdiClient::builder(trusting(&key)).shared_approvals(store.clone());
        client.build().unwrap()
    };
    let alice = client().connect_http(&server.uri).await.unwrap();
    let bob = client().connect_http(&server.uri).await.unwrap();
    let first = asked(&alice).await;
    server.script.serve(&[&signed(&key, "2.0.0", "b", &[])]);
    let second = asked(&bob).await;
    bob.approve(second, Approval::by("bob")).await.unwrap();
    server.script.serve(&[&signed(&key, "1.0.0", "a", &[])]);
    let error = alice.approve(first, Approval::by("alice")).await.unwrap_err();
    // When Alice answers, Bob has approved a newer definition than the one that she saw.
    let told = matches!(
        error,
        ApproveError::Store(StoreError::Conflict { .. }) | ApproveError::Blocked(_)
    );
    assert!(told, "{error:?}");
}

#[tokio::test]
async fn required_permissions_are_granted_by_default_but_not_by_an_empty_set() {
    let (_, server, connection) = scene(&[("read:files", true), ("send:mail", false)]).await;
    let request = asked(&connection).await;
    let none = Approval::by("alice").granting([]);
    let error = connection.approve(request, none).await.unwrap_err();
    let ApproveError::Blocked(refusal) = error else { panic!("{error:?}") };
    assert!(refusal.to_string().contains("read:files"), "{refusal}");
    assert!(!refusal.to_string().contains("not granted: send:mail"), "{refusal}");
    blocked(&connection).await;
    assert_eq!(server.script.calls(), 0);
    connection.forget("scan").await.unwrap();
    let request = asked(&connection).await;
    let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
    connection.call(&tool, Map::new()).await.unwrap();
}

#[tokio::test]
async fn an_untrusted_key_needs_the_person_to_bring_it() {
    let (key, wrong) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let script = Script::of(&[&signed(&key, "1.0.0", "a", &[])]);
    let server = HttpServer::start(script, Way::Json).await;
    let client = client();
    let connection = client.connect_http(&server.uri).await.unwrap();
    let request = blocked(&connection).await.override_request().unwrap();
    let alice = || Approval::by("alice");
    let error = connection.approve(request.clone(), alice()).await.unwrap_err();
    assert!(matches!(error, ApproveError::KeyRequired), "{error:?}");
    let brings = alice().pinning(wrong.public_jwk().clone());
    let error = connection.approve(request.clone(), brings).await.unwrap_err();
    assert!(matches!(error, ApproveError::WrongKey(_)), "{error:?}");
    blocked(&connection).await;
    let brings = alice().pinning(key.public_jwk().clone());
    let tool = connection.approve(request, brings).await.unwrap();
    connection.call(&tool, Map::new()).await.unwrap();
    // The key is trusted for this server only.
    let script = Script::of(&[&signed(&key, "1.0.0", "a", &[])]);
    let elsewhere = HttpServer::start(script, Way::Json).await;
    let other = client.connect_http(&elsewhere.uri).await.unwrap();
    blocked(&other).await;
}

#[tokio::test]
async fn a_second_key_does_not_take_the_place_of_a_pinned_one() {
    let (first, second) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let script = Script::of(&[&signed(&first, "1.0.0", "a", &[])]);
    let server = HttpServer::start(script, Way::Json).await;
    let connection = client().connect_http(&server.uri).await.unwrap();
    let request = blocked(&connection).await.override_request().unwrap();
    let brings = Approval::by("alice").pinning(first.public_jwk().clone());
    connection.approve(request, brings).await.unwrap();
    server.script.serve(&[&signed(&second, "1.1.0", "b", &[])]);
    let refusal = blocked(&connection).await;
    let what = &refusal.tool().verdict().unwrap().what;
    assert!(what.iter().any(|what| matches!(what, What::EvidenceLost { .. })), "{what:?}");
    assert!(refusal.override_request().is_none());
}

#[tokio::test]
async fn only_scopes_that_the_definition_asks_for_can_be_granted() {
    let (_, server, connection) = scene(&[("read:files", true)]).await;
    let request = asked(&connection).await;
    let too_much = Approval::by("alice").granting(["send:mail".parse().unwrap()]);
    let error = connection.approve(request, too_much).await.unwrap_err();
    assert!(matches!(&error, ApproveError::UnknownScope(s) if s.as_str() == "send:mail"));
    assert!(matches!(decision(&connection).await, Decision::Ask(_)));
    assert_eq!(server.script.calls(), 0);
}

#[tokio::test]
async fn a_call_carries_the_meta_of_the_host_but_no_progress_token_of_it() {
    let (_, server, connection) = scene(&[]).await;
    let request = asked(&connection).await;
    let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
    let meta = json!({"com.example/trace": "7", "progressToken": 99});
    let meta = serde_json::from_value(meta).unwrap();
    connection.call_with_meta(&tool, Map::new(), meta).await.unwrap();
    let sent = server.script.called_with.lock().unwrap()["_meta"].clone();
    assert_eq!(sent["com.example/trace"], "7");
    assert_ne!(sent["progressToken"], 99);
    connection.call(&tool, Map::new()).await.unwrap();
    let sent = server.script.called_with.lock().unwrap()["_meta"].clone();
    assert!(sent.get("com.example/trace").is_none(), "{sent}");
}

//! Calls over HTTP, judged by the caller's own token.

use std::sync::Arc;

use etdi_oauth::Auth0Provider;
use etdi_server::{SecureServer, SecureServerBuilder, ToolSpec, UNAUTHENTICATED};
use etdi_testkit::handler::CountingHandler;
use etdi_testkit::issuer::{API, ATTESTATIONS, Issuer};
use etdi_testkit::keys::{FIRST, KID};
use serde_json::{Value, json};

use crate::app::{builder, key, tool};
use crate::site::{HTTP_ROUTES, METADATA, RESOURCE, Site, bearing, in_session, send};
use crate::wire::{LEGACY, MODERN, Route};

pub const JSON: (Route, &str) = (Route::Json, LEGACY);

/// Describes `harmless` for every caller, `scan` for callers with both scopes, `known` for callers
/// with any token.
pub async fn describe(idp: &Issuer) -> SecureServerBuilder {
    builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .audience(API)
        .clock(Arc::clone(&idp.clock))
        .tool("harmless", ToolSpec::version("1.0.0"))
        .tool("scan", ToolSpec::version("1.0.0").requires("execute:tools").requires("read:files"))
        .tool("known", ToolSpec::version("1.0.0").require_auth())
}

pub async fn secure(idp: &Issuer) -> SecureServer {
    describe(idp).await.build().await.unwrap()
}

pub fn app() -> CountingHandler {
    CountingHandler::new([tool("harmless"), tool("scan"), tool("known")]).on_one_page()
}

#[tokio::test]
async fn a_call_with_every_scope_reaches_the_tool() {
    let idp = Issuer::start().await;
    let (secure, token) = (secure(&idp).await, idp.token("alice", "execute:tools read:files"));
    for route in HTTP_ROUTES {
        let app = app();
        let site = Site::start(&secure, app.clone(), route).await;
        let answer = site.call("scan", Some(&token)).await;
        assert_eq!(answer.status, 200, "{route:?} {answer:?}");
        assert_eq!(answer.json()["result"]["content"][0]["text"], "called");
        assert_eq!(app.calls(), 1);
    }
}

#[tokio::test]
async fn attack_41_a_token_without_the_scopes_is_told_every_one_that_is_missing() {
    let idp = Issuer::start().await;
    let secure = secure(&idp).await;
    for route in HTTP_ROUTES {
        let app = app();
        let site = Site::start(&secure, app.clone(), route).await;
        let answer = site.call("scan", Some(&idp.token("alice", "other:scope"))).await;
        assert_eq!(answer.status, 403, "{route:?} {answer:?}");
        assert_eq!(
            answer.challenge.as_deref().unwrap(),
            format!(
                "Bearer resource_metadata=\"{METADATA}\", error=\"insufficient_scope\", \
                 error_description=\"the token lacks execute:tools read:files; get one with all of \
                 execute:tools read:files\", scope=\"execute:tools read:files\""
            )
        );
        assert_eq!(
            answer.json(),
            json!({
                "error": "insufficient_scope",
                "error_description": "the token lacks execute:tools read:files; get one with all \
                                      of execute:tools read:files",
                "required_scopes": ["execute:tools", "read:files"],
                "missing_scopes": ["execute:tools", "read:files"],
            })
        );
        let answer = site.call("scan", Some(&idp.token("alice", "read:files"))).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json()["missing_scopes"], json!(["execute:tools"]));
        // Scopes are compared exactly.
        let near = idp.token("alice", "Execute:tools read:* execute:tools/ read:files");
        assert_eq!(site.call("scan", Some(&near)).await.status, 403);
        assert_eq!(app.calls(), 0);
    }
}

#[tokio::test]
async fn a_call_without_a_token_is_answered_without_an_error_code() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    for route in HTTP_ROUTES {
        let site = Site::start(&secure, app.clone(), route).await;
        let answer = site.call("scan", None).await;
        assert_eq!(answer.status, 401, "{route:?} {answer:?}");
        assert_eq!(
            answer.challenge.as_deref().unwrap(),
            format!("Bearer resource_metadata=\"{METADATA}\", scope=\"execute:tools read:files\"")
        );
        assert_eq!(answer.json().get("error"), None);
        let answer = site.call("known", None).await;
        let challenge = format!("Bearer resource_metadata=\"{METADATA}\"");
        assert_eq!((answer.status, answer.challenge), (401, Some(challenge)));
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn a_token_counts_only_in_a_single_authorization_header() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let site = Site::start(&secure, app.clone(), JSON).await;
    let token = idp.token("alice", "execute:tools read:files");
    let call = || site.ask("tools/call", json!({"name": "scan", "access_token": token}));
    let message =
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "scan"}});
    let in_query = site.post_to(&format!("/mcp?access_token={token}"), message.to_string());
    assert_eq!(send(in_query).await.status, 401);
    assert_eq!(send(call().header("cookie", format!("access_token={token}"))).await.status, 401);
    assert_eq!(send(call().header("authorization", format!("Basic {token}"))).await.status, 401);
    let twice = bearing(bearing(call(), Some(&token)), Some(&token));
    let answer = send(twice).await;
    assert_eq!(answer.status, 400);
    assert!(answer.challenge.unwrap().contains("error=\"invalid_request\""));
    for header in ["Bearer", "Bearer ", "bearer \u{e4}"] {
        let answer = send(call().header("authorization", header.as_bytes())).await;
        assert_eq!(answer.status, 401, "{header}");
        assert!(answer.challenge.unwrap().contains("error=\"invalid_token\""));
    }
    assert_eq!(app.calls(), 0);
    let lower = call().header("authorization", format!("bearer {token}"));
    assert_eq!(send(lower).await.status, 200);
    assert_eq!(app.calls(), 1);
}

#[tokio::test]
async fn attack_30_a_token_that_is_not_valid_is_refused_whatever_it_is_presented_for() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let changed = |name: &str, value: Value| {
        let mut claims = idp.access_claims("alice", "execute:tools read:files");
        claims[name] = value;
        FIRST.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = idp.access_claims("alice", "execute:tools read:files");
        claims.as_object_mut().unwrap().remove(name);
        FIRST.sign(&claims)
    };
    let good = idp.access_claims("alice", "execute:tools read:files");
    let now = etdi_testkit::issuer::NOW;
    let tokens = [
        changed("exp", json!(now - 60)),
        changed("aud", json!(format!("{API}/"))),
        changed("aud", json!({"0": API})),
        changed("aud", json!("https://docs.example")),
        changed("aud", json!(format!("{RESOURCE}/"))),
        changed("iss", json!(idp.issuer.trim_end_matches('/'))),
        changed("iss", json!([idp.issuer])),
        changed("nbf", json!(now + 61)),
        without("exp"),
        without("iat"),
        without("iss"),
        without("aud"),
        FIRST.sign_with(&json!({"alg": "none", "kid": KID}), &good),
        FIRST.sign_with(&json!({"alg": "HS256", "kid": KID}), &good),
        FIRST.sign_with(&json!({"alg": "RS256", "kid": KID, "crit": ["x"], "x": 1}), &good),
        "0123456789".to_owned(),
    ];
    for version in [LEGACY, MODERN] {
        let site = Site::start(&secure, app.clone(), (Route::Json, version)).await;
        for token in &tokens {
            for request in [
                site.ask("tools/call", json!({"name": "scan"})),
                site.ask("tools/call", json!({"name": "harmless"})),
                site.ask("tools/list", json!({})),
                site.get("/mcp"),
            ] {
                let answer = send(bearing(request, Some(token))).await;
                assert_eq!(answer.status, 401, "{answer:?}");
                let start =
                    format!("Bearer resource_metadata=\"{METADATA}\", error=\"invalid_token\", ");
                let challenge = answer.challenge.clone().unwrap();
                assert!(challenge.starts_with(&start), "{challenge}");
                assert_eq!(answer.json()["error"], "invalid_token");
                assert!(!answer.text.contains(token.as_str()), "{answer:?}");
            }
        }
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn attack_29_an_attestation_is_not_a_bearer_token() {
    let idp = Issuer::start().await;
    let secure = builder(&key())
        .attest_with(idp.provider().await)
        .audience(API)
        .clock(Arc::clone(&idp.clock))
        .tool("scan", ToolSpec::version("1.0.0").require_auth())
        .build()
        .await
        .unwrap();
    let app = CountingHandler::new([tool("scan")]);
    secure.check(app.clone()).await.unwrap();
    let published = secure.attestation().unwrap().as_str().to_owned();
    let mut another = idp.access_claims("alice", "");
    another.as_object_mut().unwrap().remove("scope");
    another["aud"] = json!(ATTESTATIONS);
    // The server must refuse a token for both audiences, even if an issuer signed it.
    let mut both = another.clone();
    both["aud"] = json!([API, ATTESTATIONS]);
    for route in HTTP_ROUTES {
        let site = Site::start(&secure, app.clone(), route).await;
        for token in [&published, &FIRST.sign(&another), &FIRST.sign(&both)] {
            let answer = site.call("scan", Some(token)).await;
            assert_eq!(answer.status, 401, "{route:?} {answer:?}");
            assert!(answer.challenge.unwrap().contains("error=\"invalid_token\""));
        }
        let answer = site.call("scan", Some(&published)).await;
        assert!(answer.json()["error_description"].as_str().unwrap().contains("is an attestation"));
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn attack_42_the_body_is_judged_and_never_a_header() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let token = idp.token("alice", "other:scope");
    for (route, version) in HTTP_ROUTES {
        let site = Site::start(&secure, app.clone(), (route, version)).await;
        let session = site.session(None).await;
        let mut params = json!({"name": "scan", "arguments": {}});
        if version == MODERN {
            crate::wire::modern_meta(&mut params);
        }
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        for (method, name) in [("tools/call", "harmless"), ("tools/list", "harmless")] {
            let request = || {
                let request = site.post(message.to_string());
                let request = request.header("mcp-method", method).header("mcp-name", name);
                in_session(request, session.as_deref())
            };
            assert_eq!(send(request()).await.status, 401, "{route:?} {version}");
            let answer = send(bearing(request(), Some(&token))).await;
            assert_eq!(answer.status, 403, "{route:?} {version}");
            assert_eq!(answer.json()["required_scopes"], json!(["execute:tools", "read:files"]));
        }
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn attack_43_bob_has_bobs_rights_on_alices_session() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let site = Site::start(&secure, app.clone(), (Route::Sessions, LEGACY)).await;
    let alice = idp.token("alice", "execute:tools read:files");
    let bob = idp.token("bob", "read:files");
    let session = site.session(Some(&alice)).await;
    assert!(session.is_some());
    let session = session.as_deref();
    assert_eq!(site.call_in(session, "scan", Some(&alice)).await.status, 200);
    let answer = site.call_in(session, "scan", Some(&bob)).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["missing_scopes"], json!(["execute:tools"]));
    assert_eq!(site.call_in(session, "scan", None).await.status, 401);
    assert_eq!(app.calls(), 1);
    assert_eq!(site.call_in(session, "scan", Some(&alice)).await.status, 200);
    assert_eq!(app.calls(), 2);
}

/// Only its caller may read a session's stream and end the session.
#[tokio::test]
async fn attack_43_bob_neither_hears_nor_ends_alices_session() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let site = Site::start(&secure, app.clone(), (Route::Sessions, LEGACY)).await;
    let scopes = "execute:tools read:files";
    let (alice, bob) = (idp.token("alice", scopes), idp.token("bob", scopes));
    let session = site.session(Some(&alice)).await.unwrap();
    for token in [Some(&*bob), None] {
        let hears = in_session(bearing(site.listen(), token), Some(&session));
        assert_eq!(send(hears).await.status, 404, "{token:?}");
        let ends = in_session(bearing(site.end(), token), Some(&session));
        assert_eq!(send(ends).await.status, 404, "{token:?}");
    }
    assert_eq!(site.call_in(Some(&session), "scan", Some(&alice)).await.status, 200);
    // Another token of Alice works too: tokens are renewed while a session lasts.
    let renewed = idp.token("alice", "read:files");
    let hears = in_session(bearing(site.listen(), Some(&renewed)), Some(&session));
    assert_eq!(hears.send().await.unwrap().status(), 200);
    let ends = in_session(bearing(site.end(), Some(&renewed)), Some(&session));
    assert!(send(ends).await.status < 300);
    assert_eq!(site.call_in(Some(&session), "scan", Some(&alice)).await.status, 404);
}

/// A session that was begun without a token does not belong to a caller.
#[tokio::test]
async fn a_session_without_a_caller_is_open_to_every_client_that_knows_its_id() {
    let idp = Issuer::start().await;
    let secure = secure(&idp).await;
    let site = Site::start(&secure, app(), (Route::Sessions, LEGACY)).await;
    let session = site.session(None).await.unwrap();
    let token = idp.token("alice", "read:files");
    let ends = in_session(bearing(site.end(), Some(&token)), Some(&session));
    assert!(send(ends).await.status < 300);
}

#[tokio::test]
async fn a_body_that_two_readers_could_read_differently_does_not_pass() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let site = Site::start(&secure, app.clone(), JSON).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"scan"}}"#;
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"harmless","name":"scan"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call","params":{"name":"scan"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"harmless"},"params":{"name":"scan"}}"#,
        &format!("[{call}]"),
        &format!("\u{feff}{call}"),
        &format!("{call}{call}"),
        "7",
        "",
    ] {
        let answer = send(site.post(body.to_owned())).await;
        assert_eq!(answer.status, 400, "{body} {answer:?}");
        assert_eq!(answer.json()["error"]["code"], -32700);
    }
    let batch = send(site.post(format!("[{call}]"))).await;
    assert!(batch.text.contains("batches are not accepted"), "{batch:?}");
    // A JSON escape counts as the character that it stands for.
    let escaped = call.replace("scan", "s\\u0063an").replace("tools/call", "tools\\/call");
    assert_eq!(send(site.post(escaped)).await.status, 401);
    let large = format!("{call}{}", " ".repeat(4 << 20));
    assert_eq!(send(site.post(large)).await.status, 413);
    // rmcp reads no other kind of body. If it did, the wrapper would still check the call.
    let text = site.post(call).header("content-type", "text/plain");
    assert_ne!(send(text).await.status, 200);
    assert_eq!(app.calls(), 0);
}

/// Identifiers of 64 bits are common, and authorization does not need them.
#[tokio::test]
async fn an_argument_may_be_any_number() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let site = Site::start(&secure, app.clone(), JSON).await;
    let token = idp.token("alice", "execute:tools read:files");
    for number in ["12345678901234567890", "-9223372036854775808", "1e300"] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"scan","arguments":{{"id":{number}}}}}}}"#
        );
        let answer = send(bearing(site.post(body), Some(&token))).await;
        assert_eq!(answer.status, 200, "{number} {answer:?}");
    }
    assert_eq!(app.calls(), 3);
}

#[tokio::test]
async fn a_protected_tool_without_the_layer_is_denied_and_not_open() {
    let idp = Issuer::start().await;
    let (secure, app) = (secure(&idp).await, app());
    let token = idp.token("alice", "execute:tools read:files");
    for route in HTTP_ROUTES {
        let site = Site::with(&secure, app.clone(), route, None).await;
        for tool in ["scan", "known"] {
            let answer = site.call(tool, Some(&token)).await.json();
            assert_eq!(answer["error"]["code"], UNAUTHENTICATED, "{route:?} {answer}");
            assert_eq!(answer["error"]["data"]["reason"], "unauthenticated");
        }
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn the_layer_of_another_server_does_not_authorize_callers() {
    let idp = Issuer::start().await;
    let (inner, outer, app) = (secure(&idp).await, secure(&idp).await, app());
    let layer = outer.auth_layer(RESOURCE).unwrap();
    let site = Site::with(&inner, app.clone(), JSON, Some(layer)).await;
    let answer = site.call("scan", Some(&idp.token("alice", "execute:tools read:files"))).await;
    assert_eq!(answer.json()["error"]["code"], UNAUTHENTICATED);
    assert_eq!(app.calls(), 0);
}

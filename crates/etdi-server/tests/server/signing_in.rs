//! Calls on stdio, which speak for the process.

use std::{sync::Arc, time::Duration};

use etdi_oauth::{Auth0Provider, BearerToken, OAuthError, TokenError};
use etdi_server::{
    INSUFFICIENT_SCOPE, SecureServer, SecureServerBuilder, ServerBuildError, ToolSpec,
    UNAUTHENTICATED,
};
use etdi_testkit::handler::CountingHandler;
use etdi_testkit::issuer::{API, Issuer};
use etdi_testkit::keys::FIRST;
use serde_json::json;

use crate::app::{builder, key, tool};
use crate::site::Site;
use crate::wire::{Client, LEGACY, MODERN, Route};

async fn describe(idp: &Issuer) -> SecureServerBuilder {
    builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .audience(API)
        .clock(Arc::clone(&idp.clock))
        .tool("scan", ToolSpec::version("1.0.0").requires("execute:tools").requires("read:files"))
        .tool("harmless", ToolSpec::version("1.0.0"))
}

fn app() -> CountingHandler {
    CountingHandler::new([tool("scan"), tool("harmless")])
}

async fn call(
    secure: &SecureServer,
    app: &CountingHandler,
    version: &'static str,
) -> serde_json::Value {
    let handler = secure.wrap(app.clone());
    let mut client = Client::connect(handler, Route::Lines, version).await;
    client.ask("tools/call", json!({"name": "harmless", "arguments": {}})).await;
    client.ask("tools/call", json!({"name": "scan", "arguments": {}})).await
}

#[tokio::test]
async fn a_call_speaks_for_the_token_of_the_process() {
    let idp = Issuer::start().await;
    let token = idp.bearer("alice", "execute:tools read:files");
    let secure = describe(&idp).await.access_token(token).build().await.unwrap();
    for version in [LEGACY, MODERN] {
        let app = app();
        let answer = call(&secure, &app, version).await;
        assert_eq!(answer["result"]["content"][0]["text"], "called", "{answer}");
        assert_eq!(app.calls(), 2);
    }
}

#[tokio::test]
async fn a_tool_that_requires_a_token_is_denied_without_one() {
    let idp = Issuer::start().await;
    let secure = describe(&idp).await.build().await.unwrap();
    for version in [LEGACY, MODERN] {
        let app = app();
        let answer = call(&secure, &app, version).await;
        assert_eq!(answer["error"]["code"], UNAUTHENTICATED);
        assert_eq!(
            answer["error"]["data"],
            json!({
                "tool": "scan",
                "reason": "unauthenticated",
                "required": ["execute:tools", "read:files"],
                "missing": ["execute:tools", "read:files"],
            })
        );
        assert!(answer["error"]["message"].as_str().unwrap().contains("ETDI_ACCESS_TOKEN"));
        assert_eq!(app.calls(), 1);
    }
}

#[tokio::test]
async fn every_scope_that_the_token_lacks_is_named() {
    let idp = Issuer::start().await;
    let token = idp.bearer("alice", "read:files");
    let secure = describe(&idp).await.access_token(token).build().await.unwrap();
    let app = app();
    let answer = call(&secure, &app, LEGACY).await;
    assert_eq!(answer["error"]["code"], INSUFFICIENT_SCOPE);
    assert_eq!(
        answer["error"]["data"],
        json!({
            "tool": "scan",
            "reason": "insufficient_scope",
            "required": ["execute:tools", "read:files"],
            "missing": ["execute:tools"],
        })
    );
    assert_eq!(app.calls(), 1);
}

#[tokio::test]
async fn the_tokens_expiry_is_judged_at_each_call() {
    let idp = Issuer::start().await;
    let token = idp.bearer("alice", "execute:tools read:files");
    let secure = describe(&idp).await.access_token(token).build().await.unwrap();
    let app = app();
    idp.clock.advance(Duration::from_secs(3659));
    assert!(call(&secure, &app, LEGACY).await.get("error").is_none());
    idp.clock.advance(Duration::from_secs(1));
    let answer = call(&secure, &app, LEGACY).await;
    assert_eq!(answer["error"]["code"], UNAUTHENTICATED);
    assert_eq!(answer["error"]["data"]["reason"], "token_expired");
    assert_eq!(app.calls(), 3);
}

#[tokio::test]
async fn a_server_with_an_invalid_token_does_not_start() {
    let idp = Issuer::start().await;
    let built = describe(&idp).await.access_token(BearerToken::new("0123456789")).build().await;
    let refused = ServerBuildError::AccessToken(Box::new(OAuthError::Token(TokenError::NotAJwt)));
    assert_eq!(built.unwrap_err(), refused);
    let mut claims = idp.access_claims("alice", "execute:tools");
    claims["aud"] = json!("https://elsewhere.example");
    let token = BearerToken::new(FIRST.sign(&claims));
    let built = describe(&idp).await.access_token(token).build().await.unwrap_err();
    let ServerBuildError::AccessToken(error) = &built else { panic!("{built:?}") };
    assert!(matches!(**error, OAuthError::Token(TokenError::WrongAudience { .. })), "{error}");
}

#[tokio::test]
async fn the_audience_of_the_token_must_be_known() {
    let idp = Issuer::start().await;
    let built = builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .access_token(idp.bearer("alice", ""))
        .build()
        .await;
    assert_eq!(built.unwrap_err(), ServerBuildError::NoAudience);
}

#[tokio::test]
async fn a_request_over_http_never_speaks_for_the_process() {
    let idp = Issuer::start().await;
    let token = idp.bearer("alice", "execute:tools read:files");
    let secure = describe(&idp).await.access_token(token).build().await.unwrap();
    let app = app();
    let bare = Site::with(&secure, app.clone(), (Route::Json, LEGACY), None).await;
    assert_eq!(bare.call("scan", None).await.json()["error"]["code"], UNAUTHENTICATED);
    let site = Site::start(&secure, app.clone(), (Route::Json, LEGACY)).await;
    assert_eq!(site.call("scan", None).await.status, 401);
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn a_server_without_a_key_authorizes_too() {
    let idp = Issuer::start().await;
    let provider = Auth0Provider::initialize(idp.config()).await.unwrap();
    let publisher = builder(&key()).tool("scan", ToolSpec::version("1.0.0")).build().await.unwrap();
    let app = CountingHandler::new([tool("scan")]);
    let definitions = publisher.export(app.clone()).await.unwrap();
    let server =
        || SecureServer::presigned(&definitions).unwrap().requires("scan", "execute:tools");
    let refused = ServerBuildError::NoIdentityProvider { tool: "scan".to_owned() };
    assert_eq!(server().build().await.unwrap_err(), refused);
    let server = || server().authorize_with(provider.clone()).audience(API);
    let unknown = server().require_auth("gone").build().await.unwrap_err();
    assert_eq!(unknown, ServerBuildError::NotSigned("gone".to_owned()));
    let ask = async |secure: SecureServer| {
        let handler = secure.wrap(app.clone());
        let mut client = Client::connect(handler, Route::Lines, LEGACY).await;
        client.ask("tools/call", json!({"name": "scan"})).await
    };
    let server = || server().clock(Arc::clone(&idp.clock));
    let denied = ask(server().build().await.unwrap()).await;
    assert_eq!(denied["error"]["code"], UNAUTHENTICATED);
    assert_eq!(app.calls(), 0);
    let token = idp.bearer("alice", "execute:tools");
    ask(server().access_token(token).build().await.unwrap()).await;
    assert_eq!(app.calls(), 1);
}

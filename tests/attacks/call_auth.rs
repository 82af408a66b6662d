//! Calls at a protected server: whose rights count, for which tool, and calls without an identity
//! provider.

use async_trait::async_trait;
use etdi::client::{CallError, DiscoverError, HttpAuthorizer, ListError};
use etdi::oauth::{HttpError, OAuthError};
use etdi::server::{LISTING_REFUSED, ServerBuildError, ServerError, UNAUTHENTICATED};
use etdi::{Auth0Provider, EtdiClient, OAuthConfig, ResourceUri, SecureServer, ToolSpec};
use secrecy::SecretString;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn attack_29_attestation_as_a_bearer_token() {
    let issuer = Issuer::start().await;
    let publisher = Publisher::new("trustedsoft.example");
    let app = protected_app();
    let address = Address::bind().await;
    let secure = protecting(&publisher)
        .attest_with(issuer.provider().await)
        .served_at(&address.uri)
        .clock(issuer.clock.clone())
        .build()
        .await
        .unwrap();
    secure.check(app.clone()).await.unwrap();
    let published = secure.attestation().unwrap().as_str().to_owned();
    let site = address.serve(&secure, &app, Sessions::None);
    // The listing shows the attestation to every client.
    let connection = host_of(&issuer, &publisher).connect_http(&site.uri).await.unwrap();
    let known = only(connection.discover().await.unwrap(), "known");
    let listed = known.definition().unwrap().signed().unwrap().attestation.clone();
    assert_eq!(listed.as_deref(), Some(published.as_str()));

    // The attestation of another server of the same publisher, and two that no issuer should sign.
    let elsewhere = publisher.signed("trustedsoft.example/other", &tool("other"), "1.0.0");
    let other = issuer.attestation_claims(&elsewhere);
    let both = changed(&other, json!({"aud": [API, ATTESTATIONS]}));
    let scoped = changed(&both, json!({"scope": SCOPES.join(" ")}));
    for token in [published, FIRST.sign(&other), FIRST.sign(&both), FIRST.sign(&scoped)] {
        for tool in ["known", "scan", "harmless"] {
            site.call(tool, Some(&token)).await.assert_challenge(401, "invalid_token");
        }
    }
    app.assert_calls(0);
    let token = issuer.token("alice", "");
    assert_eq!(site.call("known", Some(&token)).await.status, 200);
    app.assert_calls(1);
}

#[tokio::test]
async fn attack_41_valid_token_without_the_scopes() {
    let issuer = Issuer::start().await;
    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    let cases = [
        ("", &SCOPES[..]),
        ("other:scope", &SCOPES[..]),
        ("read:files", &SCOPES[..1]),
        ("execute:tools", &SCOPES[1..]),
        // Almost the right scopes: other case, wildcards, another separator.
        ("Execute:tools read:files", &SCOPES[..1]),
        ("execute:tools read:* read: *", &SCOPES[1..]),
        ("execute:tools,read:files", &SCOPES[..]),
    ];
    for (scope, missing) in cases {
        let answer = site.call("scan", Some(&issuer.token("alice", scope))).await;
        answer.assert_challenge(403, "insufficient_scope");
        let challenge = answer.challenge.as_deref().unwrap();
        // RFC 6750, section 3: the challenge names all scopes to ask for at once.
        assert!(challenge.contains("scope=\"execute:tools read:files\""), "{challenge}");
        assert!(challenge.contains("resource_metadata=\""), "{challenge}");
        let said = format!("the token lacks {}; get one", missing.join(" "));
        assert!(challenge.contains(&said), "{scope}: {challenge}");
        assert_eq!(answer.json()["missing_scopes"], json!(missing), "{scope}");
        assert_eq!(answer.json()["required_scopes"], json!(SCOPES));
    }
    app.assert_calls(0);
    let token = issuer.token("alice", &SCOPES.join(" "));
    assert_eq!(site.call("scan", Some(&token)).await.status, 200);
    app.assert_calls(1);
}

/// A host that brings its own token learns every missing scope, and the tool is not called.
#[tokio::test]
async fn attack_41_a_host_learns_every_missing_scope() {
    let issuer = Issuer::start().await;
    let publisher = Publisher::new("trustedsoft.example");
    let app = protected_app();
    let site = Site::of(&issuer, &publisher, &app, Sessions::None).await;
    let host = |scope: &str| {
        EtdiClient::builder(trust(&[&publisher]))
            .clock(issuer.clock.clone())
            .authorizer(Bearer(issuer.token("alice", scope)))
            .build()
            .unwrap()
    };
    let connection = host("other:scope").connect_http(&site.uri).await.unwrap();
    let approved = approve(&connection, "scan").await;
    let error = call(&connection, &approved).await.unwrap_err();
    let CallError::InsufficientScope { scopes } = &error else { panic!("{error:?}") };
    assert_eq!(scopes, "execute:tools read:files");
    app.assert_calls(0);
    let connection = host("execute:tools read:files").connect_http(&site.uri).await.unwrap();
    let approved = approve(&connection, "scan").await;
    call(&connection, &approved).await.unwrap();
    app.assert_calls(1);
}

#[derive(Debug)]
struct Bearer(String);

#[async_trait]
impl HttpAuthorizer for Bearer {
    async fn bearer_token(
        &self,
        _: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Some(SecretString::from(self.0.clone())))
    }
}

#[tokio::test]
async fn attack_42_header_names_a_harmless_tool_and_the_body_another() {
    let issuer = Issuer::start().await;
    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    let lacking = issuer.token("alice", "other:scope");
    for version in ["2025-11-25", "2026-07-28"] {
        let mut message = call_of("scan");
        if version == "2026-07-28" {
            message["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientInfo": {"name": "attacker", "version": "1.0.0"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        for (method, name) in [("tools/call", "harmless"), ("tools/list", ""), ("ping", "known")] {
            let request = || {
                let request = site.post(&message).header("mcp-method", method);
                request.header("mcp-name", name)
            };
            let answer = send(request(), None, None).await;
            assert_eq!(answer.status, 401, "{version} {method}: {answer:?}");
            let answer = send(request(), None, Some(&lacking)).await;
            answer.assert_challenge(403, "insufficient_scope");
            assert_eq!(answer.json()["required_scopes"], json!(SCOPES));
        }
    }
    app.assert_calls(0);
    // A header that names a protected tool does not protect a harmless tool in the body: the body counts.
    let request = site.post(&call_of("harmless"));
    assert_eq!(send(request.header("mcp-name", "scan"), None, None).await.status, 200);
    app.assert_calls(1);
}

/// If a body names two tools, the layer could read the first name and the handler the second.
#[tokio::test]
async fn attack_42_a_body_that_names_two_tools() {
    let issuer = Issuer::start().await;
    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    let call = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#)
    };
    for body in [
        call(r#"{"name":"harmless","name":"scan"}"#),
        call(r#"{"name":"harmless","n\u0061me":"scan"}"#),
        call(r#"{"name":"harmless"},"params":{"name":"scan"}"#),
        format!("[{},{}]", call(r#"{"name":"harmless"}"#), call(r#"{"name":"scan"}"#)),
    ] {
        let answer = send(site.post(&json!(null)).body(body.clone()), None, None).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    app.assert_calls(0);
}

#[tokio::test]
async fn attack_43_bobs_token_on_alices_session() {
    let issuer = Issuer::start().await;
    let publisher = Publisher::new("trustedsoft.example");
    let app = protected_app();
    let site = Site::of(&issuer, &publisher, &app, Sessions::Kept).await;
    let alice = issuer.token("alice", "execute:tools read:files");
    let bob = issuer.token("bob", "read:files");
    let session = site.session(Some(&alice)).await;
    let session = Some(session.as_str());
    assert_eq!(site.call_in(session, "scan", Some(&alice)).await.status, 200);
    app.assert_calls(1);

    let answer = site.call_in(session, "scan", Some(&bob)).await;
    answer.assert_challenge(403, "insufficient_scope");
    assert_eq!(answer.json()["missing_scopes"], json!(["execute:tools"]));
    assert_eq!(site.call_in(session, "scan", None).await.status, 401);
    assert_eq!(site.call_in(session, "known", None).await.status, 401);
    app.assert_calls(1);
    // Alice's token does not add rights to a session that Bob began either.
    let session = site.session(Some(&bob)).await;
    assert_eq!(site.call_in(Some(&session), "scan", Some(&alice)).await.status, 200);
    assert_eq!(site.call_in(Some(&session), "scan", Some(&bob)).await.status, 403);
    app.assert_calls(2);
}

#[tokio::test]
async fn attack_44_identity_provider_unreachable_at_boot() {
    // The issuer's address does not answer any longer.
    let gone = Issuer::start().await;
    let config = gone.config();
    let url = gone.issuer.clone();
    drop(gone);
    let error = loop {
        match Auth0Provider::initialize(config.clone()).await {
            Err(error @ OAuthError::Unreachable { .. }) => break error,
            // The listener closes in the background, so wait for it.
            _ => tokio::task::yield_now().await,
        }
    };
    let OAuthError::Unreachable { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(source, HttpError::Connection(_)), "{url}: {error:?}");

    // A protected tool needs a provider: without one the server cannot even be built.
    let publisher = Publisher::new("trustedsoft.example");
    let built = protecting(&publisher).build().await;
    let error = built.map(drop).unwrap_err();
    assert!(
        matches!(&error, ServerBuildError::NoIdentityProvider { tool } if tool == "scan"),
        "{error}"
    );
    let open = SecureServer::builder(publisher.provider.clone(), publisher.key.clone())
        .tool("scan", ToolSpec::version("1.0.0"))
        .build()
        .await
        .unwrap();
    assert!(matches!(
        open.auth_layer("http://127.0.0.1/mcp"),
        Err(ServerError::NoIdentityProvider)
    ));
}

/// The identity provider fails after the server was built. If the server is started anyway, it serves
/// no tools.
#[tokio::test]
async fn attack_44_identity_provider_gone_before_the_attestation() {
    let issuer = Issuer::start().await;
    let publisher = Publisher::new("trustedsoft.example");
    let app = protected_app();
    let address = Address::bind().await;
    let secure = protecting(&publisher)
        .attest_with(issuer.provider().await)
        .served_at(&address.uri)
        .clock(issuer.clock.clone())
        .build()
        .await
        .unwrap();
    let (host, token) =
        (host_of(&issuer, &publisher), issuer.token("alice", "execute:tools read:files"));
    issuer.go_down();
    let error = secure.check(app.clone()).await.unwrap_err();
    let ServerError::NotAttested { source, .. } = &error else { panic!("{error}") };
    assert_eq!(**source, OAuthError::Unavailable { status: 503, retry_after: None });

    let site = address.serve(&secure, &app, Sessions::None);
    for (tool, token) in [("scan", Some(&*token)), ("known", Some(&*token)), ("harmless", None)] {
        let answer = site.call(tool, token).await;
        assert_eq!(answer.json()["error"]["code"], LISTING_REFUSED, "{answer:?}");
    }
    let connection = host.connect_http(&site.uri).await.unwrap();
    let error = connection.discover().await.unwrap_err();
    assert!(matches!(&error, DiscoverError::Listing(ListError::Service(_))), "{error:?}");
    assert!(connection.visible_tools().await.is_err());
    app.assert_calls(0);
}

/// If the author of a server forgets the layer, calls of protected tools are refused.
#[tokio::test]
async fn attack_44_protected_tools_without_the_layer() {
    let issuer = Issuer::start().await;
    let publisher = Publisher::new("trustedsoft.example");
    let (app, token) = (protected_app(), issuer.token("alice", "execute:tools read:files"));
    let provider = Auth0Provider::initialize(issuer.plug(OAuthConfig::auth0_at(&issuer.issuer)));
    let secure = protecting(&publisher)
        .authorize_with(provider.await.unwrap())
        .clock(issuer.clock.clone())
        .build()
        .await
        .unwrap();
    let site = Address::bind().await.serve_bare(&secure, &app, Sessions::None);
    for tool in ["scan", "known"] {
        for token in [None, Some(&*token)] {
            let answer = site.call(tool, token).await;
            assert_eq!(answer.json()["error"]["code"], UNAUTHENTICATED, "{answer:?}");
        }
    }
    app.assert_calls(0);
}

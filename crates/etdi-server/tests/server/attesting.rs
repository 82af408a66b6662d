//! Attestations by an identity provider, next to the signatures of definitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etdi_events::{Emitter, Event};
use etdi_oauth::{
    AttestationConfig, AttestationError, AttestationVerifier, AttestedDefinition, Auth0Provider,
    ConfigError, OAuthError, TokenError,
};
use etdi_server::{
    LISTING_REFUSED, SecureServer, SecureServerBuilder, ServerBuildError, ServerError, ToolSpec,
};
use etdi_testkit::handler::CountingHandler;
use etdi_testkit::issuer::{API, ATTESTATIONS, CLAIM, CLIENT, Issuer, network};
use etdi_types::{
    SystemClock, ToolDefinition, TrustConfig, evidence::AttestationEvidence, verdict::Binding,
};
use serde_json::{Value, json};

use crate::app::{builder, described, key, list, scan, tool, verify};
use crate::wire::{Client, LEGACY, ROUTES, Route};

const TTL: Duration = Duration::from_secs(3600);
/// A short life for tests of renewal: the server then looks at the clock once a second, so the
/// tests do not wait long.
const SHORT_TTL: Duration = Duration::from_secs(40);

async fn describe(idp: &Issuer) -> SecureServerBuilder {
    let (scan, redact) = (ToolSpec::version("1.0.0"), ToolSpec::version("1.0.0"));
    builder(&key())
        .attest_with(idp.provider().await)
        .audience(API)
        .clock(Arc::clone(&idp.clock))
        .tool("scan", scan)
        .tool("redact", redact)
}

fn app() -> CountingHandler {
    CountingHandler::new([scan(), tool("redact")])
}

/// Returns the evidence that a client with a trust configuration finds.
async fn evidence(idp: &Issuer, tool: &ToolDefinition) -> AttestationEvidence {
    let trust = TrustConfig::parse(&format!(
        "[[provider]]\nid = \"https://trustedsoft.example\"\n\
         authorities = [\"trustedsoft.example\"]\nkeys = []\n\
         [[provider.issuer]]\nissuer = \"{}\"\nkind = \"auth0\"\nclients = [\"{CLIENT}\"]\n\
         attestation_audience = \"{ATTESTATIONS}\"\nclaim = \"{CLAIM}\"\n",
        idp.issuer
    ))
    .unwrap();
    let verifier = AttestationVerifier::new(network(), Arc::clone(&idp.clock)).unwrap();
    let part = tool.signed().unwrap();
    let signature = part.signature.as_deref().unwrap();
    let kid = etdi_types::jws::DetachedJws::parse(signature).unwrap().kid().to_owned();
    let digest = tool.digest();
    // The kid of a generated key is its thumbprint.
    let definition = AttestedDefinition::new(&part.id, &part.version, &digest, Some(&kid));
    let provider = trust.provider("https://trustedsoft.example").unwrap();
    verifier.evidence(part.attestation.as_deref().unwrap(), provider, &definition).await
}

async fn assert_attested(idp: &Issuer, tools: &[ToolDefinition], expected: Binding) {
    for tool in tools {
        let evidence = evidence(idp, tool).await;
        let AttestationEvidence::Good { binding, client, .. } = &evidence else {
            panic!("{evidence:?}")
        };
        assert_eq!((*binding, &**client), (Some(expected), CLIENT));
    }
}

async fn open(secure: &SecureServer, app: &CountingHandler) -> Client {
    Client::connect(secure.wrap(app.clone()), Route::Lines, LEGACY).await
}

/// Asserts that tools are neither listed nor called.
async fn assert_closed(secure: &SecureServer, app: &CountingHandler) {
    for (route, version) in ROUTES {
        let mut client = Client::connect(secure.wrap(app.clone()), route, version).await;
        for (method, params) in
            [("tools/list", json!({})), ("tools/call", json!({"name": "scan", "arguments": {}}))]
        {
            let answer = client.ask(method, params).await;
            assert_eq!(answer["error"]["code"], LISTING_REFUSED, "{route:?} {version} {answer}");
            assert_eq!(answer["error"]["data"], json!({"reason": "not_attested"}));
        }
    }
    assert_eq!(app.calls(), 0);
}

#[tokio::test]
async fn one_attestation_stands_beside_every_signature() {
    let idp = Issuer::start().await;
    let key = key();
    let secure = builder(&key)
        .attest_with(idp.provider().await)
        .clock(Arc::clone(&idp.clock))
        .tool("scan", ToolSpec::version("1.0.0"))
        .tool("redact", ToolSpec::version("1.0.0"))
        .served_at("https://docs.example/mcp")
        .build()
        .await
        .unwrap();
    assert!(secure.attests());
    assert!(secure.attestation().is_none());
    secure.check(app()).await.unwrap();
    let token = secure.attestation().unwrap();
    for (route, version) in ROUTES {
        let mut client = Client::connect(secure.wrap(app()), route, version).await;
        let tools = list(&mut client).await;
        assert_eq!(tools.len(), 2);
        for tool in &tools {
            verify(tool, &key);
            let attestation = tool.signed().unwrap().attestation.as_deref();
            assert_eq!(attestation, Some(token.as_str()));
        }
        assert_attested(&idp, &tools, Binding::Digest).await;
    }
    assert_eq!(idp.tokens(), 1);
}

#[tokio::test]
async fn an_attestation_binds_the_key_if_no_claim_is_configured() {
    let idp = Issuer::start().await;
    let provider = idp.provider_of(AttestationConfig::audience(ATTESTATIONS)).await;
    let secure = describe(&idp).await.attest_with(provider).build().await.unwrap();
    secure.check(app()).await.unwrap();
    assert_eq!(secure.attestation().unwrap().binding(), Binding::Key);
    assert_attested(&idp, &list(&mut open(&secure, &app()).await).await, Binding::Key).await;
    // The key's attestation is valid for definitions that the key signs later.
    let app = CountingHandler::new([described("scan", "new"), tool("redact")]);
    secure.replace_tool("scan", ToolSpec::version("1.1.0")).unwrap();
    assert_attested(&idp, &list(&mut open(&secure, &app).await).await, Binding::Key).await;
    assert_eq!(idp.tokens(), 1);
}

#[tokio::test]
async fn both_bindings_are_demanded_if_configured() {
    let idp = Issuer::start().await;
    let secure = describe(&idp).await.attest_key().build().await.unwrap();
    secure.check(app()).await.unwrap();
    assert_attested(&idp, &list(&mut open(&secure, &app()).await).await, Binding::Digest).await;
    let unbound = Issuer::start().await;
    unbound.tamper(|claims| claims["cnf"] = Value::Null);
    let secure = describe(&unbound).await.attest_key().build().await.unwrap();
    let error = secure.check(app()).await.unwrap_err();
    assert!(matches!(error, ServerError::NotAttested { .. }), "{error}");
}

#[tokio::test]
async fn definitions_without_an_audience_for_attestations_are_signed_and_a_report_says_so() {
    let idp = Issuer::start().await;
    let emitter = Emitter::new(SystemClock, "test");
    let mut events = emitter.subscribe(16);
    let provider = Auth0Provider::initialize(idp.config()).await.unwrap();
    let secure = describe(&idp).await.attest_with(provider).events(emitter).build().await.unwrap();
    let record = events.recv().await.unwrap();
    let Event::ProviderError(said) = &record.event else { panic!("{record:?}") };
    assert_eq!((said.code.as_deref(), &said.issuer), (Some("unattested"), &idp.issuer));
    assert!(said.reason.contains("signed and unattested"), "{}", said.reason);
    assert!(!secure.attests());
    secure.check(app()).await.unwrap();
    assert!(secure.attestation().is_none());
    for tool in list(&mut open(&secure, &app()).await).await {
        assert_eq!(tool.signed().unwrap().attestation, None);
    }
    assert_eq!(idp.tokens(), 0);
}

#[tokio::test]
async fn attack_28_an_attestation_that_clients_would_refuse_is_not_published() {
    type Case = (fn(&mut Value), fn(&OAuthError) -> bool);
    let cases: [Case; 9] = [
        (
            |claims| claims["scope"] = json!("execute:tools"),
            |e| matches!(e, OAuthError::Attestation(AttestationError::Grants("scope"))),
        ),
        (
            |claims| claims["permissions"] = json!([]),
            |e| matches!(e, OAuthError::Attestation(AttestationError::Grants("permissions"))),
        ),
        (
            |claims| claims["aud"] = json!([ATTESTATIONS, API]),
            |e| matches!(e, OAuthError::Attestation(AttestationError::Audiences(2))),
        ),
        (
            |claims| claims["aud"] = json!(API),
            |e| {
                let OAuthError::Attestation(AttestationError::Token(e)) = e else { return false };
                matches!(e, TokenError::WrongAudience { .. })
            },
        ),
        (
            |claims| claims["azp"] = json!("another"),
            |e| matches!(e, OAuthError::Attestation(AttestationError::Token(_))),
        ),
        (
            |claims| {
                claims["azp"] = json!("another");
                claims["sub"] = json!("another@clients");
            },
            |e| matches!(e, OAuthError::Attestation(AttestationError::ForeignClient(_))),
        ),
        (
            |claims| drop(claims.as_object_mut().unwrap().remove(CLAIM)),
            |e| matches!(e, OAuthError::Attestation(AttestationError::Unbound(Binding::Digest))),
        ),
        (
            |claims| drop(claims[CLAIM].as_array_mut().unwrap().pop()),
            |e| matches!(e, OAuthError::Attestation(AttestationError::NotListed { .. })),
        ),
        (
            |claims| claims[CLAIM][0]["digest"] = json!(format!("sha256:{}", "0".repeat(64))),
            |e| matches!(e, OAuthError::Attestation(AttestationError::OtherDigest { .. })),
        ),
    ];
    for (number, (tamper, expected)) in cases.into_iter().enumerate() {
        let idp = Issuer::start().await;
        idp.tamper(tamper);
        let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
        let error = secure.check(app.clone()).await.unwrap_err();
        let ServerError::NotAttested { issuer, source } = &error else { panic!("{error}") };
        assert!(expected(source), "{number}: {source:?}");
        assert_eq!(*issuer, idp.issuer);
        assert!(error.to_string().starts_with("cannot start the server: it is configured to"));
        assert!(secure.attestation().is_none());
        assert_closed(&secure, &app).await;
        // The refused requests of clients do not cause further requests to the issuer.
        assert_eq!(idp.tokens(), 1);
    }
}

#[tokio::test]
async fn attack_44_without_its_identity_provider_the_server_does_not_start_and_serves_no_tools() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    idp.go_down();
    let error = secure.check(app.clone()).await.unwrap_err();
    let ServerError::NotAttested { source, .. } = &error else { panic!("{error}") };
    assert_eq!(**source, OAuthError::Unavailable { status: 503, retry_after: None });
    assert_closed(&secure, &app).await;
    // A provider cannot be initialized either.
    assert!(Auth0Provider::initialize(idp.config()).await.is_err());
    // The server asks again after a while.
    idp.come_back();
    assert_closed(&secure, &app).await;
    idp.clock.advance(Duration::from_secs(31));
    assert_eq!(list(&mut open(&secure, &app).await).await.len(), 2);
}

#[tokio::test]
async fn a_provider_without_a_client_cannot_attest() {
    let idp = Issuer::start().await;
    let config = etdi_oauth::OAuthConfig::auth0_at(&idp.issuer)
        .network(network())
        .attestations(AttestationConfig::audience(ATTESTATIONS).claim(CLAIM));
    let provider = Auth0Provider::initialize(config).await.unwrap();
    let built = describe(&idp).await.attest_with(provider).build().await;
    let source = Box::new(OAuthError::Config(ConfigError::NoClient));
    let issuer = idp.issuer.clone();
    assert_eq!(built.unwrap_err(), ServerBuildError::NotAttested { issuer, source });
}

#[tokio::test]
async fn the_audience_of_attestations_is_refused_for_calls() {
    let idp = Issuer::start().await;
    let secure = describe(&idp).await.audience(ATTESTATIONS).build().await.unwrap();
    let error = secure.check(app()).await.unwrap_err();
    let ServerError::NotAttested { source, .. } = &error else { panic!("{error}") };
    let refused = ConfigError::AttestationAudience(ATTESTATIONS.to_owned());
    assert_eq!(**source, OAuthError::Config(refused));
    // The layer's address must not be the audience of attestations either.
    let secure = builder(&key())
        .attest_with(
            idp.provider_of(AttestationConfig::audience("https://a.example/").claim(CLAIM)).await,
        )
        .clock(Arc::clone(&idp.clock))
        .tool("scan", ToolSpec::version("1.0.0"))
        .build()
        .await
        .unwrap();
    secure.check(CountingHandler::new([scan()])).await.unwrap();
    let layer = secure.auth_layer("https://a.example").map(drop);
    assert_eq!(layer, Err(ServerError::AttestationAudience("https://a.example/".to_owned())));
}

#[tokio::test]
async fn a_server_that_was_not_checked_attests_before_it_serves() {
    for method in ["tools/list", "tools/call"] {
        let idp = Issuer::start().await;
        let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
        let mut client = open(&secure, &app).await;
        let answer = client.ask(method, json!({"name": "scan"})).await;
        assert!(answer.get("error").is_none(), "{answer}");
        assert_attested(&idp, &list(&mut client).await, Binding::Digest).await;
        // One request covers all tools, although the handler lists one tool per page.
        assert_eq!(idp.tokens(), 1);
    }
}

#[tokio::test]
async fn many_clients_at_once_make_one_request() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (secure, app) = (secure.clone(), app.clone());
        tasks.spawn(async move { list(&mut open(&secure, &app).await).await.len() });
    }
    assert_eq!(tasks.join_all().await, [2; 16]);
    assert_eq!(idp.tokens(), 1);
}

#[tokio::test]
async fn a_new_version_is_served_with_a_new_attestation_or_not_at_all() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    secure.check(app.clone()).await.unwrap();
    list(&mut open(&secure, &app).await).await;
    idp.go_down();
    app.set([described("scan", "new"), tool("redact")]);
    secure.replace_tool("scan", ToolSpec::version("1.1.0")).unwrap();
    let mut client = open(&secure, &app).await;
    let answer = client.ask("tools/list", json!({})).await;
    assert_eq!(answer["error"]["data"], json!({"reason": "not_attested"}));
    let answer = client.ask("tools/call", json!({"name": "scan"})).await;
    assert_eq!(answer["error"]["data"], json!({"reason": "not_attested"}));
    assert_eq!(app.calls(), 0);
    // The attested tool stays callable.
    let answer = client.ask("tools/call", json!({"name": "redact"})).await;
    assert!(answer.get("error").is_none(), "{answer}");
    idp.come_back();
    idp.clock.advance(Duration::from_secs(31));
    let tools = list(&mut client).await;
    assert_eq!(tools[0].signed().unwrap().version.to_string(), "1.1.0");
    assert_attested(&idp, &tools, Binding::Digest).await;
    assert_eq!(idp.tokens(), 2);
}

/// Replaces the tool `scan` by 1.1.0, 1.2.0 and so on, each time that the issuer makes an attestation.
fn replace_during_attestations(idp: &Issuer, secure: &SecureServer, times: usize) {
    let (secure, versions) = (secure.clone(), AtomicUsize::new(1));
    idp.tamper(move |_| {
        let version = versions.fetch_add(1, Ordering::SeqCst);
        if version <= times {
            secure.replace_tool("scan", ToolSpec::version(format!("1.{version}.0"))).unwrap();
        }
    });
}

#[tokio::test]
async fn a_tool_that_is_replaced_while_the_attestation_is_made_is_served_attested() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    replace_during_attestations(&idp, &secure, 2);
    let tools = list(&mut open(&secure, &app).await).await;
    assert_eq!(tools[0].signed().unwrap().version.to_string(), "1.2.0");
    assert_attested(&idp, &tools, Binding::Digest).await;
}

#[tokio::test]
async fn a_listing_whose_tools_never_stay_attested_is_refused() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    replace_during_attestations(&idp, &secure, usize::MAX);
    let answer = open(&secure, &app).await.ask("tools/list", json!({})).await;
    assert_eq!(answer["error"]["data"], json!({"reason": "not_attested"}), "{answer}");
}

#[tokio::test]
async fn a_replacement_with_the_published_version_keeps_the_attestation() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    let mut client = open(&secure, &app).await;
    list(&mut client).await;
    secure.replace_tool("scan", ToolSpec::version("1.0.0")).unwrap();
    let answer = client.ask("tools/call", json!({"name": "scan"})).await;
    assert!(answer.get("error").is_none(), "{answer}");
    assert_attested(&idp, &list(&mut client).await, Binding::Digest).await;
    assert_eq!(idp.tokens(), 1);
}

#[tokio::test]
async fn an_address_that_is_named_after_the_check_is_attested_too() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    secure.check(app.clone()).await.unwrap();
    secure.served_at("http://127.0.0.1:8080/mcp").unwrap();
    assert_attested(&idp, &list(&mut open(&secure, &app).await).await, Binding::Digest).await;
    assert_eq!(idp.tokens(), 2);
}

#[tokio::test]
async fn an_attestation_is_renewed_before_it_expires_and_off_the_path_of_calls() {
    let idp = Issuer::start().await;
    let app = app();
    let secure = describe(&idp).await.build().await.unwrap();
    secure.check(app.clone()).await.unwrap();
    idp.clock.advance(TTL - Duration::from_secs(60));
    // A listing does not renew the attestation, and the server does not look at the clock for half
    // a minute.
    assert_attested(&idp, &list(&mut open(&secure, &app).await).await, Binding::Digest).await;
    assert_eq!(idp.tokens(), 1);
    drop(secure);
    idp.attest_for(SHORT_TTL);
    let secure = describe(&idp).await.build().await.unwrap();
    secure.check(app.clone()).await.unwrap();
    let first = secure.attestation().unwrap();
    idp.clock.advance(SHORT_TTL - Duration::from_secs(1));
    idp.attested(3).await;
    while secure.attestation().unwrap().as_str() == first.as_str() {
        tokio::task::yield_now().await;
    }
    assert_eq!(idp.tokens(), 3);
    idp.clock.advance(Duration::from_secs(20));
    let tools = list(&mut open(&secure, &app).await).await;
    assert_attested(&idp, &tools, Binding::Digest).await;
}

#[tokio::test]
async fn the_old_attestation_is_served_while_renewal_fails_and_a_report_says_so() {
    let idp = Issuer::start().await;
    let emitter = Emitter::new(SystemClock, "test");
    let mut events = emitter.subscribe(16);
    let app = app();
    idp.attest_for(SHORT_TTL);
    let secure = describe(&idp).await.events(emitter).build().await.unwrap();
    secure.check(app.clone()).await.unwrap();
    let first = secure.attestation().unwrap();
    idp.go_down();
    for advance in [SHORT_TTL - Duration::from_secs(1), Duration::from_secs(180)] {
        idp.clock.advance(advance);
        let record = events.recv().await.unwrap();
        let Event::ProviderError(said) = &record.event else { panic!("{record:?}") };
        assert_eq!(said.code.as_deref(), Some("not_renewed"));
        assert_eq!(secure.attestation().unwrap().as_str(), first.as_str());
    }
    // The attestation has expired. The server still publishes it, and clients report it as expired.
    let tools = list(&mut open(&secure, &app).await).await;
    let evidence_now = {
        idp.come_back();
        evidence(&idp, &tools[0]).await
    };
    assert!(matches!(evidence_now, AttestationEvidence::Expired { .. }), "{evidence_now:?}");
    idp.clock.advance(Duration::from_secs(120));
    idp.attested(2).await;
    while secure.attestation().unwrap().as_str() == first.as_str() {
        tokio::task::yield_now().await;
    }
    assert_attested(&idp, &list(&mut open(&secure, &app).await).await, Binding::Digest).await;
}

#[tokio::test]
async fn a_file_of_definitions_has_no_attestation() {
    let idp = Issuer::start().await;
    let (secure, app) = (describe(&idp).await.build().await.unwrap(), app());
    let definitions = secure.export(app.clone()).await.unwrap();
    assert!(!definitions.contains("attestation"), "{definitions}");
    assert_eq!(idp.tokens(), 0);
}

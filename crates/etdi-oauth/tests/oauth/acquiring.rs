//! Access tokens: the request, the cache, single flight, renewal, retries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etdi_oauth::{
    AttestationConfig, Auth0Provider, ClientAuthentication, ConfigError, GenericProvider,
    OAuthConfig, OAuthError, OAuthProvider, TokenRequest,
};
use etdi_testkit::issuer::{API, ATTESTATIONS, CLIENT, Issuer, Reply, SECRET, without_pauses};
use etdi_testkit::keys::FIRST;
use etdi_types::Clock;

const PATH: &str = "/oauth/token";

fn request() -> TokenRequest {
    TokenRequest::for_tool("trustedsoft.example/scan").scope("execute:tools")
}

#[tokio::test]
async fn a_token_holds_its_scopes_and_is_kept() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let token = auth0.token(request()).await.unwrap();
    assert!(token.has_scope("execute:tools"));
    assert_eq!((token.client(), token.audience()), (CLIENT, Some(API)));
    assert_eq!(token.expires_at(), issuer.clock.now() + Duration::from_secs(3600));
    assert_eq!(auth0.token(request()).await.unwrap().expose(), token.expose());
    assert_eq!(issuer.count(PATH), 1);
    let form = issuer.seen(PATH)[0].form.clone();
    assert_eq!(form["grant_type"], "client_credentials");
    assert_eq!(form["audience"], API);
    assert_eq!(form["scope"], "execute:tools");
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), (CLIENT, SECRET));
    auth0.cleanup();
    auth0.token(request()).await.unwrap();
    assert_eq!(issuer.count(PATH), 2);
}

#[tokio::test]
async fn another_audience_or_other_scopes_need_another_token() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    auth0.token(request()).await.unwrap();
    auth0.token(request().scope("read:tools")).await.unwrap();
    auth0.token(request().audience("https://other.example")).await.unwrap();
    assert_eq!(issuer.count(PATH), 3);
    let reordered = TokenRequest::new().scopes(["read:tools", "execute:tools"]);
    auth0.token(reordered).await.unwrap();
    assert_eq!(issuer.count(PATH), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_at_once_share_one_token_request() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let auth0 = auth0.clone();
        callers.spawn(async move { auth0.token(request()).await.unwrap() });
    }
    callers.join_all().await;
    assert_eq!(issuer.count(PATH), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_outlives_the_caller_that_started_it() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let gate = issuer.close_gate();
    let ask = |auth0: Auth0Provider| tokio::spawn(async move { auth0.token(request()).await });
    let leader = ask(auth0.clone());
    issuer.arrived(PATH, 1).await;
    let follower = ask(auth0.clone());
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    follower.await.unwrap().unwrap();
    assert_eq!(issuer.count(PATH), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_request_without_followers_still_fills_the_cache() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let gate = issuer.close_gate();
    let lonely = tokio::spawn({
        let auth0 = auth0.clone();
        async move { auth0.token(request()).await }
    });
    issuer.arrived(PATH, 1).await;
    lonely.abort();
    gate.add_permits(1);
    auth0.token(request()).await.unwrap();
    assert_eq!(issuer.count(PATH), 1);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let first = auth0.token(request()).await.unwrap();
    issuer.clock.advance(Duration::from_secs(3600 - 301));
    assert_eq!(auth0.token(request()).await.unwrap().expose(), first.expose());
    // The margin is between 150 and 300 seconds.
    issuer.clock.advance(Duration::from_secs(301 - 149));
    assert_ne!(auth0.token(request()).await.unwrap().expose(), first.expose());
    assert_eq!(issuer.count(PATH), 2);
}

#[tokio::test]
async fn a_good_token_stays_in_use_while_its_renewal_fails_and_an_expired_token_does_not() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let first = auth0.token(request()).await.unwrap();
    issuer.reply(PATH, Reply::error(400, "invalid_request", ""));
    issuer.clock.advance(Duration::from_secs(3600 - 149));
    for _ in 0..3 {
        assert_eq!(auth0.token(request()).await.unwrap().expose(), first.expose());
    }
    assert_eq!(issuer.count(PATH), 2, "a failed renewal is not tried again at once");
    issuer.clock.advance(Duration::from_secs(149));
    let error = auth0.token(request()).await.unwrap_err();
    assert!(matches!(error, OAuthError::Refused { status: 400, .. }), "{error}");
}

// Attack 35.
#[tokio::test]
async fn fewer_scopes_than_asked_are_an_error_that_names_them() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let asked = request().scope("delete:tools").scope("admin");
    let error = auth0.token(&asked).await.unwrap_err();
    let OAuthError::InsufficientScope { missing, granted, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(missing, &["admin", "delete:tools"]);
    assert_eq!(granted, &["execute:tools"]);
    assert_eq!(error.code(), Some("insufficient_scope"));
    assert!(error.to_string().contains("grant this scope in the API's Machine to Machine tab"));
}

#[tokio::test]
async fn a_grant_that_does_not_name_scopes_is_judged_by_the_token() {
    let issuer = Issuer::start().await;
    let claims = issuer.claims();
    issuer.on(PATH, move |_| {
        Reply::json(&serde_json::json!({
            "access_token": FIRST.sign(&claims), "token_type": "Bearer", "expires_in": 60,
        }))
    });
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    assert!(matches!(
        auth0.token(request()).await,
        Err(OAuthError::InsufficientScope { missing, .. }) if missing == ["execute:tools"]
    ));
}

#[tokio::test]
async fn a_request_that_cannot_work_is_not_sent() {
    let issuer = Issuer::start().await;
    let config = issuer.config().attestations(AttestationConfig::audience(ATTESTATIONS));
    let auth0 = Auth0Provider::initialize(config).await.unwrap();
    let error = |request: TokenRequest| {
        let auth0 = auth0.clone();
        async move { auth0.token(request).await.unwrap_err() }
    };
    assert_eq!(
        error(request().scope("a b")).await,
        OAuthError::Config(ConfigError::Scope("a b".to_owned()))
    );
    assert_eq!(
        error(request().audience(ATTESTATIONS)).await,
        OAuthError::Config(ConfigError::AttestationAudience(ATTESTATIONS.to_owned()))
    );
    let validator = issuer.plug(OAuthConfig::auth0_at(&issuer.issuer));
    let validator = Auth0Provider::initialize(validator).await.unwrap();
    assert_eq!(
        validator.token(request().audience(API)).await.unwrap_err(),
        OAuthError::Config(ConfigError::NoClient)
    );
    assert_eq!(
        validator.token(request()).await.unwrap_err(),
        OAuthError::Config(ConfigError::NoAudience)
    );
    assert_eq!(issuer.count(PATH), 0);
}

#[tokio::test]
async fn server_errors_are_tried_again_and_refusals_are_not() {
    for (status, attempts) in [(500, 3), (503, 3), (429, 3), (400, 1), (401, 1), (403, 1), (404, 1)]
    {
        let issuer = Issuer::start().await;
        issuer.reply(PATH, Reply::text(status, ""));
        let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
        auth0.token(request()).await.unwrap_err();
        assert_eq!(issuer.count(PATH), attempts, "{status}");
    }
}

#[tokio::test]
async fn a_second_attempt_may_succeed() {
    let issuer = Issuer::start().await;
    let (failures, this) = (AtomicUsize::new(0), issuer.clone());
    issuer.on(PATH, move |seen| match failures.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::text(429, "").header("retry-after", "0"),
        1 => Reply::text(502, ""),
        _ => this.grant(seen, &["execute:tools"], &FIRST),
    });
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    auth0.token(request()).await.unwrap();
    assert_eq!(issuer.count(PATH), 3);
}

#[tokio::test]
async fn a_rate_limit_names_its_duration_and_is_obeyed() {
    let issuer = Issuer::start().await;
    issuer.reply(PATH, Reply::error(429, "too_many_requests", "").header("retry-after", "60"));
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let error = auth0.token(request()).await.unwrap_err();
    assert_eq!(error, OAuthError::RateLimited { retry_after: Some(Duration::from_secs(60)) });
    assert!(error.to_string().contains("try again in 60 s"), "{error}");
    issuer.clock.advance(Duration::from_secs(20));
    let error = auth0.token(request()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(40)));
    assert_eq!(issuer.count(PATH), 1, "no request is sent in the meantime");
    let this = issuer.clone();
    issuer.on(PATH, move |seen| this.grant(seen, &["execute:tools"], &FIRST));
    issuer.clock.advance(Duration::from_secs(40));
    auth0.token(request()).await.unwrap();
}

/// An address without a listener: a socket gets port 1 only if it asks for it.
const GONE: &str = "127.0.0.1:1";

#[tokio::test]
async fn an_issuer_that_is_gone_is_unreachable_after_every_attempt() {
    let issuer = Issuer::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    let endpoints = etdi_oauth::Endpoints::new(
        format!("http://{address}/token"),
        issuer.url("/.well-known/jwks.json"),
    );
    let config = issuer.config().endpoints(endpoints).retry(without_pauses().attempts(4));
    let auth0 = Auth0Provider::initialize(config);
    let error = auth0.await.unwrap().token(request()).await.unwrap_err();
    assert!(matches!(error, OAuthError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("the domain should end in .auth0.com"), "{error}");
    assert!(error.is_unavailable());
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

// Attack 44, in this crate.
#[tokio::test]
async fn an_issuer_that_is_unreachable_at_start_gives_no_provider() {
    let issuer = Issuer::bare().await;
    let config = issuer.plug(OAuthConfig::auth0_at(format!("http://{GONE}/")));
    let error = Auth0Provider::initialize(config).await.unwrap_err();
    assert!(matches!(error, OAuthError::Unreachable { .. }), "{error}");
    let config = issuer.plug(OAuthConfig::generic(format!("http://{GONE}/")));
    let error = GenericProvider::initialize(config).await.unwrap_err();
    assert!(matches!(error, OAuthError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn basic_authentication_encodes_both_halves() {
    let issuer = Issuer::start().await;
    let config = issuer.config().authentication(ClientAuthentication::Basic);
    let auth0 = Auth0Provider::initialize(config).await.unwrap();
    // This issuer reads credentials only from the body.
    auth0.token(request()).await.unwrap_err();
    let seen = &issuer.seen(PATH)[0];
    assert!(!seen.form.contains_key("client_secret"));
    // the-client:a-secret%2Bthat%2Fnobody%3Dmay%26see
    let expected = "Basic dGhlLWNsaWVudDphLXNlY3JldCUyQnRoYXQlMkZub2JvZHklM0RtYXklMjZzZWU=";
    assert_eq!(seen.headers["authorization"], expected);
}

#[tokio::test]
async fn a_malformed_answer_is_refused() {
    for body in [
        "",
        "[]",
        "{\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"\",\"token_type\":\"Bearer\"}",
        "{\"access_token\":\"x\"}",
        "{\"access_token\":\"x\",\"token_type\":\"mac\"}",
        "{\"access_token\":\"x\",\"access_token\":\"y\",\"token_type\":\"Bearer\"}",
    ] {
        let issuer = Issuer::start().await;
        issuer.reply(PATH, Reply::text(200, body));
        let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
        let error = auth0.token(request()).await.unwrap_err();
        assert!(matches!(error, OAuthError::BadAnswer(_)), "{body}: {error}");
    }
}

#[tokio::test]
async fn events_tell_what_happened_to_tokens() {
    use etdi_events::EventType;
    let issuer = Issuer::start().await;
    let emitter = etdi_events::Emitter::new(Arc::clone(&issuer.clock), "test");
    let mut events = emitter.subscribe(16);
    let auth0 = Auth0Provider::initialize(issuer.config().events(emitter)).await.unwrap();
    let token = auth0.token(request()).await.unwrap();
    auth0.validate(&token, etdi_oauth::Expectations::audience(API)).await.unwrap();
    issuer.clock.advance(Duration::from_secs(3600 - 149));
    auth0.token(request()).await.unwrap();
    issuer.clock.advance(Duration::from_secs(4000));
    auth0.token(request()).await.unwrap();
    issuer.reply("/oauth/revoke", Reply::text(200, ""));
    auth0.revoke(&token).await.unwrap();
    auth0.token(request().scope("admin")).await.unwrap_err();
    for expected in [
        EventType::TokenAcquired,
        EventType::TokenValidated,
        EventType::TokenRefreshed,
        EventType::TokenExpired,
        EventType::TokenAcquired,
        EventType::TokenRevoked,
        EventType::ProviderError,
    ] {
        let record = events.recv().await.unwrap();
        assert_eq!(record.event_type(), expected);
    }
}

//! The keys of an issuer, fetched over real sockets.

use std::sync::Arc;
use std::time::Duration;

use etdi_oauth::jwks::JwksError;
use etdi_oauth::{
    Auth0Provider, BearerToken, Expectations, HttpError, JwksClient, Network, OAuthError,
    TokenError,
};
use etdi_testkit::issuer::{API, Issuer, Reply, network};
use etdi_testkit::keys::{FIRST, SECOND, jwks};
use etdi_types::Clock;
use serde_json::json;

use crate::keys::with;

const PATH: &str = "/.well-known/jwks.json";

fn client(issuer: &Issuer) -> JwksClient {
    JwksClient::new(issuer.url(PATH), network(), Arc::clone(&issuer.clock) as _).unwrap()
}

fn advance(issuer: &Issuer, seconds: u64) {
    issuer.clock.advance(Duration::from_secs(seconds));
}

// The six failings of older clients: see docs/decisions/0001-jwks-client.md.

// Attack 33.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_unknown_kids_cause_one_fetch_and_delay_no_other_caller() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let expected = Expectations::audience(API);
    let good = BearerToken::new(FIRST.sign(&issuer.claims()));
    auth0.validate(&good, &expected).await.unwrap();
    advance(&issuer, 31);
    let gate = issuer.close_gate();
    let mut unknown = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let header = with(FIRST.header(), &json!({ "kid": format!("random {number}") }));
        let token = BearerToken::new(FIRST.sign_with(&header, &issuer.claims()));
        let (auth0, expected) = (auth0.clone(), expected.clone());
        unknown.spawn(async move { auth0.validate(&token, expected).await });
    }
    issuer.arrived(PATH, 2).await;
    // While the fetch hangs, a token with a known key is validated.
    auth0.validate(&good, &expected).await.unwrap();
    let fresh = BearerToken::new(FIRST.sign(&with(issuer.claims(), &json!({ "jti": "x" }))));
    auth0.validate(&fresh, &expected).await.unwrap();
    gate.add_permits(1000);
    while let Some(result) = unknown.join_next().await {
        assert!(matches!(result.unwrap(), Err(OAuthError::Token(TokenError::UnknownKey { .. }))));
    }
    assert_eq!(issuer.count(PATH), 2);
}

// Attack 32.
#[tokio::test]
async fn a_removed_key_is_not_accepted_again() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let expected = Expectations::audience(API);
    let token = BearerToken::new(FIRST.sign(&issuer.claims()));
    auth0.validate(&token, &expected).await.unwrap();
    issuer.reply(PATH, Reply::json(&jwks(&[SECOND.jwk()])));
    advance(&issuer, 301);
    let error = auth0.validate(&token, &expected).await.unwrap_err();
    assert_eq!(error, OAuthError::Token(TokenError::KeyWithdrawn { kid: "first".to_owned() }));
    let token = BearerToken::new(SECOND.sign(&issuer.claims()));
    auth0.validate(&token, &expected).await.unwrap();
}

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    issuer.reply(PATH, Reply::json(&jwks(&[FIRST.jwk(), SECOND.jwk()])));
    let token = BearerToken::new(SECOND.sign(&issuer.claims()));
    advance(&issuer, 30);
    auth0.validate(&token, Expectations::audience(API)).await.unwrap();
    assert_eq!(issuer.count(PATH), 2);
}

#[tokio::test]
async fn stale_keys_are_used_for_an_hour_and_then_refused() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let expected = Expectations::audience(API);
    let claims = with(issuer.claims(), &json!({ "exp": i64::from(u32::MAX) }));
    let token = BearerToken::new(FIRST.sign(&claims));
    issuer.reply(PATH, Reply::text(503, ""));
    advance(&issuer, 301);
    auth0.validate(&token, &expected).await.unwrap();
    auth0.validate(&token, &expected).await.unwrap();
    assert_eq!(issuer.count(PATH), 2, "a failing endpoint is asked every 30 seconds");
    advance(&issuer, 3600 - 301 - 1);
    auth0.validate(&token, &expected).await.unwrap();
    advance(&issuer, 1);
    let error = auth0.validate(&token, &expected).await.unwrap_err();
    assert!(matches!(error, OAuthError::Jwks { source: JwksError::Status(503), .. }), "{error}");
    assert!(auth0.jwks().fresh_keys().await.is_err());
    issuer.reply(PATH, Reply::json(&jwks(&[FIRST.jwk()])));
    advance(&issuer, 30);
    auth0.validate(&token, &expected).await.unwrap();
}

#[tokio::test]
async fn a_definition_gets_no_stale_keys() {
    let issuer = Issuer::start().await;
    let client = client(&issuer);
    client.fresh_keys().await.unwrap();
    issuer.reply(PATH, Reply::text(503, ""));
    advance(&issuer, 301);
    assert!(client.keys().await.is_ok());
    assert_eq!(client.fresh_keys().await.unwrap_err(), JwksError::Status(503));
}

#[tokio::test]
async fn stale_keys_are_not_used_after_the_clock_moved_backwards() {
    let issuer = Issuer::start().await;
    let client = client(&issuer);
    client.keys().await.unwrap();
    issuer.reply(PATH, Reply::text(503, ""));
    issuer.clock.set(issuer.clock.now().unix_timestamp() - 1);
    assert_eq!(client.keys().await.unwrap_err(), JwksError::Status(503));
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_skipped_one_by_one() {
    let issuer = Issuer::start().await;
    let no_kid = with(SECOND.jwk(), &json!({ "kid": null }));
    let bad = [
        json!({ "kty": "oct", "k": "AAAA", "kid": "oct" }),
        with(SECOND.jwk(), &json!({ "use": "enc" })),
        with(SECOND.jwk(), &json!({ "key_ops": ["sign"] })),
        with(SECOND.jwk(), &json!({ "n": "AQAB" })),
        with(SECOND.jwk(), &json!({ "d": "AQAB" })),
        with(SECOND.jwk(), &json!({ "alg": "RS512" })),
        json!({ "kty": "AKP", "kid": "future" }),
        json!("not a key"),
        json!(null),
    ];
    let mut all = bad.to_vec();
    all.extend([no_kid, with(FIRST.jwk(), &json!({ "alg": null }))]);
    issuer.reply(PATH, Reply::json(&jwks(&all)));
    let keys = client(&issuer).keys().await.unwrap();
    assert_eq!((keys.keys().len(), keys.skipped().len()), (2, bad.len()));
    assert!(keys.has_kid("first"));
}

#[tokio::test]
async fn freshness_follows_cache_control_between_5_minutes_and_a_day() {
    for (header, fresh) in [("max-age=1", 300), ("max-age=7200", 7200), ("max-age=999999", 86_400)]
    {
        let issuer = Issuer::start().await;
        let reply = Reply::json(&jwks(&[FIRST.jwk()])).header("cache-control", header);
        issuer.reply(PATH, reply);
        let client = client(&issuer);
        client.keys().await.unwrap();
        advance(&issuer, fresh - 1);
        client.keys().await.unwrap();
        assert_eq!(issuer.count(PATH), 1, "{header}");
        advance(&issuer, 1);
        client.keys().await.unwrap();
        assert_eq!(issuer.count(PATH), 2, "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_fetch_serves_all_callers_and_outlives_the_first() {
    let issuer = Issuer::start().await;
    let client = client(&issuer);
    let gate = issuer.close_gate();
    let leader = tokio::spawn({
        let client = client.clone();
        async move { client.keys().await }
    });
    issuer.arrived(PATH, 1).await;
    let followers: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.keys().await })
        })
        .collect();
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    for follower in followers {
        follower.await.unwrap().unwrap();
    }
    assert_eq!(issuer.count(PATH), 1);
}

// Attack 34.
#[tokio::test]
async fn a_jwks_of_10_mb_is_refused() {
    let issuer = Issuer::start().await;
    let padding = "x".repeat(10_000_000);
    issuer.reply(PATH, Reply::json(&json!({ "keys": [FIRST.jwk()], "padding": padding })));
    let error = client(&issuer).keys().await.unwrap_err();
    assert_eq!(error, JwksError::Http(HttpError::TooLarge { limit: 262_144 }));
}

#[tokio::test]
async fn a_jwks_that_never_ends_is_refused() {
    // The body has no length, and its chunks come fast and without end.
    let address =
        endless(b"{\"keys\":[]}                                                   ").await;
    let error = jwks_at(&address, network()).await;
    assert_eq!(error, JwksError::Http(HttpError::TooLarge { limit: 262_144 }));
    // The server sends headers and then stops for ever.
    let timeout = Duration::from_millis(100);
    let address = endless(b"").await;
    let error = jwks_at(&address, network().timeout(timeout)).await;
    assert_eq!(error, JwksError::Http(HttpError::Timeout(timeout)));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (issuer, elsewhere) = (Issuer::start().await, Issuer::start().await);
    for status in [301, 302, 303, 307, 308] {
        let reply = Reply::text(status, "").header("location", elsewhere.url(PATH));
        issuer.reply(PATH, reply);
        let error = client(&issuer).keys().await.unwrap_err();
        assert_eq!(error, JwksError::Http(HttpError::Redirect { status }));
    }
    assert_eq!(elsewhere.count(PATH), 0);
}

#[tokio::test]
async fn http_and_private_addresses_are_refused_before_anything_is_sent() {
    let issuer = Issuer::start().await;
    let clock = || Arc::clone(&issuer.clock) as _;
    let error = JwksClient::new(issuer.url(PATH), Network::default(), clock()).unwrap_err();
    assert!(matches!(error, JwksError::Http(HttpError::NotHttps { .. })), "{error}");
    for host in ["10.0.0.1", "192.168.0.1", "169.254.169.254", "[fd00::1]", "[::ffff:10.0.0.1]"] {
        let uri = format!("https://{host}/jwks");
        let error = JwksClient::new(uri, network(), clock()).unwrap_err();
        assert!(matches!(error, JwksError::Http(HttpError::PrivateAddress { .. })), "{error}");
    }
    // The name resolves to loopback, and is refused when it is resolved.
    let client = JwksClient::new("https://localhost/jwks", Network::default(), clock()).unwrap();
    let error = client.keys().await.unwrap_err();
    assert_eq!(error, JwksError::Http(HttpError::PrivateAddress { host: "localhost".to_owned() }));
    assert_eq!(issuer.count(PATH), 0);
}

#[tokio::test]
async fn a_text_that_is_not_a_jwks_is_refused() {
    for body in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}", "{\"keys\":[}"] {
        let issuer = Issuer::start().await;
        issuer.reply(PATH, Reply::text(200, body));
        let error = client(&issuer).keys().await.unwrap_err();
        assert!(matches!(error, JwksError::NotAJwks(_)), "{body}: {error}");
    }
}

async fn jwks_at(address: &str, network: Network) -> JwksError {
    let clock = Arc::new(etdi_types::ManualClock::at(etdi_testkit::issuer::NOW));
    JwksClient::new(address, network, clock).unwrap().keys().await.unwrap_err()
}

/// Starts a server that sends headers and then this chunk again and again.
async fn endless(chunk: &'static [u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        if chunk.is_empty() {
            std::future::pending::<()>().await;
        }
        while stream.write_all(chunk).await.is_ok() {}
    });
    format!("http://{address}/jwks")
}

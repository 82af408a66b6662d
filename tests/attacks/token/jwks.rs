//! Issuers' keys: requested too often, too large, never ending, or at another address.

use std::sync::Arc;
use std::time::Duration;

use etdi::oauth::{
    BearerToken, DiscoveryError, GenericProvider, HttpError, JwksClient, JwksError, Network,
    TokenError,
};
use etdi::verdict::UnknownReason;
use etdi::{Auth0Provider, EtdiClient, Expectations, OAuthConfig, OAuthError, TrustConfig, Who};
use futures::stream::{self, StreamExt};
use serde_json::json;
use tokio::sync::Semaphore;

use super::attestation::Scene;
use crate::support::*;

/// The largest number of bytes that is read from an answer.
const LIMIT: usize = 256 * 1024;

#[tokio::test]
async fn attack_33_a_thousand_random_kids() {
    let issuer = Issuer::start().await;
    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    let claims = issuer.access_claims("alice", &SCOPES.join(" "));
    let strange = |number: usize| {
        let header = json!({"alg": "RS256", "kid": format!("random-{number}")});
        SECOND.sign_with(&header, &claims)
    };
    let good = issuer.token("alice", &SCOPES.join(" "));
    assert_eq!(issuer.fetches(), 1);
    let storm = async |numbers: std::ops::Range<usize>| {
        let answers = stream::iter(numbers.map(strange))
            .map(|token| {
                let site = &site;
                async move { site.call("scan", Some(&token)).await }
            })
            .buffer_unordered(32);
        answers
            .for_each(|answer| async move { answer.assert_challenge(401, "invalid_token") })
            .await;
    };
    // The last fetch is less than 30 seconds old, so unknown kids cause no further fetch.
    storm(0..100).await;
    assert_eq!(issuer.fetches(), 1);
    issuer.clock.advance(Duration::from_secs(30));
    storm(100..1100).await;
    assert_eq!(issuer.fetches(), 2);
    issuer.clock.advance(Duration::from_secs(29));
    storm(1100..1200).await;
    assert_eq!(issuer.fetches(), 2);
    issuer.clock.advance(Duration::from_secs(1));
    storm(1200..1300).await;
    assert_eq!(issuer.fetches(), 3);
    app.assert_calls(0);
    assert_eq!(site.call("scan", Some(&good)).await.status, 200);
    app.assert_calls(1);
}

/// While a stranger's token makes the server fetch the keys, tokens of other callers are validated.
#[tokio::test]
async fn attack_33_other_tokens_are_validated_during_a_fetch() {
    let issuer = Issuer::start().await;
    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    issuer.clock.advance(Duration::from_secs(30));
    let gate = Arc::new(Semaphore::new(0));
    issuer.jwks(Jwks::Held(gate.clone()));
    let claims = issuer.access_claims("mallory", &SCOPES.join(" "));
    let strange: Vec<_> = (0..20)
        .map(|number| {
            SECOND.sign_with(&json!({"alg": "RS256", "kid": format!("r{number}")}), &claims)
        })
        .collect();
    let mut storm = stream::iter(&strange)
        .map(|token| site.call("scan", Some(token)))
        .buffer_unordered(strange.len());
    let others = async {
        while issuer.fetches() < 2 {
            tokio::task::yield_now().await;
        }
        for number in 1..=20 {
            let token = issuer.token(&format!("alice-{number}"), &SCOPES.join(" "));
            assert_eq!(site.call("scan", Some(&token)).await.status, 200);
            app.assert_calls(number);
        }
    };
    tokio::select! {
        biased;
        () = others => {}
        answer = storm.next() => panic!("it should wait for the keys: {answer:?}"),
    }
    assert_eq!(issuer.fetches(), 2);
    gate.add_permits(100);
    let answers: Vec<_> = storm.collect().await;
    for answer in &answers {
        answer.assert_challenge(401, "invalid_token");
    }
    assert_eq!((answers.len(), issuer.fetches()), (strange.len(), 2));
    app.assert_calls(20);
}

#[tokio::test]
async fn attack_33_attestations_with_random_kids() {
    let scene = Scene::set().await;
    let issuer = &scene.issuer;
    let host = host_of(issuer, &scene.publisher);
    let claims = issuer.attestation_claims(&scene.signed);
    let good = Server::serving(Transport::Http, &[&issuer.attest(&scene.signed)]).await;
    let honest = good.connect(&host).await;
    let approved = approve(&honest, "scan").await;
    assert_eq!(issuer.fetches(), 1);
    let server = Server::start(Transport::Http).await;
    let connection = server.connect(&host).await;
    for number in 0..50 {
        let header = json!({"alg": "RS256", "kid": format!("random-{number}")});
        let token = SECOND.sign_with(&header, &claims);
        server.serve(&[&attested(&scene.signed, &token)]);
        let found = blocked(&connection, "scan").await;
        assert!(matches!(who(&found), Who::Impostor { .. }), "{found}");
    }
    assert_eq!(issuer.fetches(), 1);
    call(&honest, &approved).await.unwrap();
    good.assert_calls(1);
    server.assert_not_called();
}

/// Each of these answers makes the provider fail, and is read only as far as necessary.
#[tokio::test]
async fn attack_34_keys_that_are_too_large_never_end_or_are_elsewhere() {
    let trap = Trap::start().await;
    let large = || HttpError::TooLarge { limit: LIMIT };
    // The short timeout is only for the answer that never comes; a slow machine must have time to read
    // the others.
    let short = Duration::from_secs(2);
    let cases = [
        (Jwks::Bytes { count: 10_000_000, told: true }, large()),
        (Jwks::Bytes { count: 10_000_000, told: false }, large()),
        (Jwks::Endless, large()),
        (Jwks::Stuck, HttpError::Timeout(short)),
        (Jwks::Redirect(trap.uri()), HttpError::Redirect { status: 302 }),
        (
            Jwks::Redirect("https://evil.example/jwks".to_owned()),
            HttpError::Redirect { status: 302 },
        ),
    ];
    for (jwks, expected) in cases {
        let issuer = Issuer::start().await;
        let patient = match expected {
            HttpError::Timeout(short) => network().timeout(short),
            _ => network(),
        };
        let config = issuer.config().network(patient);
        let working = Auth0Provider::initialize(config.clone()).await.unwrap();
        issuer.jwks(jwks);
        let error = Auth0Provider::initialize(config).await.unwrap_err();
        let found = match &error {
            OAuthError::Jwks { source: JwksError::Http(source), .. } => source,
            OAuthError::Unreachable { source, .. } => source,
            other => panic!("{other:?}"),
        };
        assert_eq!(*found, expected, "{error}");

        // A provider that already had good keys continues to use them.
        issuer.clock.advance(Duration::from_secs(30));
        let token = BearerToken::new(SECOND.sign(&issuer.access_claims("alice", "")));
        let refused = working.validate(&token, Expectations::audience(API)).await.unwrap_err();
        let kid = Some("second".to_owned());
        assert_eq!(refused, OAuthError::Token(TokenError::UnknownKey { kid }));
        let good = issuer.bearer("alice", "");
        working.validate(&good, Expectations::audience(API)).await.unwrap();
        assert_eq!(trap.requests(), 0);
    }
}

/// A host that cannot check an attestation blocks the tool, with `Who::Unknown`.
#[tokio::test]
async fn attack_34_a_host_that_cannot_fetch_the_keys() {
    let trap = Trap::start().await;
    for jwks in [
        Jwks::Bytes { count: 10_000_000, told: true },
        Jwks::Endless,
        Jwks::Redirect(trap.uri()),
        Jwks::Down,
    ] {
        let scene = Scene::set().await;
        scene.issuer.jwks(jwks);
        let server = Server::serving(Transport::Http, &[&scene.issuer.attest(&scene.signed)]).await;
        let connection = server.connect(&host_of(&scene.issuer, &scene.publisher)).await;
        let found = blocked(&connection, "scan").await;
        let Who::Unknown { why: UnknownReason::AttestationUnchecked(_) } = who(&found) else {
            panic!("{found}")
        };
        server.assert_not_called();
        assert_eq!(trap.requests(), 0);
    }
}

#[tokio::test]
async fn attack_34_jwks_uri_on_http_or_on_a_private_address() {
    let trap = Trap::start().await;
    let port = trap.uri();
    let port = port.trim_start_matches("http://127.0.0.1:").trim_end_matches("/mcp");
    let not_https = |url: &str| HttpError::NotHttps { url: url.to_owned() };
    let private = |host: &str| HttpError::PrivateAddress { host: host.to_owned() };
    let cases = [
        ("http://keys.example/jwks", not_https("http://keys.example/jwks")),
        ("http://10.0.0.1/jwks", not_https("http://10.0.0.1/jwks")),
        ("ftp://keys.example/jwks", not_https("ftp://keys.example/jwks")),
        ("file:///etc/passwd", HttpError::InvalidUrl { url: "file:///etc/passwd".to_owned() }),
        ("https://10.0.0.1/jwks", private("10.0.0.1")),
        ("https://172.16.0.1/jwks", private("172.16.0.1")),
        ("https://192.168.1.1/jwks", private("192.168.1.1")),
        ("https://169.254.169.254/latest/meta-data", private("169.254.169.254")),
        ("https://100.64.0.1/jwks", private("100.64.0.1")),
        ("https://0.0.0.0/jwks", private("0.0.0.0")),
        ("https://[fd00::1]/jwks", private("fd00::1")),
        ("https://[fe80::1]/jwks", private("fe80::1")),
        ("https://[::ffff:10.0.0.1]/jwks", private("::ffff:10.0.0.1")),
        ("https://0x0a000001/jwks", private("10.0.0.1")),
    ];
    for (jwks_uri, expected) in cases {
        let issuer = Issuer::start().await;
        let base = issuer.issuer.trim_end_matches('/').to_owned();
        issuer.metadata(json!({
            "issuer": base, "token_endpoint": issuer.url("oauth/token"), "jwks_uri": jwks_uri,
        }));
        let config = issuer.plug(OAuthConfig::generic(&base));
        let error = GenericProvider::initialize(config).await.unwrap_err();
        let OAuthError::Discovery { source: DiscoveryError::Endpoint { source, .. }, .. } = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(*source, expected, "{jwks_uri}");
    }
    // Without the setting for tests, the loopback interface is refused as well, by address and by name.
    let strict = Network::default;
    for (uri, expected) in [
        (trap.uri(), not_https(&trap.uri())),
        (format!("https://127.0.0.1:{port}/jwks"), private("127.0.0.1")),
        (format!("https://[::1]:{port}/jwks"), private("::1")),
        (format!("https://2130706433:{port}/jwks"), private("127.0.0.1")),
        (format!("https://localhost:{port}/jwks"), private("localhost")),
    ] {
        let clock = Issuer::start().await.clock.clone();
        let refused = match JwksClient::new(&uri, strict(), clock) {
            Ok(client) => client.keys().await.map(drop).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(refused, JwksError::Http(expected), "{uri}");
    }
    // The same holds for the keys of a publisher.
    let publisher = Publisher::new("trustedsoft.example");
    for uri in [trap.uri(), format!("https://127.0.0.1:{port}/jwks")] {
        let issuer = Issuer::start().await;
        let mut entry = issuer.trusted(&publisher);
        entry.keys.clear();
        entry.jwks_uri = Some(uri);
        let trust = TrustConfig::new(vec![entry]).unwrap();
        let host = EtdiClient::builder(trust).clock(issuer.clock.clone()).build().unwrap();
        let signed = publisher.sign(&tool("scan"), "1.0.0");
        let server = Server::serving(Transport::Http, &[&signed]).await;
        let found = blocked(&server.connect(&host).await, "scan").await;
        let Who::Unknown { why: UnknownReason::KeysUnavailable(_) } = who(&found) else {
            panic!("{found}")
        };
        server.assert_not_called();
    }
    assert_eq!(trap.requests(), 0);
}

//! Pauses that an issuer asks for, and the limiter that every request with credentials goes
//! through.

use std::time::Duration;

use etdi_oauth::{
    AttestationConfig, AttestationRequest, Auth0Provider, Endpoints, OAuthError, OAuthProvider,
    TokenRequest,
};
use etdi_testkit::issuer::{ATTESTATIONS, CLAIM, Issuer, NOW, Reply};
use etdi_testkit::keys::FIRST;
use etdi_types::Digest;

const TOKEN: &str = "/oauth/token";

/// The paths of the requests that carry the client's credentials.
const PATHS: [&str; 3] = [TOKEN, "/introspect", "/oauth/revoke"];

/// Makes a provider that may send every kind of request.
async fn provider(issuer: &Issuer) -> Auth0Provider {
    let endpoints = Endpoints::new(issuer.url(TOKEN), issuer.url("/.well-known/jwks.json"))
        .introspection(issuer.url("/introspect"))
        .revocation(issuer.url("/oauth/revoke"));
    let attestations = AttestationConfig::audience(ATTESTATIONS).claim(CLAIM);
    let config = issuer.config().endpoints(endpoints).attestations(attestations);
    Auth0Provider::initialize(config).await.unwrap()
}

fn attested() -> AttestationRequest {
    AttestationRequest::new().definition(
        "a.example/b".parse().unwrap(),
        "1.0.0".parse().unwrap(),
        Digest::of(b"x"),
    )
}

/// Returns the error of each kind of request.
async fn errors(provider: &Auth0Provider, issuer: &Issuer) -> [OAuthError; 4] {
    let token = issuer.bearer("alice", "execute:tools");
    [
        provider.token(TokenRequest::new().scope("execute:tools")).await.unwrap_err(),
        provider.attestation(attested()).await.unwrap_err(),
        provider.introspect(&token).await.unwrap_err(),
        provider.revoke(&token).await.unwrap_err(),
    ]
}

fn requests(issuer: &Issuer) -> usize {
    PATHS.map(|path| issuer.count(path)).iter().sum()
}

fn grants_again(issuer: &Issuer) {
    let this = issuer.clone();
    issuer.on(TOKEN, move |seen| this.grant(seen, &["execute:tools"], &FIRST));
}

#[tokio::test]
async fn no_pause_that_an_issuer_names_panics_or_lasts_longer_than_an_hour() {
    let digits = "9".repeat(100);
    for told in ["999999999999", "18446744073709551615", "18446744073709551616", &digits] {
        for path in PATHS {
            let issuer = Issuer::start().await;
            let provider = provider(&issuer).await;
            let limited = Reply::error(429, "too_many_requests", "").header("retry-after", told);
            for path in PATHS {
                issuer.reply(path, limited.clone());
            }
            let token = issuer.bearer("alice", "execute:tools");
            let error = match path {
                TOKEN => provider.token(TokenRequest::new()).await.map(drop),
                "/introspect" => provider.introspect(&token).await.map(drop),
                _ => provider.revoke(&token).await,
            };
            let hour = Duration::from_secs(3600);
            let limited = OAuthError::RateLimited { retry_after: Some(hour) };
            assert_eq!(error.unwrap_err(), limited, "{path}: {told}");
            grants_again(&issuer);
            issuer.clock.advance(hour);
            provider.token(TokenRequest::new().scope("execute:tools")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_pause_ends_if_the_clock_goes_back() {
    for told in ["60", "999999999"] {
        let issuer = Issuer::start().await;
        let provider = provider(&issuer).await;
        issuer.reply(TOKEN, Reply::text(429, "").header("retry-after", told));
        let request = TokenRequest::new().scope("execute:tools");
        provider.token(&request).await.unwrap_err();
        grants_again(&issuer);
        assert!(provider.token(&request).await.is_err(), "the pause holds");
        issuer.clock.set(NOW - 86_400);
        provider.token(&request).await.unwrap();
    }
}

#[tokio::test]
async fn every_kind_of_request_keeps_the_pause_that_another_was_told() {
    for (reply, limited) in [
        (Reply::text(429, ""), true),
        (Reply::text(429, "").header("retry-after", "60"), true),
        (Reply::error(400, "slow_down", ""), true),
        (Reply::text(503, "").header("retry-after", "60"), false),
    ] {
        let issuer = Issuer::start().await;
        let provider = provider(&issuer).await;
        issuer.reply(TOKEN, reply);
        provider.token(TokenRequest::new()).await.unwrap_err();
        let before = requests(&issuer);
        for error in errors(&provider, &issuer).await {
            assert_eq!(matches!(error, OAuthError::RateLimited { .. }), limited, "{error}");
            assert_eq!(matches!(error, OAuthError::Unavailable { .. }), !limited, "{error}");
            assert!(error.retry_after().is_some_and(|pause| !pause.is_zero()), "{error}");
            assert!(error.is_unavailable());
        }
        assert_eq!(requests(&issuer), before, "no request is sent in the meantime");
        grants_again(&issuer);
        issuer.clock.advance(Duration::from_secs(60));
        provider.token(TokenRequest::new().scope("execute:tools")).await.unwrap();
    }
}

#[tokio::test]
async fn a_hundred_calls_after_a_limit_without_a_named_pause_make_the_attempts_of_one() {
    for told in [None, Some("0")] {
        let issuer = Issuer::start().await;
        let provider = provider(&issuer).await;
        let reply = Reply::text(429, "");
        issuer.reply(
            TOKEN,
            match told {
                None => reply,
                Some(told) => reply.header("retry-after", told),
            },
        );
        for number in 0..100 {
            let request = TokenRequest::new().scope(format!("scope:{number}"));
            let error = provider.token(request).await.unwrap_err();
            assert!(matches!(error, OAuthError::RateLimited { .. }), "{error}");
        }
        assert_eq!(issuer.count(TOKEN), 3, "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_at_once_have_one_that_tries_again() {
    let issuer = Issuer::start().await;
    let provider = provider(&issuer).await;
    issuer.reply(TOKEN, Reply::text(429, ""));
    let gate = issuer.close_gate();
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let provider = provider.clone();
        let request = TokenRequest::new().scope(format!("scope:{number}"));
        calls.spawn(async move { provider.token(request).await.unwrap_err() });
    }
    issuer.arrived(TOKEN, 100).await;
    gate.add_permits(1000);
    for error in calls.join_all().await {
        assert!(matches!(error, OAuthError::RateLimited { .. }), "{error}");
    }
    assert_eq!(issuer.count(TOKEN), 102);
}

#[tokio::test]
async fn a_second_attempt_that_succeeds_ends_the_pause() {
    let issuer = Issuer::start().await;
    let provider = provider(&issuer).await;
    let (this, tokens) = (issuer.clone(), std::sync::atomic::AtomicUsize::new(0));
    issuer.on(TOKEN, move |seen| match tokens.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Reply::text(429, ""),
        _ => this.grant(seen, &["execute:tools", "read:files"], &FIRST),
    });
    provider.token(TokenRequest::new().scope("execute:tools")).await.unwrap();
    provider.token(TokenRequest::new().scope("read:files")).await.unwrap();
    assert_eq!(issuer.count(TOKEN), 3);
}

#[tokio::test]
async fn a_good_token_stays_in_use_during_a_pause() {
    let issuer = Issuer::start().await;
    let provider = provider(&issuer).await;
    let request = TokenRequest::new().scope("execute:tools");
    let token = provider.token(&request).await.unwrap();
    issuer.reply(TOKEN, Reply::text(429, "").header("retry-after", "3600"));
    provider.token(TokenRequest::new().scope("read:files")).await.unwrap_err();
    assert_eq!(provider.token(&request).await.unwrap().expose(), token.expose());
}

#[tokio::test]
async fn a_token_that_a_server_refused_is_forgotten_alone() {
    let issuer = Issuer::start().await;
    let provider = provider(&issuer).await;
    let (first, other) =
        (TokenRequest::new().scope("execute:tools"), TokenRequest::new().scope("read:files"));
    let refused = provider.token(&first).await.unwrap();
    let kept = provider.token(&other).await.unwrap();
    OAuthProvider::forget(&provider, &refused);
    assert_ne!(provider.token(&first).await.unwrap().expose(), refused.expose());
    assert_eq!(provider.token(&other).await.unwrap().expose(), kept.expose());
    // A token that was replaced already does not take the new one with it.
    OAuthProvider::forget(&provider, &refused);
    provider.token(&first).await.unwrap();
    assert_eq!(issuer.count(TOKEN), 3);
}

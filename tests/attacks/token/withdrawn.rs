//! Keys that were removed, and keys that cannot be fetched any longer.

use std::time::Duration;

use etdi::oauth::{BearerToken, OAuthError, TokenError};
use etdi::verdict::UnknownReason;
use etdi::{EtdiClient, Expectations, SecurityLevel, TrustConfig, Who};
use serde_json::json;

use super::attestation::Scene;
use crate::support::*;

on_both_transports!(
    attack_32_issuers_key_removed,
    attack_32_issuers_key_removed_behind_a_long_memory,
    attack_32_publishers_key_removed,
    attack_32_keys_of_definitions_out_of_reach,
);

/// A time after which the keys are not fresh any longer, and the list is too old for a call.
const STALE: Duration = Duration::from_secs(301);

async fn attack_32_issuers_key_removed(transport: Transport) {
    let scene = Scene::set().await;
    let issuer = &scene.issuer;
    let server = Server::serving(transport, &[&issuer.attest(&scene.signed)]).await;
    let connection = server.connect(&host_of(issuer, &scene.publisher)).await;
    let approved = approve(&connection, "scan").await;
    call(&connection, &approved).await.unwrap();

    issuer.jwks(Jwks::Keys(vec![SECOND.jwk()]));
    issuer.clock.advance(STALE);
    let tools = [refusal(call(&connection, &approved).await), blocked(&connection, "scan").await];
    for found in tools {
        let Who::Revoked { what } = who(&found) else { panic!("{found}") };
        assert!(what.contains(KID), "{what}");
    }
    server.assert_calls(1);
    // Another key with the same `kid` does not count as the removed key.
    let impersonated = changed(&SECOND.jwk(), json!({"kid": KID}));
    issuer.jwks(Jwks::Keys(vec![impersonated]));
    issuer.clock.advance(STALE);
    let found = refusal(call(&connection, &approved).await);
    assert!(matches!(who(&found), Who::Impostor { .. }), "{found}");
    server.assert_calls(1);

    // When the issuer publishes the old key again, the tool is callable again.
    issuer.jwks(Jwks::Keys(vec![FIRST.jwk()]));
    issuer.clock.advance(STALE);
    call(&connection, &approved).await.unwrap();
    server.assert_calls(2);
}

/// A long maximum age of the list does not extend the time for which keys are fresh.
async fn attack_32_issuers_key_removed_behind_a_long_memory(transport: Transport) {
    let scene = Scene::set().await;
    let issuer = &scene.issuer;
    let host = EtdiClient::builder(issuer.trust(&scene.publisher))
        .clock(issuer.clock.clone())
        .network(network())
        .definition_max_age(Duration::from_secs(7 * 24 * 3600))
        .build()
        .unwrap();
    let server = Server::serving(transport, &[&issuer.attest(&scene.signed)]).await;
    let connection = server.connect(&host).await;
    let approved = approve(&connection, "scan").await;
    issuer.jwks(Jwks::Keys(vec![SECOND.jwk()]));
    issuer.clock.advance(STALE);
    let found = refusal(call(&connection, &approved).await);
    assert!(matches!(who(&found), Who::Revoked { .. }), "{found}");
    server.assert_not_called();
}

async fn attack_32_publishers_key_removed(transport: Transport) {
    let issuer = Issuer::start().await;
    let publisher = Publisher::new("trustedsoft.example");
    let jwk = serde_json::to_value(publisher.key.public_jwk()).unwrap();
    issuer.jwks(Jwks::Keys(vec![jwk]));
    let mut entry = issuer.trusted(&publisher);
    entry.keys.clear();
    entry.jwks_uri = Some(issuer.url(".well-known/jwks.json"));
    let trust = TrustConfig::new(vec![entry]).unwrap();
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let connection = server.connect(&host_with(&issuer, trust)).await;
    let approved = approve(&connection, "scan").await;
    call(&connection, &approved).await.unwrap();

    issuer.jwks(Jwks::Keys(vec![SECOND.jwk()]));
    issuer.clock.advance(STALE);
    let tools = [refusal(call(&connection, &approved).await), blocked(&connection, "scan").await];
    for found in tools {
        let what = format!("kid:{}, no longer in the provider's key set", publisher.key.kid());
        assert_eq!(who(&found), &Who::Revoked { what });
    }
    server.assert_calls(1);
}

/// If the keys cannot be fetched, a new tool is blocked at once, and an approved tool when its offline
/// grace is over.
async fn attack_32_keys_of_definitions_out_of_reach(transport: Transport) {
    let scene = Scene::set().await;
    let issuer = &scene.issuer;
    let other = scene.publisher.signed("trustedsoft.example/new", &tool("new"), "1.0.0");
    let tools = [issuer.attest(&scene.signed), issuer.attest(&other)];
    let server = Server::serving(transport, &[&tools[0], &tools[1]]).await;
    let connection = server.connect(&host_of(issuer, &scene.publisher)).await;
    let approved = approve(&connection, "scan").await;

    issuer.go_down();
    issuer.clock.advance(STALE);
    call(&connection, &approved).await.unwrap();
    let tool = allowed(&connection, "scan").await;
    assert!(!tool.notices().is_empty());
    let found = blocked(&connection, "new").await;
    assert!(
        matches!(who(&found), Who::Unknown { why: UnknownReason::AttestationUnchecked(_) }),
        "{found}"
    );
    server.assert_calls(1);
    let grace = SecurityLevel::Enhanced.offline_grace();
    issuer.clock.advance(grace - STALE - Duration::from_secs(1));
    call(&connection, &approved).await.unwrap();
    server.assert_calls(2);
    issuer.clock.advance(STALE);
    let found = refusal(call(&connection, &approved).await);
    assert!(matches!(who(&found), Who::Unknown { .. }), "{found}");
    server.assert_calls(2);
}

#[tokio::test]
async fn attack_32_access_tokens_of_a_removed_key() {
    let issuer = Issuer::start().await;
    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    let provider = issuer.provider().await;
    let long = issuer.now() + 24 * 3600;
    let claims = changed(&issuer.access_claims("alice", &SCOPES.join(" ")), json!({"exp": long}));
    let (old, new) = (FIRST.sign(&claims), SECOND.sign(&claims));
    assert_eq!(site.call("scan", Some(&old)).await.status, 200);
    let expected = Expectations::audience(API);
    provider.validate(&BearerToken::new(old.clone()), &expected).await.unwrap();

    issuer.jwks(Jwks::Keys(vec![SECOND.jwk()]));
    issuer.clock.advance(Duration::from_secs(30));
    // A token with the new key causes a fetch, and the same fetch removes the old key.
    assert_eq!(site.call("scan", Some(&new)).await.status, 200);
    site.call("scan", Some(&old)).await.assert_challenge(401, "invalid_token");
    app.assert_calls(2);
    provider.validate(&BearerToken::new(new), &expected).await.unwrap();
    let error = provider.validate(&BearerToken::new(old), &expected).await.unwrap_err();
    let kid = KID.to_owned();
    assert_eq!(error, OAuthError::Token(TokenError::KeyWithdrawn { kid }));
}

#[tokio::test]
async fn attack_32_keys_of_access_tokens_out_of_reach() {
    let issuer = Issuer::start().await;
    let app = protected_app();
    let site = Site::protected(&issuer, &app).await;
    let long = issuer.now() + 24 * 3600;
    let claims = changed(&issuer.access_claims("alice", &SCOPES.join(" ")), json!({"exp": long}));
    let early = FIRST.sign(&claims);
    assert_eq!(site.call("scan", Some(&early)).await.status, 200);
    issuer.go_down();
    // For up to one hour after the last successful fetch, the old keys are still used, for known and
    // for new tokens.
    issuer.clock.advance(Duration::from_secs(3599));
    let late = FIRST.sign(&changed(&claims, json!({"jti": "late"})));
    for token in [&early, &late] {
        assert_eq!(site.call("scan", Some(token)).await.status, 200);
    }
    app.assert_calls(3);
    issuer.clock.advance(Duration::from_secs(1));
    let latest = FIRST.sign(&changed(&claims, json!({"jti": "latest"})));
    for token in [&early, &late, &latest] {
        assert_eq!(site.call("scan", Some(token)).await.status, 503);
        assert_eq!(site.call("known", Some(token)).await.status, 503);
    }
    app.assert_calls(3);
    // The issuer is back, and the pause after a failure is over.
    issuer.jwks(Jwks::Keys(vec![FIRST.jwk()]));
    issuer.clock.advance(Duration::from_secs(30));
    assert_eq!(site.call("scan", Some(&early)).await.status, 200);
    app.assert_calls(4);
}

/// A host that has just started does not know that the key was withdrawn, and still refuses the tool.
#[tokio::test]
async fn attack_32_removed_before_the_host_started() {
    let scene = Scene::set().await;
    let issuer = &scene.issuer;
    issuer.jwks(Jwks::Keys(vec![SECOND.jwk()]));
    let server = Server::serving(Transport::Http, &[&issuer.attest(&scene.signed)]).await;
    let connection = server.connect(&host_of(issuer, &scene.publisher)).await;
    let found = blocked(&connection, "scan").await;
    assert!(matches!(who(&found), Who::Impostor { .. }), "{found}");
    let request = match connection.decide(&found).await.unwrap() {
        etdi::Decision::Block(refusal) => refusal.override_request(),
        other => panic!("{other:?}"),
    };
    assert!(request.is_none());
    server.assert_not_called();
}

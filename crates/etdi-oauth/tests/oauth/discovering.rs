//! Discovery at issuers whose well-known addresses answer in odd ways, or fail for a moment.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use etdi_oauth::{DiscoveryError, GenericProvider, OAuthError, OAuthProvider};
use etdi_testkit::issuer::Reply;
use etdi_testkit::keys::{FIRST, jwks};
use serde_json::json;

use crate::providers::{generic, issuer_with, metadata};

#[tokio::test]
async fn an_answer_that_is_not_the_document_does_not_end_discovery() {
    let elsewhere = json!({
        "issuer": "https://another.example", "token_endpoint": "https://another.example/token",
        "jwks_uri": "https://another.example/keys",
    });
    let incomplete = |issuer: &str| json!({ "issuer": issuer, "authorization_endpoint": "x" });
    for well_known in [
        "/tenant/.well-known/openid-configuration",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/oauth-authorization-server",
    ] {
        let (base, issuer) = issuer_with("/tenant", well_known).await;
        for reply in [
            Reply::text(302, "").header("location", "/login"),
            Reply::text(204, ""),
            Reply::text(401, ""),
            Reply::text(503, ""),
            Reply::text(200, "<!doctype html><title>Tools</title>"),
            Reply::text(200, ""),
            Reply::text(200, "{}"),
            Reply::text(200, "[]"),
            Reply::text(200, "{\"issuer\":7}"),
            Reply::text(200, " ".repeat(300 * 1024)),
            Reply::json(&elsewhere),
            Reply::json(&incomplete(&issuer)),
        ] {
            base.reply("/.well-known/oauth-authorization-server/tenant", reply.clone());
            let provider = GenericProvider::initialize(generic(&base, &issuer)).await;
            assert_eq!(provider.unwrap().issuer(), issuer, "{} {:?}", reply.status, reply.headers);
        }
    }
}

#[tokio::test]
async fn metadata_of_another_issuer_is_the_error_after_every_address_was_tried() {
    let (base, issuer) =
        issuer_with("/tenant", "/.well-known/oauth-authorization-server/other").await;
    let foreign = metadata(&base.url("/other"), &base);
    let addresses = [
        "/.well-known/oauth-authorization-server/tenant",
        "/tenant/.well-known/openid-configuration",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/oauth-authorization-server",
    ];
    base.reply(addresses[0], Reply::json(&foreign));
    base.reply(addresses[1], Reply::text(302, ""));
    let error = GenericProvider::initialize(generic(&base, &issuer)).await.unwrap_err();
    let OAuthError::Discovery { source: DiscoveryError::IssuerMismatch { url, found, .. }, .. } =
        &error
    else {
        panic!("{error}");
    };
    assert!(url.ends_with(addresses[0]) && *found == base.url("/other"), "{error}");
    for address in addresses {
        assert_eq!(base.count(address), 1, "{address}");
    }
}

#[tokio::test]
async fn an_issuer_that_fails_for_a_moment_still_gives_a_provider() {
    let (base, issuer) = issuer_with("", "/.well-known/openid-configuration").await;
    let failures = AtomicUsize::new(0);
    let document = metadata(&issuer, &base);
    base.on("/.well-known/openid-configuration", move |_| match failures.fetch_add(1, SeqCst) {
        0 => Reply::text(503, ""),
        1 => Reply::text(429, ""),
        _ => Reply::json(&document),
    });
    let failures = AtomicUsize::new(0);
    base.on("/keys", move |_| match failures.fetch_add(1, SeqCst) {
        0 | 1 => Reply::text(502, ""),
        _ => Reply::json(&jwks(&[FIRST.jwk()])),
    });
    GenericProvider::initialize(generic(&base, &issuer)).await.unwrap();
    assert_eq!(base.count("/keys"), 3);

    base.reply("/.well-known/openid-configuration", Reply::text(503, ""));
    let error = GenericProvider::initialize(generic(&base, &issuer)).await.unwrap_err();
    assert!(
        matches!(
            &error,
            OAuthError::Discovery { source: DiscoveryError::Unavailable { status: 503, .. }, .. }
        ),
        "{error}"
    );
    assert!(error.is_unavailable());
    assert_eq!(base.count("/.well-known/openid-configuration"), 6);
}

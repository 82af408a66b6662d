//! The audiences of access tokens: the resource URI and the configured name, and never the one of
//! attestations.

use std::sync::Arc;

use etdi_oauth::{AttestationConfig, Auth0Provider};
use etdi_server::{SecureServer, ServerError, ToolSpec};
use etdi_testkit::handler::CountingHandler;
use etdi_testkit::issuer::{API, ATTESTATIONS, CLAIM, Issuer};
use etdi_testkit::keys::FIRST;
use serde_json::{Value, json};

use crate::app::{builder, key, tool};
use crate::authorizing::{JSON, app, secure};
use crate::site::{HTTP_ROUTES, RESOURCE, Site, send};

/// Standard MCP clients ask for a token for the `resource` of the metadata (RFC 8707). Some issuers
/// know the API by another name.
#[tokio::test]
async fn a_token_for_the_resource_in_the_metadata_counts_beside_one_for_the_audience() {
    let idp = Issuer::start().await;
    let (named, unnamed) = (secure(&idp).await, nameless(&idp).await);
    for (secure, audiences) in [(&named, &[API, RESOURCE][..]), (&unnamed, &[RESOURCE][..])] {
        for route in HTTP_ROUTES {
            let app = app();
            let site = Site::start(secure, app.clone(), route).await;
            let metadata = send(site.get("/.well-known/oauth-protected-resource/mcp")).await.json();
            assert_eq!(metadata["resource"], RESOURCE);
            for audience in audiences {
                let token = for_audience(&idp, &json!(audience));
                let answer = site.call("scan", Some(&token)).await;
                assert_eq!(answer.status, 200, "{audience} {route:?} {answer:?}");
            }
            assert_eq!(app.calls(), audiences.len());
        }
    }
    let site = Site::start(&unnamed, app(), JSON).await;
    let other = site.call("scan", Some(&for_audience(&idp, &json!(API)))).await;
    assert_eq!(other.status, 401, "{other:?}");
}

/// The resource URI is an audience for calls now, and the audience of attestations never is.
#[tokio::test]
async fn attack_29_an_attestation_for_the_resource_is_not_a_bearer_token() {
    let idp = Issuer::start().await;
    let attesting = |audience: &'static str| {
        let provider = idp.provider_of(AttestationConfig::audience(audience).claim(CLAIM));
        let clock = Arc::clone(&idp.clock);
        async move {
            builder(&key())
                .attest_with(provider.await)
                .audience(API)
                .clock(clock)
                .tool("scan", ToolSpec::version("1.0.0").require_auth())
                .build()
                .await
                .unwrap()
        }
    };
    let secure = attesting(RESOURCE).await;
    let app = CountingHandler::new([tool("scan")]);
    // The layer that is made before the first attestation does not know its audience yet.
    let early = secure.auth_layer(RESOURCE).unwrap();
    secure.check(app.clone()).await.unwrap();
    let late = secure.auth_layer(RESOURCE).map(drop);
    assert_eq!(late, Err(ServerError::AttestationAudience(RESOURCE.to_owned())));
    let site = Site::with(&secure, app.clone(), JSON, Some(early)).await;
    let published = secure.attestation().unwrap().as_str().to_owned();
    for token in [&published, &for_audience(&idp, &json!(RESOURCE))] {
        let answer = site.call("scan", Some(token)).await;
        assert!(answer.challenge.unwrap().contains("error=\"invalid_token\""));
    }
    let secure = attesting(ATTESTATIONS).await;
    secure.check(app.clone()).await.unwrap();
    let site = Site::start(&secure, app.clone(), JSON).await;
    for aud in [json!(ATTESTATIONS), json!([RESOURCE, ATTESTATIONS]), json!([API, ATTESTATIONS])] {
        let answer = site.call("scan", Some(&for_audience(&idp, &aud))).await;
        assert_eq!(answer.status, 401, "{aud} {answer:?}");
    }
    assert_eq!(app.calls(), 0);
}

/// Describes the same server without a configured audience.
async fn nameless(idp: &Issuer) -> SecureServer {
    builder(&key())
        .authorize_with(Auth0Provider::initialize(idp.config()).await.unwrap())
        .clock(Arc::clone(&idp.clock))
        .tool("harmless", ToolSpec::version("1.0.0"))
        .tool("scan", ToolSpec::version("1.0.0").requires("execute:tools"))
        .tool("known", ToolSpec::version("1.0.0").require_auth())
        .build()
        .await
        .unwrap()
}

fn for_audience(idp: &Issuer, audience: &Value) -> String {
    let mut claims = idp.access_claims("alice", "execute:tools read:files");
    claims["aud"] = audience.clone();
    FIRST.sign(&claims)
}

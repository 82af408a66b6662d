//! An issuer's refusals, each with its error and its remedy.

use std::time::Duration;

use etdi_oauth::{Auth0Provider, OAuthConfig, OAuthError, TokenRequest};
use etdi_testkit::issuer::{API, CLIENT, SECRET, network, without_pauses};
use etdi_testkit::keys::{FIRST, jwks};
use httpmock::prelude::*;
use serde_json::json;

async fn refused(status: u16, error: &str, description: &str) -> OAuthError {
    let body = json!({ "error": error, "error_description": description });
    answered(status, &body.to_string()).await
}

/// Returns the error of a token request that is answered like this.
async fn answered(status: u16, body: &str) -> OAuthError {
    let server = MockServer::start_async().await;
    let keys = server
        .mock_async(|when, then| {
            when.method(GET).path("/.well-known/jwks.json");
            then.status(200).json_body(jwks(&[FIRST.jwk()]));
        })
        .await;
    let token = server
        .mock_async(|when, then| {
            when.method(POST)
                .path("/oauth/token")
                .header("content-type", "application/x-www-form-urlencoded")
                .form_urlencoded_tuple("grant_type", "client_credentials")
                .form_urlencoded_tuple("audience", API);
            then.status(status).body(body);
        })
        .await;
    let config = OAuthConfig::auth0_at(server.url("/"))
        .client(CLIENT, SECRET)
        .audience(API)
        .network(network())
        .retry(without_pauses());
    let auth0 = Auth0Provider::initialize(config).await.unwrap();
    let error = auth0.token(TokenRequest::new().scope("execute:tools")).await.unwrap_err();
    keys.assert_async().await;
    assert!(token.calls_async().await > 0);
    error
}

fn says(error: &OAuthError, remedy: &str) {
    assert!(error.remedy().unwrap_or_default().contains(remedy), "{error:?}");
    assert!(error.to_string().contains(remedy), "{error}");
}

#[tokio::test]
async fn a_wrong_secret() {
    for (status, code) in [(401, "invalid_client"), (400, "invalid_client"), (401, "access_denied")]
    {
        let error = refused(status, code, "Unauthorized").await;
        assert!(
            matches!(&error, OAuthError::InvalidClient { client, status: s, .. }
                if client == CLIENT && *s == status),
            "{error}"
        );
        assert_eq!(error.code(), Some("invalid_client"));
        says(&error, "the secret is wrong");
    }
}

#[tokio::test]
async fn a_wrong_audience() {
    for (status, code, description) in [
        (403, "access_denied", "Service not found: https://api.etdi-tools.demo.com"),
        (400, "invalid_target", "there is no such API"),
    ] {
        let error = refused(status, code, description).await;
        assert!(
            matches!(&error, OAuthError::WrongAudience { audience, .. } if audience == API),
            "{error}"
        );
        says(&error, "the audience must equal the API identifier exactly");
    }
}

#[tokio::test]
async fn an_invalid_scope() {
    let error = refused(400, "invalid_scope", "").await;
    assert!(
        matches!(&error, OAuthError::InvalidScope { scopes, .. } if scopes == &["execute:tools"]),
        "{error}"
    );
    says(&error, "grant this scope in the API's Machine to Machine tab: execute:tools");
}

#[tokio::test]
async fn a_client_that_is_not_authorized() {
    for (status, code) in [(403, "access_denied"), (403, "unauthorized_client")] {
        let error = refused(status, code, "Client is not authorized to access the API").await;
        assert!(matches!(&error, OAuthError::UnauthorizedClient { .. }), "{error}");
        assert_eq!((error.code(), error.status()), (Some(code), Some(status)));
        says(&error, "authorize the application in the API's Machine to Machine tab");
    }
}

#[tokio::test]
async fn a_failing_issuer_and_a_limited_rate() {
    let error = refused(503, "", "").await;
    assert_eq!(error, OAuthError::Unavailable { status: 503, retry_after: None });
    for (status, code) in [(429, "too_many_requests"), (429, ""), (400, "slow_down")] {
        let error = refused(status, code, "Global limit has been reached").await;
        let pause = error.retry_after().unwrap();
        assert!(pause <= Duration::from_secs(10), "{error}");
        assert!(matches!(error, OAuthError::RateLimited { .. }), "{error}");
        assert_eq!(error.status(), Some(429));
    }
}

#[tokio::test]
async fn any_other_refusal_keeps_its_code_and_words() {
    let error = refused(418, "invalid_request", "no\u{1b}[2Jtea").await;
    assert_eq!(
        error,
        OAuthError::Refused {
            code: "invalid_request".to_owned(),
            description: "no\u{1b}[2Jtea".to_owned(),
            status: 418,
        }
    );
    assert!(!error.to_string().contains('\u{1b}'));
}

#[tokio::test]
async fn an_echoed_secret_is_taken_out_of_the_message() {
    let error = refused(400, "invalid_request", &format!("bad secret {SECRET}!")).await;
    assert!(!format!("{error} {error:?}").contains(SECRET));
    assert!(error.to_string().contains("bad secret [redacted]!"), "{error}");
}

#[tokio::test]
async fn an_encoded_echo_of_the_secret_is_not_in_the_error() {
    let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    for echo in [form.clone(), form.to_lowercase(), form.replace('%', "%25")] {
        let request = format!("grant_type=client_credentials&client_secret={echo}");
        for (status, code) in [(400, "invalid_request"), (401, "invalid_client"), (403, &*request)]
        {
            let error = refused(status, code, &request).await;
            assert!(!format!("{error} {error:?}").contains(&echo), "{error:?}");
        }
        // The page of a proxy is not JSON.
        let error = answered(403, &request).await;
        assert!(!format!("{error} {error:?}").contains(&echo), "{error:?}");
    }
}

#[tokio::test]
async fn a_refusal_without_a_reason_says_so_and_names_the_next_step() {
    for body in ["", "{}", "<html>Forbidden</html>", "[]", "{\"error\":{\"code\":403}}"] {
        let error = answered(403, body).await;
        assert_eq!(
            error.to_string(),
            "the issuer refused the request (403) and gave no reason; check the client's id and \
             secret, and read the issuer's log",
            "{body}"
        );
        assert_eq!((error.code(), error.status()), (None, Some(403)));
        says(&error, "check the client's id and secret");
    }
    let error = answered(403, "Access from this network is not allowed\nray 7").await;
    assert_eq!(
        error.to_string(),
        "the issuer refused the request (403): Access from this network is not allowed"
    );
}

#[tokio::test]
async fn a_refusal_with_status_200_keeps_its_meaning() {
    let error = refused(200, "invalid_client", "no such client").await;
    assert!(matches!(error, OAuthError::InvalidClient { status: 200, .. }), "{error}");
    assert!(error.to_string().contains("(200 invalid_client): no such client; "), "{error}");
    let error = refused(200, "bad_verification_code", "it expired").await;
    assert_eq!((error.code(), error.status()), (Some("bad_verification_code"), Some(200)));
    let both = json!({ "error": "invalid_scope", "access_token": "x", "token_type": "Bearer" });
    let error = answered(200, &both.to_string()).await;
    assert!(matches!(error, OAuthError::InvalidScope { status: 200, .. }), "{error}");
}

#[tokio::test]
async fn the_codes_of_vendors_are_understood_and_kept() {
    for (code, description) in [
        ("invalid_scope", "unknown scope"),
        ("unauthorized_scope_error", "unknown scope"),
        ("access_denied", "Client has not been granted scopes: execute:tools"),
    ] {
        let error = refused(403, code, description).await;
        assert!(matches!(error, OAuthError::InvalidScope { .. }), "{error}");
        assert_eq!(error.code(), Some(code));
        says(&error, "execute:tools");
    }
    // Okta's own form.
    let okta =
        json!({ "errorCode": "invalid_client", "errorSummary": "Invalid value for client_id" });
    let error = answered(401, &okta.to_string()).await;
    assert!(matches!(error, OAuthError::InvalidClient { .. }), "{error}");
    assert!(error.to_string().contains(": Invalid value for client_id; "), "{error}");
    // Entra sends numbers of its own, and a request id may be larger than 2^53.
    let entra = format!(
        "{{\"error\":\"invalid_resource\",\"error_codes\":[500011],\"trace\":{}}}",
        u64::MAX
    );
    let error = answered(400, &entra).await;
    assert!(matches!(error, OAuthError::WrongAudience { .. }), "{error}");
}

#[tokio::test]
async fn the_words_of_an_issuer_are_bounded_and_escaped_in_every_refusal() {
    let hostile = format!("\u{1b}[2J\u{202e}{}", "x".repeat(10_000));
    for (status, code) in [
        (401, "invalid_client"),
        (403, "access_denied"),
        (400, "invalid_target"),
        (400, "invalid_scope"),
        (400, &*hostile),
    ] {
        let text = refused(status, code, &hostile).await.to_string();
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert!(text.contains("xxx") && text.len() < 1500, "{}", text.len());
    }
}

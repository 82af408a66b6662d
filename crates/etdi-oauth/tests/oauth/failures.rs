//! An issuer's refusals, each with its error and its remedy.

use etdi_oauth::{Auth0Provider, OAuthConfig, OAuthError, TokenRequest};
use etdi_testkit::issuer::{API, CLIENT, SECRET, network, without_pauses};
use etdi_testkit::keys::{FIRST, jwks};
use httpmock::prelude::*;
use serde_json::json;

async fn refused(status: u16, error: &str, description: &str) -> OAuthError {
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
            then.status(status)
                .json_body(json!({ "error": error, "error_description": description }));
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
    assert_eq!(error, OAuthError::Unavailable { status: 503 });
    let error = refused(429, "too_many_requests", "Global limit has been reached").await;
    assert_eq!(error, OAuthError::RateLimited { retry_after: None });
    assert_eq!(error.status(), Some(429));
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

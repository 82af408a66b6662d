//! Access tokens: granted, cached, renewed, refused, revoked.

use std::sync::Arc;
use std::time::Duration;

use etdi::oauth::{BearerToken, TokenError, contract};
use etdi::{
    Auth0Provider, Expectations, GenericProvider, OAuthConfig, OAuthError, OAuthProvider,
    TokenRequest,
};

use crate::in_both_layouts;
use crate::peer::*;

in_both_layouts!(
    a_token_holds_what_was_asked_for,
    a_token_is_asked_for_once,
    ten_thousand_callers_make_one_request,
    a_token_is_renewed_ahead_of_its_end,
    an_expired_token_is_asked_for_again_and_refused,
    a_wrong_secret_is_said_to_be_wrong,
    an_api_that_does_not_exist_is_a_wrong_audience,
    a_token_for_another_api_is_refused,
    scopes_that_the_issuer_drops_are_named,
    a_token_of_another_issuer_is_refused,
    a_jwt_cannot_be_introspected_or_revoked,
    the_contract_of_providers_is_kept,
);

fn scan() -> TokenRequest {
    TokenRequest::for_tool("trustedsoft.example/scan").scope("execute:tools")
}

fn for_the_api() -> Expectations {
    Expectations::audience(API)
}

async fn a_token_holds_what_was_asked_for(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.provider(DEMO_SERVER).await;
    let token = provider.token(&scan().scope("read:resource-servers")).await.unwrap();
    assert!(token.has_scope("execute:tools") && token.has_scope("read:resource-servers"));
    assert_eq!((token.issuer(), token.client()), (&*idp.issuer, DEMO_SERVER));
    assert_eq!(token.audience(), Some(API));

    let principal = provider.validate(&token, &for_the_api().scope("execute:tools")).await.unwrap();
    let subject = match layout {
        Layout::Auth0 => format!("{DEMO_SERVER}@clients"),
        Layout::Plain => DEMO_SERVER.to_owned(),
    };
    assert_eq!((principal.subject(), principal.client()), (&*subject, Some(DEMO_SERVER)));
    assert_eq!(principal.scopes(), token.scopes());
    let lifetime = principal.expires_at() - principal.issued_at();
    assert_eq!(lifetime.whole_seconds(), 86_400);
    let error = provider.validate(&token, &for_the_api().scope("delete:resource-servers")).await;
    let missing = vec!["delete:resource-servers".to_owned()];
    assert_eq!(error.map(drop), Err(OAuthError::Token(TokenError::InsufficientScope { missing })));
}

async fn a_token_is_asked_for_once(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.provider(REGISTRY).await;
    let first = provider.token(&scan()).await.unwrap();
    let second = provider.token(&TokenRequest::new().scope("execute:tools")).await.unwrap();
    assert_eq!(first.expose(), second.expose());
    assert_eq!(idp.requests("token").await, 1);
    // Other scopes need another token.
    let third = provider.token(&scan().scope("read:resource-servers")).await.unwrap();
    assert_ne!(first.expose(), third.expose());
    assert_eq!(idp.requests("token").await, 2);
    provider.cleanup();
    provider.token(&scan()).await.unwrap();
    assert_eq!(idp.requests("token").await, 3);
    // The keys were fetched once for all tokens.
    for token in [&first, &second, &third] {
        provider.validate(token, &for_the_api()).await.unwrap();
    }
    assert_eq!(idp.requests("jwks").await, 1);
}

async fn ten_thousand_callers_make_one_request(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.provider(REGISTRY).await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..10_000 {
        let provider = Arc::clone(&provider);
        callers.spawn(async move { provider.token(&scan()).await.unwrap().expose().to_owned() });
    }
    let mut tokens = callers.join_all().await;
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_eq!(idp.requests("token").await, 1);
}

async fn a_token_is_renewed_ahead_of_its_end(layout: Layout) {
    let idp = Idp::start_with(layout, &["--lifetime=1000"]).await;
    let clock = clock();
    let provider = idp.initialize(idp.config(REGISTRY).clock(clock.clone())).await.unwrap();
    let first = provider.token(&scan()).await.unwrap();
    clock.advance(Duration::from_secs(890));
    assert_eq!(provider.token(&scan()).await.unwrap().expose(), first.expose());
    idp.lifetime(86_400).await;
    clock.advance(Duration::from_secs(70));
    // A caller with a good token waits up to one second for the new token, and else gets the old one.
    // On a slow machine the new token may need longer, so ask until it is there.
    let renewed = async {
        loop {
            let token = provider.token(&scan()).await.unwrap();
            if token.expose() != first.expose() {
                return token;
            }
        }
    };
    let second = tokio::time::timeout(Duration::from_secs(60), renewed).await.unwrap();
    assert!(second.expires_at() > first.expires_at());
    assert_eq!(idp.requests("token").await, 2);
    // The first token was valid the whole time.
    provider.validate(&first, &for_the_api()).await.unwrap();
}

async fn an_expired_token_is_asked_for_again_and_refused(layout: Layout) {
    let idp = Idp::start_with(layout, &["--lifetime=60"]).await;
    let clock = clock();
    let provider = idp.initialize(idp.config(REGISTRY).clock(clock.clone())).await.unwrap();
    let first = provider.token(&scan()).await.unwrap();
    provider.validate(&first, &for_the_api()).await.unwrap();
    idp.lifetime(86_400).await;
    clock.advance(Duration::from_secs(130));
    let second = provider.token(&scan()).await.unwrap();
    assert_ne!(first.expose(), second.expose());
    assert_eq!(idp.requests("token").await, 2);
    provider.validate(&second, &for_the_api()).await.unwrap();
    let error = provider.validate(&first, &for_the_api()).await.unwrap_err();
    assert!(matches!(error, OAuthError::Token(TokenError::Expired { .. })), "{error:?}");
    assert!(error.to_string().contains("get a new token from the issuer"), "{error}");
}

async fn a_wrong_secret_is_said_to_be_wrong(layout: Layout) {
    let idp = Idp::start(layout).await;
    let config = idp.config(REGISTRY).client(REGISTRY, "not-the-secret-of-this-client");
    let provider = idp.initialize(config).await.unwrap();
    let error = provider.token(&scan()).await.unwrap_err();
    let OAuthError::InvalidClient { client, status, .. } = &error else { panic!("{error:?}") };
    assert_eq!((&**client, *status), (REGISTRY, 401));
    assert_eq!(error.code(), Some("invalid_client"));
    assert!(error.remedy().unwrap().contains("the secret is wrong"), "{error}");
    assert!(!format!("{error} {error:?}").contains("not-the-secret"), "{error:?}");
    // A refused request is not repeated.
    assert_eq!(idp.requests("token").await, 1);
}

async fn an_api_that_does_not_exist_is_a_wrong_audience(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.provider(REGISTRY).await;
    for audience in ["https://no-such-api.example", &format!("{API}/")] {
        let error = provider.token(&scan().audience(audience)).await.unwrap_err();
        let OAuthError::WrongAudience { audience: found, .. } = &error else { panic!("{error:?}") };
        assert_eq!(found, audience);
        assert_eq!((error.code(), error.status()), (Some("invalid_target"), Some(400)));
        assert!(error.to_string().contains("must equal the API identifier exactly"), "{error}");
    }
}

async fn a_token_for_another_api_is_refused(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.provider(REGISTRY).await;
    let token = provider.token(&TokenRequest::new().audience(ATTESTATIONS)).await.unwrap();
    let error = provider.validate(&token, &for_the_api()).await.unwrap_err();
    let (expected, found) = (API.to_owned(), vec![ATTESTATIONS.to_owned()]);
    assert_eq!(error, OAuthError::Token(TokenError::WrongAudience { expected, found }));
    assert!(error.to_string().contains("must equal the API identifier exactly"), "{error}");
    provider.validate(&token, &Expectations::audience(ATTESTATIONS)).await.unwrap();
}

async fn scopes_that_the_issuer_drops_are_named(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.provider(DEMO_SERVER).await;
    // One scope that the client was not granted, and one that the API does not have.
    let request = scan().scopes(["delete:resource-servers", "no:such-scope"]);
    let error = provider.token(&request).await.unwrap_err();
    let OAuthError::InsufficientScope { missing, granted, remedy } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(missing, &["delete:resource-servers", "no:such-scope"]);
    assert_eq!(granted, &["execute:tools"]);
    assert_eq!(error.missing_scopes(), missing);
    for scope in missing {
        assert!(remedy.contains(scope) && error.to_string().contains(scope), "{error}");
    }
    if layout == Layout::Auth0 {
        assert!(remedy.contains("the API's Machine to Machine tab"), "{remedy}");
    }
}

async fn a_token_of_another_issuer_is_refused(layout: Layout) {
    let (one, two) = (Idp::start(layout).await, Idp::start(layout).await);
    let token = two.provider(REGISTRY).await.token(&scan()).await.unwrap();
    let error = one.provider(REGISTRY).await.validate(&token, &for_the_api()).await.unwrap_err();
    let (expected, found) = (one.issuer.clone(), two.issuer.clone());
    assert_eq!(error, OAuthError::Token(TokenError::WrongIssuer { expected, found }));
}

async fn a_jwt_cannot_be_introspected_or_revoked(layout: Layout) {
    let idp = Idp::start(layout).await;
    let config = idp.config(REGISTRY).endpoints(idp.endpoints());
    let provider = idp.initialize(config).await.unwrap();
    let token = provider.token(&scan()).await.unwrap();
    let refused = |error: OAuthError| match error {
        OAuthError::Refused { code, status, .. } => (code, status),
        other => panic!("{other:?}"),
    };
    let expected = ("unsupported_token_type".to_owned(), 400);
    assert_eq!(refused(provider.introspect(&token).await.unwrap_err()), expected);
    assert_eq!(refused(provider.revoke(&token).await.unwrap_err()), expected);
    // Even if the issuer still accepts the token, it is not used any longer.
    provider.token(&scan()).await.unwrap();
    assert_eq!(idp.requests("token").await, 2);
}

async fn the_contract_of_providers_is_kept(layout: Layout) {
    let idp = Idp::start(layout).await;
    let fixture = contract::Fixture::new(API, "execute:tools", "delete:resource-servers");
    let provider = idp.provider(DEMO_SERVER).await;
    contract::provider_keeps_its_contract(&*provider, &fixture).await.unwrap();
}

/// Opaque tokens: an issuer gives them if the request does not name an API.
#[tokio::test]
async fn an_opaque_token_is_introspected_and_revoked() {
    let idp = Idp::start(Layout::Plain).await;
    let provider = idp.provider(REGISTRY).await;
    let token = BearerToken::new(opaque_token(&idp).await);
    let said = provider.introspect(&token).await.unwrap();
    assert!(said.active);
    assert_eq!(said.client.as_deref(), Some(REGISTRY));
    assert!(said.expires_at.is_some());
    // The validation says that an opaque token is not a JWT.
    let error = provider.validate(&token, &for_the_api()).await.unwrap_err();
    assert_eq!(error, OAuthError::Token(TokenError::NotAJwt));
    assert!(error.to_string().contains("the API's identifier as its audience"), "{error}");
    provider.revoke(&token).await.unwrap();
    assert!(!provider.introspect(&token).await.unwrap().active);
    let error = provider.validate(&token, &for_the_api()).await.unwrap_err();
    assert_eq!(error, OAuthError::Token(TokenError::Revoked));
}

async fn opaque_token(idp: &Idp) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", REGISTRY),
        ("client_secret", idp.secret(REGISTRY)),
    ];
    let request = reqwest::Client::new().post(idp.endpoint("token")).form(&form);
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Auth0 has no introspection, and its metadata is not fetched.
#[tokio::test]
async fn an_endpoint_that_the_issuer_does_not_offer_is_named() {
    let idp = Idp::start(Layout::Auth0).await;
    let provider = idp.provider(REGISTRY).await;
    let token = provider.token(&scan()).await.unwrap();
    let error = provider.introspect(&token).await.unwrap_err();
    assert_eq!(error, OAuthError::NotOffered("introspection"));
    assert_eq!(idp.requests("discovery").await, 0);
}

#[tokio::test]
async fn an_issuer_must_be_configured_as_it_names_itself() {
    let idp = Idp::start(Layout::Plain).await;
    let config = OAuthConfig::generic(format!("{}/", idp.issuer)).network(network());
    let error = GenericProvider::initialize(config).await.unwrap_err();
    assert!(error.to_string().contains("its trailing slash included"), "{error}");
    let idp = Idp::start(Layout::Auth0).await;
    let config = OAuthConfig::generic(idp.issuer.trim_end_matches('/')).network(network());
    let error = GenericProvider::initialize(config).await.unwrap_err();
    assert!(error.to_string().contains("its trailing slash included"), "{error}");
    // With its exact name, the issuer in the layout of Auth0 can be discovered as well.
    let config = OAuthConfig::generic(&idp.issuer).network(network());
    GenericProvider::initialize(config).await.unwrap();
    let provider = Auth0Provider::initialize(idp.bare_config()).await.unwrap();
    assert_eq!(OAuthProvider::client_id(&provider), None);
}

//! Tokens that this program has revoked.

use etdi_oauth::{
    Auth0Provider, Endpoints, Expectations, GenericProvider, OAuthError, OAuthProvider,
    ProviderRegistry, TokenError, TokenRequest,
};
use etdi_testkit::issuer::{API, Issuer, Reply};

use crate::providers::{generic, issuer_with};

#[tokio::test]
async fn a_revoked_token_is_refused_whatever_the_issuer_says() {
    for reply in [
        Reply::text(200, ""),
        Reply::text(503, ""),
        Reply::error(400, "unsupported_token_type", ""),
        // This issuer does not revoke, and says so with status 200.
        Reply::error(200, "unsupported_token_type", ""),
    ] {
        let (base, issuer) = issuer_with("", "/.well-known/openid-configuration").await;
        let provider = GenericProvider::initialize(generic(&base, &issuer)).await.unwrap();
        let (clone, registry) = (provider.clone(), ProviderRegistry::new());
        registry.register(provider.clone()).unwrap();
        let request = TokenRequest::new().scope("execute:tools");
        let (revoked, expected) =
            (provider.token(&request).await.unwrap(), Expectations::audience(API));
        provider.validate(&revoked, &expected).await.unwrap();
        let accepted = reply.status == 200 && reply.body.is_empty();
        base.reply("/revoke", reply);
        assert_eq!(provider.revoke(&revoked).await.is_ok(), accepted);
        provider.cleanup();
        let refused = OAuthError::Token(TokenError::Revoked);
        assert_eq!(provider.validate(&revoked, &expected).await.unwrap_err(), refused);
        assert_eq!(clone.validate(&revoked, &expected).await.unwrap_err(), refused);
        assert_eq!(registry.validate(&revoked, &expected).await.unwrap_err(), refused);
        assert_eq!((refused.code(), refused.status()), (Some("invalid_token"), Some(401)));
    }
    // An issuer without a revocation endpoint.
    let issuer = Issuer::start().await;
    let endpoints =
        Endpoints::new(issuer.url("/oauth/token"), issuer.url("/.well-known/jwks.json"));
    let auth0 = Auth0Provider::initialize(issuer.config().endpoints(endpoints)).await.unwrap();
    let token = issuer.bearer("alice", "execute:tools");
    let expected = Expectations::audience(API);
    auth0.validate(&token, &expected).await.unwrap();
    assert_eq!(auth0.revoke(&token).await, Err(OAuthError::NotOffered("revocation")));
    let refused = OAuthError::Token(TokenError::Revoked);
    assert_eq!(auth0.validate(&token, &expected).await.unwrap_err(), refused);
    auth0.validate(&issuer.bearer("bob", "execute:tools"), &expected).await.unwrap();
}

#[tokio::test]
async fn a_token_that_an_issuer_echoes_is_not_in_the_error() {
    let (base, issuer) = issuer_with("", "/.well-known/openid-configuration").await;
    let provider = GenericProvider::initialize(generic(&base, &issuer)).await.unwrap();
    let token = provider.token(TokenRequest::new().scope("execute:tools")).await.unwrap();
    let echo = format!("the token {} is unknown", token.expose());
    for path in ["/introspect", "/revoke"] {
        base.reply(path, Reply::error(400, "invalid_request", &echo));
    }
    let introspected = provider.introspect(&token).await.unwrap_err();
    let revoked = provider.revoke(&token).await.unwrap_err();
    for error in [introspected, revoked] {
        assert!(!format!("{error} {error:?}").contains(token.expose()), "{error:?}");
        assert!(error.to_string().contains("the token [redacted] is unknown"), "{error}");
    }
}

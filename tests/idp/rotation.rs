//! The issuer changes its signing key.

use std::time::Duration;

use etdi::oauth::TokenError;
use etdi::{Expectations, OAuthError, TokenRequest};

use crate::in_both_layouts;
use crate::peer::*;

in_both_layouts!(
    the_old_key_stays_and_both_tokens_are_good,
    the_old_key_goes_and_its_tokens_with_it,
    a_key_that_is_not_fetched_yet_is_found_at_its_first_token,
);

/// A little more than the shortest time between two fetches that unknown keys of tokens cause.
const PAUSE: Duration = Duration::from_secs(31);

fn scan() -> TokenRequest {
    TokenRequest::for_tool("trustedsoft.example/scan").scope("execute:tools")
}

async fn the_old_key_stays_and_both_tokens_are_good(layout: Layout) {
    let idp = Idp::start(layout).await;
    let (clock, expected) = (clock(), Expectations::audience(API));
    let provider = idp.initialize(idp.config(REGISTRY).clock(clock.clone())).await.unwrap();
    let old = provider.token(&scan()).await.unwrap();
    idp.rotate(true).await;
    provider.cleanup();
    let new = provider.token(&scan()).await.unwrap();
    clock.advance(PAUSE);
    for token in [&new, &old, &new] {
        provider.validate(token, &expected).await.unwrap();
    }
    assert_eq!(idp.requests("jwks").await, 2);
}

async fn the_old_key_goes_and_its_tokens_with_it(layout: Layout) {
    let idp = Idp::start(layout).await;
    let (clock, expected) = (clock(), Expectations::audience(API));
    let provider = idp.initialize(idp.config(REGISTRY).clock(clock.clone())).await.unwrap();
    let old = provider.token(&scan()).await.unwrap();
    provider.validate(&old, &expected).await.unwrap();
    idp.rotate(false).await;
    provider.cleanup();
    let new = provider.token(&scan()).await.unwrap();
    clock.advance(PAUSE);
    provider.validate(&new, &expected).await.unwrap();
    let error = provider.validate(&old, &expected).await.unwrap_err();
    let OAuthError::Token(TokenError::KeyWithdrawn { kid }) = &error else { panic!("{error:?}") };
    assert!(error.to_string().contains(kid.as_str()), "{error}");
    assert_eq!(idp.requests("jwks").await, 2);
    // A day later the keys are fetched again because of their age. The old token is still refused.
    clock.advance(Duration::from_secs(24 * 3600));
    let error = provider.validate(&old, &expected).await.unwrap_err();
    assert!(matches!(error, OAuthError::Token(TokenError::KeyWithdrawn { .. })), "{error:?}");
}

async fn a_key_that_is_not_fetched_yet_is_found_at_its_first_token(layout: Layout) {
    let idp = Idp::start(layout).await;
    let (clock, expected) = (clock(), Expectations::audience(API));
    let provider = idp.initialize(idp.config(REGISTRY).clock(clock.clone())).await.unwrap();
    let kid = idp.rotate(true).await;
    let token = provider.token(&scan()).await.unwrap();
    // The keys were fetched a moment ago, so a token does not cause another fetch.
    let error = provider.validate(&token, &expected).await.unwrap_err();
    assert_eq!(error, OAuthError::Token(TokenError::UnknownKey { kid: Some(kid) }));
    assert!(error.to_string().contains("try again in half a minute"), "{error}");
    assert_eq!(idp.requests("jwks").await, 1);
    clock.advance(PAUSE);
    provider.validate(&token, &expected).await.unwrap();
    assert_eq!(idp.requests("jwks").await, 2);
}

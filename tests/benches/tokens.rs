//! Tokens: validation with warm keys, and the token cache under load.

use etdi::trust::IssuerKind;
use etdi::{Clock, SystemClock};
use etdi_oauth::{Expectations, IssuerRules, KeySet, OAuthProvider, TokenRequest, validate};
use etdi_testkit::issuer::{API, Issuer};
use etdi_testkit::keys::{FIRST, jwks};
use serde_json::json;

use crate::timing::{Row, ratio};

pub const SCOPE: &str = "execute:tools";

/// Returns the token's signing input and signature, for the bare signature check.
fn parts(token: &str) -> (Vec<u8>, Vec<u8>) {
    let (input, signature) = token.rsplit_once('.').unwrap();
    (input.as_bytes().to_vec(), etdi::keys::base64url_decode(signature).unwrap())
}

pub fn validation() -> Row {
    let (issuer, now) = ("https://tenant.auth0.com/", SystemClock.now().unix_timestamp());
    let keys = KeySet::parse(jwks(&[FIRST.jwk()]).to_string().as_bytes()).unwrap();
    let rules = IssuerRules::new(issuer, IssuerKind::Auth0);
    let expected = Expectations::audience(API).scope(SCOPE);
    let token = FIRST.sign(&json!({
        "iss": issuer, "sub": "client@clients", "azp": "client", "aud": API,
        "iat": now, "exp": now + 86_400, "scope": SCOPE, "gty": "client-credentials",
    }));
    let (input, signature) = parts(&token);
    let bare = keys.jwks()[0].verifying_key().unwrap();
    let measured = ratio(
        || assert!(bare.verifies(&input, &signature)),
        || validate(&token, &rules, &keys, &expected, SystemClock.now()).unwrap(),
    );
    Row::at_most("token validation, warm keys / RSA-2048 verify", measured, 1.25)
}

pub async fn same_token_again() -> Row {
    let issuer = Issuer::start().await;
    let provider = issuer.provider().await;
    let token = issuer.bearer("client", SCOPE);
    let expected = Expectations::audience(API).scope(SCOPE);
    provider.validate(&token, &expected).await.unwrap();
    let (input, signature) = parts(token.expose());
    let bare = provider.jwks().keys().await.unwrap().jwks()[0].verifying_key().unwrap();
    let measured = ratio(
        || assert!(bare.verifies(&input, &signature)),
        || {
            use futures::FutureExt;
            provider.validate(&token, &expected).now_or_never().unwrap().unwrap()
        },
    );
    Row::at_most("the same token again / RSA-2048 verify", measured, 0.15)
}

pub async fn ten_thousand_requests() -> Row {
    let issuer = Issuer::start().await;
    let provider = issuer.provider().await;
    let request = TokenRequest::new().scope(SCOPE);
    let asked = (0..10_000).map(|_| {
        let (provider, request) = (provider.clone(), request.clone());
        tokio::spawn(async move { OAuthProvider::token(&provider, &request).await.unwrap() })
    });
    futures::future::try_join_all(asked.collect::<Vec<_>>()).await.unwrap();
    let sent = issuer.tokens();
    Row::at_most("HTTP requests for 10,000 concurrent token requests", sent as f64, 1.0)
}

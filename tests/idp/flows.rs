//! Tokens: obtained, cached, renewed, validated, refused, taken back.

use std::time::Duration;

use etdi::keys::base64url_decode;
use etdi::oauth::{
    AttestationRequest, BearerToken, Expectations, OAuthError, TokenError, TokenRequest,
};
use etdi::verdict::Binding;
use etdi::{Digest, SigningKey};
use serde_json::Value;

use crate::idp::{API, CLAIM, Idp, LAYOUTS, Layout, REGISTRY, SERVER, clock};

fn execute() -> TokenRequest {
    TokenRequest::for_tool("trustedsoft.example/scan").scope("execute:tools")
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64url_decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_is_granted_validated_and_cached() {
    for layout in LAYOUTS {
        let idp = Idp::start(layout, &[]);
        let provider = idp.provider(idp.config(REGISTRY)).await.unwrap();
        let token = provider.token(&execute()).await.unwrap();
        assert!(token.has_scope("execute:tools"), "{layout:?}");
        let expected = Expectations::audience(API).scope("execute:tools");
        let principal = provider.validate(&token, &expected).await.unwrap();
        assert_eq!((principal.issuer(), principal.client()), (idp.issuer(), Some(REGISTRY)));
        let again = provider.token(&execute()).await.unwrap();
        assert_eq!(again.expose(), token.expose());
        assert_eq!(idp.token_requests().await, 1, "{layout:?}");
        provider.cleanup();
        provider.token(&execute()).await.unwrap();
        assert_eq!(idp.token_requests().await, 2, "{layout:?}");
    }
}

#[tokio::test]
async fn ten_thousand_callers_make_one_request() {
    for layout in LAYOUTS {
        let idp = Idp::start(layout, &[]);
        let provider = idp.provider(idp.config(REGISTRY)).await.unwrap();
        let callers = (0..10_000).map(|_| {
            let provider = provider.clone();
            tokio::spawn(async move { provider.token(&execute()).await.unwrap() })
        });
        futures::future::try_join_all(callers.collect::<Vec<_>>()).await.unwrap();
        assert_eq!(idp.token_requests().await, 1, "{layout:?}");
    }
}

#[tokio::test]
async fn a_token_is_renewed_near_its_end_and_refused_after_it() {
    for layout in LAYOUTS {
        let idp = Idp::start(layout, &["--lifetime", "3600"]);
        let clock = clock();
        let provider = idp.provider(idp.config(REGISTRY).clock(clock.clone())).await.unwrap();
        let first = provider.token(&execute()).await.unwrap();
        clock.advance(Duration::from_secs(3_590));
        provider.token(&execute()).await.unwrap();
        assert_eq!(idp.token_requests().await, 2, "{layout:?}");
        clock.advance(Duration::from_secs(71));
        let error = provider.validate(&first, &Expectations::audience(API)).await.unwrap_err();
        assert!(matches!(error, OAuthError::Token(TokenError::Expired { .. })), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_refused_says_why_and_what_to_do() {
    for layout in LAYOUTS {
        let idp = Idp::start(layout, &[]);
        let wrong = idp.config(REGISTRY).client(REGISTRY, "not-the-secret");
        let error =
            idp.provider(wrong).await.unwrap().token(&execute()).await.unwrap_err();
        assert!(matches!(&error, OAuthError::InvalidClient { status: 401, .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("the secret is wrong") && !text.contains("not-the-secret"), "{text}");

        let provider = idp.provider(idp.config(SERVER)).await.unwrap();
        let request = execute().scope("delete:resource-servers").scope("read:resource-servers");
        let error = provider.token(&request).await.unwrap_err();
        let OAuthError::InsufficientScope { missing, .. } = &error else { panic!("{error:?}") };
        assert_eq!(missing, &["delete:resource-servers"], "{layout:?}");

        // A genuine token, for another API than the one that is called.
        let token = provider.token(&execute()).await.unwrap();
        let other = Expectations::audience("https://another-api.example");
        let error = provider.validate(&token, &other).await.unwrap_err();
        assert!(
            matches!(error, OAuthError::Token(TokenError::WrongAudience { .. })),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_rotated_key_serves_on_while_it_is_published_and_not_after() {
    for layout in LAYOUTS {
        for keep in [true, false] {
            let idp = Idp::start(layout, &[]);
            let clock = clock();
            let provider = idp.provider(idp.config(REGISTRY).clock(clock.clone())).await.unwrap();
            let old = provider.token(&execute()).await.unwrap();
            let expected = Expectations::audience(API);
            provider.validate(&old, &expected).await.unwrap();
            idp.rotate(keep).await;
            clock.advance(Duration::from_secs(31));
            // A token of the new key makes the key set be fetched again.
            provider.cleanup();
            let new = provider.token(&execute()).await.unwrap();
            provider.validate(&new, &expected).await.unwrap();
            let result = provider.validate(&old, &expected).await;
            match (keep, result) {
                (true, Ok(_)) => {}
                (false, Err(OAuthError::Token(TokenError::KeyWithdrawn { .. }))) => {}
                (_, result) => panic!("{layout:?}, kept {keep}: {result:?}"),
            }
        }
    }
}

#[tokio::test]
async fn attestations_bind_digests_and_the_key() {
    for layout in LAYOUTS {
        for nonce in [&[][..], &["--dpop-nonce"]] {
            let idp = Idp::start(layout, nonce);
            let provider = idp.provider(idp.config(SERVER)).await.unwrap();
            let (key, digest) = (SigningKey::generate().unwrap(), Digest::of(b"a definition"));
            let request = AttestationRequest::new()
                .definition("trustedsoft.example/scan".parse().unwrap(), "1.2.0".parse().unwrap(), digest)
                .key(key.clone());
            let attestation = provider.attestation(&request).await.unwrap();
            assert_eq!(attestation.binding(), Binding::Digest, "{layout:?} {nonce:?}");
            let claims = claims(attestation.as_str());
            assert_eq!(claims["cnf"]["jkt"], key.public_jwk().thumbprint(), "{layout:?} {nonce:?}");
            assert_eq!(claims[CLAIM][0]["digest"], digest.to_string());
            assert!(claims.get("scope").is_none());
        }
    }
}

#[tokio::test]
async fn a_jwt_can_be_neither_introspected_nor_revoked_there_and_that_is_said() {
    let idp = Idp::start(Layout::Plain, &[]);
    let provider = idp.provider(idp.config(REGISTRY)).await.unwrap();
    let token = provider.token(&execute()).await.unwrap();
    for error in [
        provider.introspect(&token).await.err().unwrap(),
        provider.revoke(&token).await.err().unwrap(),
    ] {
        assert_eq!(error.code(), Some("unsupported_token_type"), "{error:?}");
    }
    let unknown = provider.introspect(&BearerToken::new("an opaque one")).await.unwrap();
    assert!(!unknown.active);
}

//! Attestations: bound by the claim, by a DPoP proof, or unbound.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use etdi::oauth::{AttestationError, AttestationRequest};
use etdi::verdict::Binding;
use etdi::{AttestationConfig, Digest, OAuthError, SigningKey};
use serde_json::{Value, json};

use crate::in_both_layouts;
use crate::peer::*;

in_both_layouts!(
    the_claim_binds_digests,
    a_dpop_proof_binds_the_key,
    the_servers_nonce_is_used_and_kept,
    both_bindings_stand_beside_each_other,
    an_attestation_without_the_claim_is_unbound,
    an_attestation_does_not_grant_scopes,
);

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn request(versions: &[&str]) -> AttestationRequest {
    versions.iter().fold(AttestationRequest::new(), |request, version| {
        let (id, digest) =
            ("trustedsoft.example/scan".parse().unwrap(), Digest::of(version.as_bytes()));
        request.definition(id, version.parse().unwrap(), digest)
    })
}

/// Returns the configuration of a client that binds keys only.
fn without_claim(idp: &Idp) -> etdi::OAuthConfig {
    idp.config(REGISTRY).attestations(AttestationConfig::audience(ATTESTATIONS))
}

async fn the_claim_binds_digests(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION]).await;
    let provider = idp.initialize(idp.attesting(REGISTRY)).await.unwrap();
    let token = provider.attestation(&request(&["1.0.0", "1.1.0"])).await.unwrap();
    assert_eq!((token.binding(), token.client()), (Binding::Digest, REGISTRY));
    let claims = claims(token.as_str());
    let entry = |version: &str| {
        let digest = Digest::of(version.as_bytes()).to_string();
        json!({"id": "trustedsoft.example/scan", "version": version, "digest": digest})
    };
    assert_eq!(claims[CLAIM], json!([entry("1.0.0"), entry("1.1.0")]));
    assert_eq!(claims["aud"], ATTESTATIONS);
    assert_eq!(claims.get("cnf"), None);
    // The attestation is cached, and requested again only for other digests or another key.
    let again = provider.attestation(&request(&["1.0.0", "1.1.0"])).await.unwrap();
    assert_eq!(token.as_str(), again.as_str());
    assert_eq!(idp.requests("token").await, 1);
    provider.attestation(&request(&["1.0.0"])).await.unwrap();
    assert_eq!(idp.requests("token").await, 2);
}

async fn a_dpop_proof_binds_the_key(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.initialize(without_claim(&idp)).await.unwrap();
    let key = SigningKey::generate().unwrap();
    let token = provider.attestation(&AttestationRequest::new().key(key.clone())).await.unwrap();
    assert_eq!(token.binding(), Binding::Key);
    let thumbprint = key.public_jwk().thumbprint();
    assert_eq!(claims(token.as_str())["cnf"], json!({"jkt": thumbprint}));
    assert_eq!(idp.requests("token").await, 1);
    // Another key needs another attestation.
    let other = SigningKey::generate().unwrap();
    let token = provider.attestation(&AttestationRequest::new().key(other.clone())).await.unwrap();
    assert_eq!(claims(token.as_str())["cnf"]["jkt"], other.public_jwk().thumbprint());
    assert_eq!(idp.requests("token").await, 2);
}

async fn the_servers_nonce_is_used_and_kept(layout: Layout) {
    let idp = Idp::start_with(layout, &["--dpop-nonce"]).await;
    let provider = idp.initialize(without_claim(&idp)).await.unwrap();
    let key = SigningKey::generate().unwrap();
    let token = provider.attestation(&AttestationRequest::new().key(key.clone())).await.unwrap();
    let thumbprint = key.public_jwk().thumbprint();
    assert_eq!(claims(token.as_str())["cnf"]["jkt"], thumbprint);
    // The first request learns the nonce, the second one uses it. The next proof has it from the start.
    assert_eq!(idp.requests("token").await, 2);
    provider.cleanup();
    provider.attestation(&AttestationRequest::new().key(key)).await.unwrap();
    assert_eq!(idp.requests("token").await, 3);
}

async fn both_bindings_stand_beside_each_other(layout: Layout) {
    let idp = Idp::start_with(layout, &[CLAIM_OPTION, "--dpop-nonce"]).await;
    let provider = idp.initialize(idp.attesting(REGISTRY)).await.unwrap();
    let key = SigningKey::generate().unwrap();
    let token = provider.attestation(&request(&["1.0.0"]).key(key.clone())).await.unwrap();
    assert_eq!(token.binding(), Binding::Digest);
    let claims = claims(token.as_str());
    assert_eq!(claims["cnf"]["jkt"], key.public_jwk().thumbprint());
    assert_eq!(claims[CLAIM].as_array().unwrap().len(), 1);
}

async fn an_attestation_without_the_claim_is_unbound(layout: Layout) {
    let idp = Idp::start(layout).await;
    let provider = idp.initialize(idp.attesting(REGISTRY)).await.unwrap();
    let error = provider.attestation(&request(&["1.0.0"])).await.unwrap_err();
    assert_eq!(error, OAuthError::Attestation(AttestationError::Unbound(Binding::Digest)));
    assert!(error.to_string().contains("must set the configured claim"), "{error}");
}

async fn an_attestation_does_not_grant_scopes(layout: Layout) {
    // An API for attestations that has scopes, as after a careless registration.
    let grants = format!(
        r#"[{{"id":"{REGISTRY}","secret":"registry-secret-for-tests","grants":{{"{ATTESTATIONS}":["execute:tools"]}}}}]"#
    );
    let resources = format!(r#"{{"{ATTESTATIONS}":["execute:tools"]}}"#);
    let options = [CLAIM_OPTION, "--clients", &grants, "--resources", &resources];
    let idp = Idp::start_with(layout, &options).await;
    let provider = idp.initialize(idp.attesting(REGISTRY)).await.unwrap();
    let result = provider.attestation(&request(&["1.0.0"])).await;
    match layout {
        // Auth0 gives every scope that the client has, unless the request names scopes.
        Layout::Auth0 => {
            let error = result.unwrap_err();
            assert_eq!(error, OAuthError::Attestation(AttestationError::Grants("scope")));
            assert!(error.to_string().contains("remove all scopes from the API"), "{error}");
        }
        Layout::Plain => {
            let claims = claims(result.unwrap().as_str());
            assert_eq!((claims.get("scope"), claims.get("scp")), (None, None));
        }
    }
}

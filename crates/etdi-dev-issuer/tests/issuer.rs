//! The issuer over real sockets, as clients see it.
#![cfg(test)]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use etdi_dev_issuer::{
    Api, DEFINITIONS_CLAIM, DevIssuer, DevIssuerBuilder, IssuerLayout, RegisteredClient,
    StartError, TokenAlgorithm,
};
use etdi_oauth::{
    AttestationConfig, AttestationRequest, Auth0Provider, Expectations, GenericProvider, Network,
    OAuthConfig, OAuthError, TokenError, TokenRequest,
};
use etdi_types::{Digest, SigningKey};

const API: &str = "https://api.example";
const ATTESTATIONS: &str = "https://attestations.example";
const CLIENT: &str = "the-publisher";
const SECRET: &str = "a-secret";

fn builder() -> DevIssuerBuilder {
    let client = RegisteredClient::with_secret(CLIENT, SECRET)
        .granted(API, &["execute:tools", "read:tools"])
        .granted(ATTESTATIONS, &[])
        .authority("trustedsoft.example");
    DevIssuer::builder()
        .api(Api::new(API, &["execute:tools"]))
        .api(Api::new(ATTESTATIONS, &[]).attesting())
        .client(client)
}

fn plug(config: OAuthConfig) -> OAuthConfig {
    let network = Network::default().dangerous().allow_loopback_http();
    config.client(CLIENT, SECRET).audience(API).network(network)
}

fn config(issuer: &DevIssuer) -> OAuthConfig {
    plug(OAuthConfig::auth0_at(issuer.issuer()))
}

fn request() -> TokenRequest {
    TokenRequest::new().scope("execute:tools")
}

#[tokio::test]
async fn only_loopback_addresses_are_listened_on() {
    for ip in ["0.0.0.0", "::", "192.0.2.1", "169.254.0.1", "::ffff:192.0.2.1", "2001:db8::1"] {
        let address = SocketAddr::from((ip.parse::<IpAddr>().unwrap(), 0));
        let error = DevIssuer::builder().address(address).start().await.unwrap_err();
        assert!(matches!(error, StartError::NotLoopback(found) if found == address), "{error}");
    }
    let issuer = DevIssuer::builder().address(([127, 0, 0, 1], 0)).start().await.unwrap();
    assert!(issuer.address().ip().is_loopback());
    let error = DevIssuer::builder().address(issuer.address()).start().await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
}

#[tokio::test]
async fn both_layouts_grant_tokens_that_their_clients_accept() {
    let auth0 = builder().start().await.unwrap();
    let provider = Auth0Provider::initialize(config(&auth0)).await.unwrap();
    let token = provider.token(request()).await.unwrap();
    let principal = provider.validate(&token, Expectations::audience(API)).await.unwrap();
    assert_eq!((principal.issuer(), principal.client()), (auth0.issuer(), Some(CLIENT)));

    let plain = builder().layout(IssuerLayout::Plain).start().await.unwrap();
    let config = plug(OAuthConfig::generic(plain.issuer()));
    let provider = GenericProvider::initialize(config).await.unwrap();
    let token = provider.token(request()).await.unwrap();
    let principal = provider.validate(&token, Expectations::audience(API)).await.unwrap();
    assert_eq!((principal.issuer(), principal.client()), (plain.issuer(), Some(CLIENT)));
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_counted() {
    let issuer = builder().start().await.unwrap();
    let provider = Auth0Provider::initialize(config(&issuer).client(CLIENT, "not-the-secret"));
    let error = provider.await.unwrap().token(request()).await.unwrap_err();
    assert!(matches!(error, OAuthError::InvalidClient { .. }), "{error}");
    assert_eq!((issuer.token_requests(CLIENT), issuer.token_requests("another")), (1, 0));
}

#[tokio::test]
async fn a_scope_is_granted_only_if_client_and_api_have_it() {
    let issuer = builder().start().await.unwrap();
    let provider = Auth0Provider::initialize(config(&issuer)).await.unwrap();
    for scope in ["read:tools", "admin"] {
        let error = provider.token(request().scope(scope)).await.unwrap_err();
        let OAuthError::InsufficientScope { missing, granted, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(
            (&missing[..], &granted[..]),
            (&[scope.to_owned()][..], &["execute:tools".to_owned()][..])
        );
    }
}

#[tokio::test]
async fn an_api_without_a_grant_gets_no_token() {
    let issuer = builder().api(Api::new("https://other.example", &[])).start().await.unwrap();
    let provider = Auth0Provider::initialize(config(&issuer)).await.unwrap();
    let refused = |api| provider.token(TokenRequest::new().audience(api));
    let error = refused("https://other.example").await.unwrap_err();
    assert!(matches!(error, OAuthError::UnauthorizedClient { status: 403, .. }), "{error}");
    let error = refused("https://nowhere.example").await.unwrap_err();
    assert!(matches!(error, OAuthError::WrongAudience { status: 403, .. }), "{error}");
}

#[tokio::test]
async fn clients_refuse_a_token_under_a_shared_secret() {
    let shared = "https://hs256.example";
    let client = RegisteredClient::with_secret(CLIENT, SECRET).granted(shared, &[]);
    let api = Api::new(shared, &[]).algorithm(TokenAlgorithm::HS256);
    let issuer = DevIssuer::builder().api(api).client(client).start().await.unwrap();
    let provider = Auth0Provider::initialize(config(&issuer)).await.unwrap();
    let token = provider.token(TokenRequest::new().audience(shared)).await.unwrap();
    let error = provider.validate(&token, Expectations::audience(shared)).await.unwrap_err();
    let OAuthError::Token(TokenError::WrongAlgorithm { found, .. }) = &error else {
        panic!("{error}")
    };
    assert_eq!(found, "HS256");
}

#[tokio::test]
async fn an_attestation_binds_definitions_of_the_client_s_authorities_or_a_key() {
    let issuer = builder().start().await.unwrap();
    let attestations = AttestationConfig::audience(ATTESTATIONS).claim(DEFINITIONS_CLAIM);
    let provider = config(&issuer).attestations(attestations);
    let provider = Auth0Provider::initialize(provider).await.unwrap();
    let definition = |id: &str| {
        let (id, version) = (id.parse().unwrap(), "1.0.0".parse().unwrap());
        AttestationRequest::new().definition(id, version, Digest::of(b"a definition"))
    };
    provider.attestation(definition("trustedsoft.example/scan")).await.unwrap();
    let error = provider.attestation(definition("other.example/scan")).await.unwrap_err();
    assert!(matches!(error, OAuthError::UnauthorizedClient { status: 403, .. }), "{error}");

    // The first proof has no nonce, so the client sends two requests.
    let before = issuer.token_requests(CLIENT);
    let key = SigningKey::generate().unwrap();
    let keys = config(&issuer).attestations(AttestationConfig::audience(ATTESTATIONS));
    let provider = Auth0Provider::initialize(keys).await.unwrap();
    provider.attestation(AttestationRequest::new().key(key)).await.unwrap();
    assert_eq!(issuer.token_requests(CLIENT), before + 2);
}

#[tokio::test]
async fn a_rotated_key_is_published_until_it_is_withdrawn() {
    let issuer = builder().start().await.unwrap();
    let kids = || issuer.keys().iter().map(|key| key.kid().to_owned()).collect::<Vec<_>>();
    assert_eq!(kids(), ["key-1"]);
    assert!(!issuer.withdraw_key("key-1"), "the key that signs stays");
    assert_eq!(issuer.rotate_key().unwrap().kid(), "key-2");
    let jwks: String = reqwest::get(issuer.jwks_uri()).await.unwrap().text().await.unwrap();
    assert!(jwks.contains("\"key-1\"") && jwks.contains("\"key-2\""), "{jwks}");
    assert!(issuer.withdraw_key("key-1") && !issuer.withdraw_key("key-1"));
    assert_eq!(kids(), ["key-2"]);
    let provider = Auth0Provider::initialize(config(&issuer)).await.unwrap();
    let token = provider.token(request()).await.unwrap();
    provider.validate(&token, Expectations::audience(API)).await.unwrap();
}

#[tokio::test]
async fn tokens_live_as_long_as_their_api_says_on_the_issuer_s_clock() {
    let clock = std::sync::Arc::new(etdi_types::ManualClock::at(1_795_348_800));
    let client = RegisteredClient::with_secret(CLIENT, SECRET).granted(API, &["execute:tools"]);
    let api = Api::new(API, &["execute:tools"]).lifetime(Duration::from_secs(90));
    let builder = DevIssuer::builder().clock(clock.clone()).api(api).client(client);
    let issuer = builder.start().await.unwrap();
    let provider = Auth0Provider::initialize(config(&issuer).clock(clock)).await.unwrap();
    let token = provider.token(request()).await.unwrap();
    assert_eq!(token.expires_at().unix_timestamp(), 1_795_348_890);
}

#[tokio::test]
async fn an_issuer_that_is_dropped_stops_answering() {
    let issuer = builder().start().await.unwrap();
    let (address, token_endpoint) = (issuer.address(), issuer.token_endpoint().to_owned());
    assert!(reqwest::get(&token_endpoint).await.is_ok());
    drop(issuer);
    // The port is free once the task has ended.
    while tokio::net::TcpListener::bind(address).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn debug_output_has_no_secret() {
    let client = RegisteredClient::generate(CLIENT).unwrap();
    let debug = format!("{client:?} {:?}", DevIssuer::builder().client(client.clone()));
    assert!(debug.contains(CLIENT) && !debug.contains(client.expose_secret()), "{debug}");
}

//! Discovery, the kinds of provider, the registry, introspection and revocation, the contract.

use etdi_oauth::contract::{Fixture, provider_keeps_its_contract};
use etdi_oauth::{
    Auth0Provider, BearerToken, ConfigError, DiscoveryError, EntraProvider, Expectations,
    GenericProvider, HttpError, IssuerProvider, OAuthConfig, OAuthError, OAuthProvider,
    OktaProvider, ProviderRegistry, TokenRequest,
};
use etdi_testkit::issuer::{API, CLIENT, Issuer, Reply, SECRET};
use etdi_testkit::keys::{FIRST, SECOND, jwks};
use etdi_types::trust::IssuerKind;
use serde_json::{Value, json};
use static_assertions::{assert_impl_all, assert_not_impl_any, assert_obj_safe};

use crate::keys::with;

assert_obj_safe!(OAuthProvider);
assert_impl_all!(Auth0Provider: Send, Sync, Clone);
assert_not_impl_any!(BearerToken: std::fmt::Display, AsRef<str>, PartialEq);

pub fn metadata(issuer: &str, base: &Issuer) -> Value {
    json!({
        "issuer": issuer,
        "token_endpoint": base.url("/token"),
        "jwks_uri": base.url("/keys"),
        "introspection_endpoint": base.url("/introspect"),
        "revocation_endpoint": base.url("/revoke"),
    })
}

/// Starts an issuer with this path whose metadata is at this address.
pub async fn issuer_with(path: &str, well_known: &str) -> (Issuer, String) {
    let base = Issuer::bare().await;
    let issuer = base.url(path);
    base.reply(well_known, Reply::json(&metadata(&issuer, &base)));
    base.reply("/keys", Reply::json(&jwks(&[FIRST.jwk()])));
    let (this, name) = (base.clone(), issuer.clone());
    base.on("/token", move |seen| {
        let scope = seen.form.get("scope").cloned().unwrap_or_default();
        let aud = seen.form.get("resource").cloned().unwrap_or_default();
        let granted = scope.split(' ').filter(|s| *s == "execute:tools").collect::<String>();
        let claims = with(
            this.claims(),
            &json!({ "iss": name, "sub": CLIENT, "client_id": CLIENT, "aud": aud, "scope": granted }),
        );
        Reply::json(&json!({
            "access_token": FIRST.sign(&claims), "token_type": "bearer", "expires_in": 60,
            "scope": granted,
        }))
    });
    (base, issuer)
}

pub fn generic(base: &Issuer, issuer: &str) -> OAuthConfig {
    base.plug(OAuthConfig::generic(issuer)).client(CLIENT, SECRET).audience(API)
}

fn fixture() -> Fixture {
    Fixture::new(API, "execute:tools", "admin")
}

#[tokio::test]
async fn the_providers_keep_the_contract() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    provider_keeps_its_contract(&auth0, &fixture()).await.unwrap();
    let (base, issuer) = issuer_with("", "/.well-known/oauth-authorization-server").await;
    let plain = GenericProvider::initialize(generic(&base, &issuer)).await.unwrap();
    provider_keeps_its_contract(&plain, &fixture()).await.unwrap();
}

#[tokio::test]
async fn metadata_is_found_in_every_form() {
    for (path, well_known) in [
        ("", "/.well-known/oauth-authorization-server"),
        ("", "/.well-known/openid-configuration"),
        ("/", "/.well-known/openid-configuration"),
        ("/oauth2/default", "/.well-known/oauth-authorization-server/oauth2/default"),
        ("/oauth2/default", "/oauth2/default/.well-known/openid-configuration"),
        ("/oauth2/default", "/.well-known/openid-configuration/oauth2/default"),
        ("/oauth2/default", "/oauth2/default/.well-known/oauth-authorization-server"),
    ] {
        let (base, issuer) = issuer_with(path, well_known).await;
        let provider = GenericProvider::initialize(generic(&base, &issuer)).await.unwrap();
        assert_eq!(provider.issuer(), issuer);
    }
}

#[tokio::test]
async fn metadata_of_an_issuer_that_differs_by_a_slash_is_refused() {
    let (base, issuer) = issuer_with("", "/.well-known/openid-configuration").await;
    let with_slash = format!("{issuer}/");
    let error = GenericProvider::initialize(generic(&base, &with_slash)).await.unwrap_err();
    assert!(
        matches!(
            &error,
            OAuthError::Discovery { source: DiscoveryError::IssuerMismatch { found, .. }, .. }
            if *found == issuer
        ),
        "{error}"
    );
}

// Attack 34.
#[tokio::test]
async fn metadata_that_names_a_dangerous_endpoint_is_refused() {
    for member in ["jwks_uri", "token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
        for (url, private) in [("https://10.0.0.1/x", true), ("http://public.example/x", false)] {
            let base = Issuer::bare().await;
            let document = with(metadata(&base.issuer, &base), &json!({ member: url }));
            base.reply("/.well-known/openid-configuration", Reply::json(&document));
            let error =
                GenericProvider::initialize(generic(&base, &base.issuer)).await.unwrap_err();
            let OAuthError::Discovery { source: DiscoveryError::Endpoint { source, .. }, .. } =
                error
            else {
                panic!("{error}");
            };
            assert_eq!(matches!(source, HttpError::PrivateAddress { .. }), private);
            assert_eq!(matches!(source, HttpError::NotHttps { .. }), !private);
        }
    }
}

#[tokio::test]
async fn the_error_of_an_issuer_without_metadata_lists_the_addresses_that_were_tried() {
    let base = Issuer::bare().await;
    let error = GenericProvider::initialize(generic(&base, &base.issuer)).await.unwrap_err();
    assert!(
        matches!(
            &error,
            OAuthError::Discovery { source: DiscoveryError::NotFound { tried, .. }, .. }
            if tried.len() == 2
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_provider_takes_its_own_kind_of_configuration() {
    let error = Auth0Provider::initialize(OAuthConfig::generic("https://a.example")).await;
    assert!(matches!(error.unwrap_err(), OAuthError::Config(ConfigError::Kind { .. })));
}

#[tokio::test]
async fn a_provider_of_any_kind_takes_the_kind_of_its_configuration() {
    let issuer = Issuer::start().await;
    let provider = IssuerProvider::any(issuer.config()).await.unwrap();
    assert_eq!(provider.kind(), IssuerKind::Auth0);
    provider.token(TokenRequest::new().scope("execute:tools")).await.unwrap();
    assert!(format!("{provider:?}").contains("Auth0"), "{provider:?}");
    let path = issuer.url("/").trim_end_matches('/').to_owned();
    let config = OAuthConfig::new(IssuerKind::Auth0, path);
    assert_eq!(config.issuer(), issuer.issuer, "the name of an issuer of Auth0 ends with a slash");
}

#[tokio::test]
async fn okta_sends_no_audience_and_reads_scp_and_cid() {
    let path = "/oauth2/default";
    let (base, issuer) =
        issuer_with(path, &format!("{path}/.well-known/openid-configuration")).await;
    let (this, name) = (base.clone(), issuer.clone());
    base.on("/token", move |_| {
        let claims = json!({
            "iss": name, "sub": CLIENT, "cid": CLIENT, "azp": null, "scp": ["execute:tools"],
        });
        let token = FIRST.sign(&with(this.claims(), &claims));
        Reply::json(&json!({
            "access_token": token, "token_type": "Bearer", "expires_in": 60, "scope": "execute:tools",
        }))
    });
    let config = base.plug(OAuthConfig::okta(&issuer)).client(CLIENT, SECRET);
    let okta = OktaProvider::initialize(config).await.unwrap();
    let token = okta.token(TokenRequest::new().scope("execute:tools")).await.unwrap();
    let form = &base.seen("/token")[0].form;
    assert!(!form.contains_key("audience") && !form.contains_key("resource"));
    let expected = Expectations::audience(API).scope("execute:tools");
    assert_eq!(okta.validate(&token, expected).await.unwrap().client(), Some(CLIENT));
}

#[tokio::test]
async fn entra_asks_for_the_default_scope_and_finds_its_roles() {
    let path = "/tenant/v2.0";
    let (base, issuer) =
        issuer_with(path, &format!("{path}/.well-known/openid-configuration")).await;
    base.reply("/keys", Reply::json(&jwks(&[with(FIRST.jwk(), &json!({ "alg": null }))])));
    let (this, name) = (base.clone(), issuer.clone());
    base.on("/token", move |_| {
        let claims = json!({
            "iss": name, "sub": "object", "oid": "object", "roles": ["execute:tools"],
        });
        let token = FIRST.sign(&with(this.claims(), &claims));
        Reply::json(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": 60 }))
    });
    let config = base.plug(OAuthConfig::entra(&issuer)).client(CLIENT, SECRET).audience(API);
    let entra = EntraProvider::initialize(config).await.unwrap();
    let token = entra.token(TokenRequest::new().scope("execute:tools")).await.unwrap();
    assert_eq!(base.seen("/token")[0].form["scope"], format!("{API}/.default"));
    let expected = Expectations::audience(API).scope("execute:tools");
    entra.validate(&token, expected).await.unwrap();
    let more = TokenRequest::new().scopes(["execute:tools", "admin"]);
    assert!(matches!(
        entra.token(more).await,
        Err(OAuthError::InsufficientScope { missing, .. }) if missing == ["admin"]
    ));
}

#[tokio::test]
async fn the_registry_picks_by_issuer() {
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    let (base, name) = issuer_with("", "/.well-known/openid-configuration").await;
    let plain = GenericProvider::initialize(generic(&base, &name)).await.unwrap();
    let registry = ProviderRegistry::new();
    registry.register(auth0.clone()).unwrap();
    registry.register(plain.clone()).unwrap();
    assert_eq!(
        registry.register(auth0.clone()).unwrap_err(),
        ConfigError::RegisteredTwice(issuer.issuer.clone())
    );
    let expected = Expectations::audience(API);
    let request = TokenRequest::new().scope("execute:tools");
    for provider in [&auth0 as &dyn OAuthProvider, &plain] {
        let token = provider.token(&request).await.unwrap();
        let principal = registry.validate(&token, &expected).await.unwrap();
        assert_eq!(principal.issuer(), provider.issuer());
    }
    let foreign = with(issuer.claims(), &json!({ "iss": "https://evil.example/" }));
    let foreign = BearerToken::new(FIRST.sign(&foreign));
    assert_eq!(
        registry.validate(&foreign, &expected).await.unwrap_err(),
        OAuthError::UnknownIssuer("https://evil.example/".to_owned())
    );
    // A token that names one issuer and is signed with the key of another.
    let crossed = BearerToken::new(SECOND.sign(&issuer.claims()));
    assert!(matches!(registry.validate(&crossed, &expected).await, Err(OAuthError::Token(_))));
}

#[tokio::test]
async fn introspection_and_revocation_work_where_they_are_offered() {
    let (base, issuer) = issuer_with("", "/.well-known/openid-configuration").await;
    let active =
        json!({ "active": true, "scope": "a b", "client_id": CLIENT, "exp": 1_800_000_000 });
    base.reply("/introspect", Reply::json(&active));
    base.reply("/revoke", Reply::text(200, ""));
    let provider = GenericProvider::initialize(generic(&base, &issuer)).await.unwrap();
    let request = TokenRequest::new().scope("execute:tools");
    let token = provider.token(&request).await.unwrap();
    let introspection = provider.introspect(&token).await.unwrap();
    assert!(introspection.active && introspection.scopes.iter().eq(["a", "b"]));
    assert_eq!(base.seen("/introspect")[0].form["token"], token.expose());
    provider.revoke(&token).await.unwrap();
    provider.token(&request).await.unwrap();
    assert_eq!(base.count("/token"), 2, "a revoked token is not given again");

    base.reply("/introspect", Reply::error(400, "unsupported_token_type", "it is a JWT"));
    assert!(matches!(
        provider.introspect(&token).await,
        Err(OAuthError::Refused { code, .. }) if code == "unsupported_token_type"
    ));
    for body in ["{}", "{\"active\":\"true\"}", "[]", "{\"active\":true,\"active\":false}"] {
        base.reply("/introspect", Reply::text(200, body));
        assert!(matches!(provider.introspect(&token).await, Err(OAuthError::BadAnswer(_))));
    }
    let issuer = Issuer::start().await;
    let auth0 = Auth0Provider::initialize(issuer.config()).await.unwrap();
    assert_eq!(
        auth0.introspect(&token).await.unwrap_err(),
        OAuthError::NotOffered("introspection")
    );
}

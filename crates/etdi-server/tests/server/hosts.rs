//! The hosts and origins from which a server accepts requests, and the preflights of browsers.

use etdi_testkit::issuer::Issuer;
use rmcp::transport::streamable_http_server::StreamableHttpServerConfig;
use serde_json::json;

use crate::authorizing::{JSON, app, describe, secure};
use crate::site::{RESOURCE, Site, send};

#[tokio::test]
async fn a_server_accepts_the_hosts_and_origins_of_its_addresses_alone() {
    let idp = Issuer::start().await;
    let described = describe(&idp).await.served_at(RESOURCE).served_at("http://127.0.0.1:8000/mcp");
    let secure = described.build().await.unwrap();
    assert_eq!(secure.allowed_hosts(), ["127.0.0.1:8000", "docs.example"]);
    assert_eq!(secure.allowed_origins(), ["http://127.0.0.1:8000", "https://docs.example:443"]);
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(secure.allowed_hosts())
        .with_allowed_origins(secure.allowed_origins());
    let site = Site::configured(&secure, app(), JSON, None, config).await;
    let ask = |host: &str, origin: Option<&str>| {
        let request = site.ask("tools/list", json!({})).header("host", host);
        match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    };
    for (host, origin) in [
        ("docs.example", None),
        ("docs.example", Some("https://docs.example")),
        ("127.0.0.1:8000", Some("http://127.0.0.1:8000")),
    ] {
        assert_eq!(send(ask(host, origin)).await.status, 200, "{host} {origin:?}");
    }
    for (host, origin) in [
        ("evil.example", None),
        ("127.0.0.1", None),
        ("docs.example.evil.example", None),
        ("docs.example", Some("https://evil.example")),
        ("docs.example", Some("http://docs.example")),
        ("docs.example", Some("https://docs.example:8443")),
        ("docs.example", Some("null")),
    ] {
        assert_eq!(send(ask(host, origin)).await.status, 403, "{host} {origin:?}");
    }
}

#[tokio::test]
async fn a_server_without_an_address_accepts_the_loopback_interface_alone() {
    let idp = Issuer::start().await;
    for secure in [secure(&idp).await, describe(&idp).await.stdio().build().await.unwrap()] {
        let config = StreamableHttpServerConfig::default();
        assert_eq!(secure.allowed_hosts(), config.allowed_hosts);
        assert_eq!(secure.allowed_origins().len(), 3);
        let config = config.with_allowed_origins(secure.allowed_origins());
        let site = Site::configured(&secure, app(), JSON, None, config).await;
        let ask = |origin: &str| site.ask("tools/list", json!({})).header("origin", origin);
        assert_eq!(send(ask("http://localhost:6274")).await.status, 200);
        assert_eq!(send(ask("https://evil.example")).await.status, 403);
    }
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_any_other_request_does() {
    let idp = Issuer::start().await;
    let secure = secure(&idp).await;
    let layer = secure.auth_layer(RESOURCE).unwrap().for_every_request();
    let app = app();
    let site = Site::with(&secure, app.clone(), JSON, Some(layer)).await;
    let http = reqwest::Client::new();
    let options = || http.request(reqwest::Method::OPTIONS, format!("{}/mcp", site.url));
    let preflight = options()
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    assert_ne!(send(preflight).await.status, 401);
    assert_eq!(send(options()).await.status, 401);
    let post = site.ask("tools/call", json!({"name": "harmless"}));
    let disguised = post
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    assert_eq!(send(disguised).await.status, 401);
    assert_eq!(app.calls(), 0);
}

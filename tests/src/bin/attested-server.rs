//! `attested-server CONFIGURATION`: a server whose definitions an identity provider attests. It serves
//! on stdio until the input ends. The configuration is one JSON object: `{ "layout", "issuer",
//! "client", "secret", "audience", "attestations", "claim", "key" }`.

#![forbid(unsafe_code)]

use std::error::Error;

use etdi::oauth::Network;
use etdi::{
    AttestationConfig, Auth0Provider, GenericProvider, OAuthConfig, Provider, SecureServer,
    SigningKey, ToolSpec,
};
use etdi_testkit::handler::CountingHandler;
use rmcp::ServiceExt;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let text = std::env::args().nth(1).ok_or("which configuration?")?;
    let configuration: Value = serde_json::from_str(&text)?;
    let text = |name: &str| configuration[name].as_str().unwrap_or_default();
    let auth0 = text("layout") == "auth0";
    let config = match auth0 {
        true => OAuthConfig::auth0_at(text("issuer")),
        false => OAuthConfig::generic(text("issuer")),
    };
    let attestations = AttestationConfig::audience(text("attestations"));
    let attestations = match configuration["claim"].as_str() {
        Some(claim) => attestations.claim(claim),
        None => attestations,
    };
    let config = config
        .client(text("client"), text("secret"))
        .audience(text("audience"))
        .attestations(attestations)
        .network(Network::default().dangerous().allow_loopback_http());
    let provider = Provider::new("https://trustedsoft.example", "TrustedSoft")?;
    let builder = SecureServer::builder(provider, SigningKey::from_pem_file(text("key"))?)
        .audience(text("audience"))
        .stdio()
        .access_token_from_env()
        .tool("scan", ToolSpec::version("1.0.0").requires("execute:tools"));
    let builder = match auth0 {
        true => builder.attest_with(Auth0Provider::initialize(config).await?),
        false => builder.attest_with(GenericProvider::initialize(config).await?),
    };
    let secure = builder.build().await?;
    let app = CountingHandler::numbered(&["scan"]);
    secure.check(app.clone()).await?;
    secure.wrap(app).serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}

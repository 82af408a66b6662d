//! The access tokens that a person gave, and the one server that each is for.

use std::collections::HashMap;
use std::sync::Arc;

use etdi::ResourceUri;
use etdi::client::HttpAuthorizer;
use parking_lot::Mutex;
use secrecy::SecretString;

use crate::exit::CliError;

/// The tokens that a person gave, each for one server.
#[derive(Debug, Default)]
pub(super) struct BearerTokens(Mutex<HashMap<ResourceUri, SecretString>>);

#[derive(Debug)]
pub(super) struct SharedTokens(pub(super) Arc<BearerTokens>);

impl BearerTokens {
    pub(super) fn give(&self, uri: &str, token: SecretString) -> Result<(), CliError> {
        let uri = ResourceUri::parse(uri).map_err(CliError::new)?;
        // RFC 6750, section 5.3: a bearer token is sent over TLS, and nowhere else.
        if !uri.as_str().starts_with("https:") && !is_loopback(&uri) {
            return Err(CliError::new("an access token is sent over https alone"));
        }
        self.0.lock().insert(uri, token);
        Ok(())
    }
}

fn is_loopback(uri: &ResourceUri) -> bool {
    let rest = uri.as_str().strip_prefix("http://").unwrap_or_default();
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_address = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    !authority.contains('@') && (host == "localhost" || is_address)
}

#[async_trait::async_trait]
impl HttpAuthorizer for SharedTokens {
    async fn bearer_token(
        &self,
        server: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.0.lock().get(server).cloned())
    }
}

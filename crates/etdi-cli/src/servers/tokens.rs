//! The access tokens that a person gave, each for one server.

use std::collections::HashMap;
use std::sync::Arc;

use etdi::ResourceUri;
use etdi::client::HttpAuthorizer;
use parking_lot::Mutex;
use secrecy::SecretString;
use url::{Host, Url};

use crate::exit::CliError;

/// The tokens that a person gave, each for one server.
#[derive(Debug, Default)]
pub(super) struct BearerTokens(Mutex<HashMap<ResourceUri, SecretString>>);

#[derive(Debug)]
pub(super) struct SharedTokens(pub(super) Arc<BearerTokens>);

impl BearerTokens {
    pub(super) fn give(&self, uri: &str, token: SecretString) -> Result<(), CliError> {
        let uri = ResourceUri::parse(uri).map_err(CliError::new)?;
        // RFC 6750, section 5.3: a bearer token is sent only over TLS.
        if !may_carry_token(&uri) {
            return Err(CliError::new("cannot send the access token: it is sent only over https"));
        }
        self.0.lock().insert(uri, token);
        Ok(())
    }
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

/// Returns whether `uri` is on https, or on http on this machine. The parser is the one of the HTTP
/// client, so both see the same host.
fn may_carry_token(uri: &ResourceUri) -> bool {
    let Ok(url) = Url::parse(uri.as_str()) else { return false };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback && !has_user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(uri: &str) -> bool {
        let token = SecretString::from("t".to_owned());
        BearerTokens::default().give(uri, token).is_ok()
    }

    #[test]
    fn a_token_is_sent_over_https_or_to_this_machine() {
        for uri in [
            "https://docs.example/mcp",
            "http://localhost:8080/mcp",
            "http://127.0.0.1/mcp?a=b",
            "http://[::1]:8080/mcp",
        ] {
            assert!(is_taken(uri), "{uri}");
        }
        for uri in [
            "http://docs.example/mcp",
            "http://10.0.0.1/mcp",
            "http://localhost.docs.example/mcp",
            "http://docs.example/localhost",
            "http://docs.example?@localhost/mcp",
            "http://localhost@docs.example/mcp",
            "http://localhost:80@docs.example/mcp",
            "http://[fe80::1]/mcp",
            "ws://localhost/mcp",
        ] {
            assert!(!is_taken(uri), "{uri}");
        }
    }
}

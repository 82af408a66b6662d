//! The access tokens and headers that requests to servers have: those that a person gave, and those of
//! configurations.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use etdi::ResourceUri;
use etdi::client::{HttpAuthorizer, RequestHeaders};
use parking_lot::Mutex;
use secrecy::SecretString;
use url::{Host, Url};

use crate::exit::CliError;

/// The token and the headers for one server.
#[derive(Clone, Debug, Default)]
struct Credentials {
    token: Option<SecretString>,
    headers: RequestHeaders,
}

/// The credentials of servers, by the address that they are sent to.
#[derive(Debug, Default)]
pub(super) struct KnownCredentials(Mutex<HashMap<ResourceUri, Credentials>>);

#[derive(Debug)]
pub(super) struct SharedCredentials(pub(super) Arc<KnownCredentials>);

impl KnownCredentials {
    /// Sets the token and the headers for requests to `uri`, in place of earlier ones.
    pub(super) fn give(
        &self,
        uri: &str,
        token: Option<SecretString>,
        headers: &[(String, SecretString)],
    ) -> Result<(), CliError> {
        let mut sent = RequestHeaders::default();
        for (name, value) in headers {
            sent.insert(name, value).map_err(|error| {
                CliError::new(error).next("correct the header in the configuration")
            })?;
        }
        let uri = ResourceUri::parse(uri).map_err(|error| {
            CliError::new(format!("cannot connect to the server: {error}"))
                .next("correct the address, such as https://docs.example/mcp")
        })?;
        // RFC 6750, section 5.3: a bearer token is sent only over TLS. A header may be a secret too.
        let what = match (&token, headers.is_empty()) {
            (Some(_), _) => Some("the access token"),
            (None, false) => Some("the headers"),
            (None, true) => None,
        };
        if let Some(what) = what.filter(|_| !may_carry_secrets(&uri)) {
            return Err(CliError::new(format!(
                "cannot send {what}: the server is not on https, and not on this machine"
            ))
            .next("give its https address"));
        }
        self.0.lock().insert(uri, Credentials { token, headers: sent });
        Ok(())
    }

    fn of(&self, server: &ResourceUri) -> Credentials {
        self.0.lock().get(server).cloned().unwrap_or_default()
    }
}

#[async_trait::async_trait]
impl HttpAuthorizer for SharedCredentials {
    async fn bearer_token(
        &self,
        server: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.of(server).token)
    }

    async fn headers(
        &self,
        server: &ResourceUri,
    ) -> Result<RequestHeaders, Box<dyn Error + Send + Sync>> {
        Ok(self.0.of(server).headers)
    }
}

/// Returns whether `uri` is on https, or on http on this machine. The parser is the one of the HTTP
/// client, so both see the same host.
fn may_carry_secrets(uri: &ResourceUri) -> bool {
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

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    fn is_taken(uri: &str) -> bool {
        let known = KnownCredentials::default();
        let token = known.give(uri, Some(secret("t")), &[]).is_ok();
        let header = known.give(uri, None, &[("X-Key".to_owned(), secret("s3cret"))]).is_ok();
        assert_eq!(token, header, "{uri}");
        token
    }

    #[test]
    fn secrets_are_sent_over_https_or_to_this_machine() {
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

    #[tokio::test]
    async fn credentials_are_for_one_address_and_replaced_as_a_whole() {
        let known = Arc::new(KnownCredentials::default());
        let shared = SharedCredentials(Arc::clone(&known));
        let (uri, other) = ("https://docs.example/mcp", "https://docs.example/other");
        known.give(uri, None, &[("X-Key".to_owned(), secret("s3cret"))]).unwrap();
        let shown = async |uri: &str| {
            format!("{:?}", shared.headers(&ResourceUri::parse(uri).unwrap()).await.unwrap())
        };
        assert_eq!(shown(uri).await, r#"{"x-key"}"#);
        assert_eq!(shown(other).await, "{}");
        known.give(uri, None, &[]).unwrap();
        assert_eq!(shown(uri).await, "{}");
    }
}

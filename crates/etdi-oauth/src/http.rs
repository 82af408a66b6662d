//! The HTTP client of this crate. The client does not follow redirects, limits the body and the
//! time, and connects only to addresses that [`Network`] allows.

mod error;
mod network;

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

pub use error::HttpError;
pub use network::{Network, danger};

/// The largest body that is read, in bytes.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;

/// An answer with any status except a redirect.
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body, which may hold a token.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl HttpResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An HTTP client that follows the rules of a [`Network`]. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
    network: Network,
}

impl HttpClient {
    pub(crate) fn new(network: Network) -> Result<Self, HttpError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .user_agent(concat!("etdi-oauth/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Resolver(network.clone()))
            .tls_certs_merge(network.roots().iter().cloned())
            .build()
            .map_err(|error| HttpError::Tls(innermost(&error)))?;
        Ok(Self { client, network })
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Gets JSON metadata.
    pub(crate) async fn get(&self, url: &str) -> Result<HttpResponse, HttpError> {
        let url = self.network.check(url)?;
        let timeout = self.network.metadata_timeout();
        let request = self.client.get(url).header(ACCEPT, "application/json");
        self.send(request, timeout).await
    }

    /// Posts a form. `body` holds secrets, and its type wipes them on drop. The copy that `reqwest`
    /// sends is not wiped.
    pub(crate) async fn post_form(
        &self,
        url: &str,
        body: &Zeroizing<String>,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<HttpResponse, HttpError> {
        let url = self.network.check(url)?;
        let timeout = self.network.token_timeout();
        let mut request = self
            .client
            .post(url)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.as_bytes().to_vec());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(request, timeout).await
    }

    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        timeout: Duration,
    ) -> Result<HttpResponse, HttpError> {
        let transport = |error| transport(error, timeout);
        let mut answer = request.timeout(timeout).send().await.map_err(transport)?;
        let status = answer.status();
        if status.is_redirection() {
            return Err(HttpError::Redirect { status: status.as_u16() });
        }
        let too_large = HttpError::TooLarge { limit: BODY_LIMIT };
        if answer.content_length().is_some_and(|length| length > BODY_LIMIT as u64) {
            return Err(too_large);
        }
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.chunk().await.map_err(transport)? {
            if body.len().saturating_add(chunk.len()) > BODY_LIMIT {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status: status.as_u16(), headers: answer.headers().clone(), body })
    }
}

/// Resolves names and drops every address that the network's rules do not allow, so that a public
/// name cannot lead into a private network.
struct Resolver(Network);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let network = self.0.clone();
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), 0))
                .await?
                .filter(|address| network.reaches(address.ip()))
                .collect();
            if addresses.is_empty() {
                return Err(HttpError::PrivateAddress { host }.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn transport(error: reqwest::Error, timeout: Duration) -> HttpError {
    let mut source: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(cause) = source {
        if let Some(refusal) = cause.downcast_ref::<HttpError>() {
            return refusal.clone();
        }
        source = cause.source();
    }
    if error.is_timeout() {
        HttpError::Timeout(timeout)
    } else {
        HttpError::Connection(innermost(&error.without_url()))
    }
}

/// Returns the text of the last cause in the chain. The operating system or TLS wrote this text.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}

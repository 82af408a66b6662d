//! The running issuer.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use etdi_types::{Clock, SystemClock};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::{KeyError, StartError};
use crate::key::RsaSigningKey;
use crate::registration::{Api, IssuerLayout, RegisteredClient};
use crate::tenant::{Tenant, Urls};
use crate::{metadata, token};

/// A running issuer on the loopback interface, for development and tests. The issuer stops when
/// this handle is dropped.
///
/// ```
/// # async fn example() -> Result<(), etdi_dev_issuer::StartError> {
/// let issuer = etdi_dev_issuer::DevIssuer::builder().start().await?;
/// assert!(issuer.issuer().starts_with("http://127.0.0.1:"));
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
#[derive(Debug)]
pub struct DevIssuer {
    address: SocketAddr,
    tenant: Arc<Tenant>,
    task: JoinHandle<()>,
}

impl DevIssuer {
    /// Returns a builder of an issuer in Auth0's layout, without APIs and clients, on a free port.
    pub fn builder() -> DevIssuerBuilder {
        DevIssuerBuilder::default()
    }

    /// Returns the issuer's identifier, the `iss` of its tokens (RFC 8414, section 2). It ends with a
    /// slash in Auth0's layout.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.tenant.urls.issuer
    }

    /// Returns the address on which the issuer answers.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of the token endpoint (RFC 6749, section 3.2).
    #[must_use]
    pub fn token_endpoint(&self) -> &str {
        &self.tenant.urls.token_endpoint
    }

    /// Returns the URL of the JWK set (RFC 7517, section 5).
    #[must_use]
    pub fn jwks_uri(&self) -> &str {
        &self.tenant.urls.jwks_uri
    }

    /// Returns the client that is registered under this id.
    #[must_use]
    pub fn client(&self, id: &str) -> Option<&RegisteredClient> {
        self.tenant.clients.iter().find(|client| client.id() == id)
    }

    /// Returns how many token requests named this client, including those with a wrong secret.
    #[must_use]
    pub fn token_requests(&self, client: &str) -> usize {
        self.tenant.requests.of(client)
    }

    /// Returns the keys that the issuer publishes. The issuer signs with the last one.
    #[must_use]
    pub fn keys(&self) -> Vec<RsaSigningKey> {
        self.tenant.keys.published()
    }

    /// Makes a new key, which signs from now on. The old keys stay published.
    ///
    /// # Errors
    /// Fails if the key cannot be made.
    pub fn rotate_key(&self) -> Result<RsaSigningKey, KeyError> {
        self.tenant.keys.rotate()
    }

    /// Stops publishing the key with this id, and returns whether a key was withdrawn. The key that
    /// signs cannot be withdrawn: [rotate](Self::rotate_key) it first.
    pub fn withdraw_key(&self, kid: &str) -> bool {
        self.tenant.keys.withdraw(kid)
    }
}

impl Drop for DevIssuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The configuration of a [`DevIssuer`].
#[derive(Debug)]
#[must_use = "the issuer runs once `start` is called"]
pub struct DevIssuerBuilder {
    address: SocketAddr,
    layout: IssuerLayout,
    apis: Vec<Api>,
    clients: Vec<RegisteredClient>,
    clock: Arc<dyn Clock>,
}

impl Default for DevIssuerBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            layout: IssuerLayout::Auth0,
            apis: Vec::new(),
            clients: Vec::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl DevIssuerBuilder {
    /// Listens on this address instead of a free port of 127.0.0.1. [`Self::start`] fails if the
    /// address is not a loopback address.
    pub fn address(self, address: impl Into<SocketAddr>) -> Self {
        Self { address: address.into(), ..self }
    }

    /// Sets the layout of URLs, parameters and claims. The default is Auth0's layout.
    pub fn layout(self, layout: IssuerLayout) -> Self {
        Self { layout, ..self }
    }

    /// Registers an API. If two APIs have the same identifier, the first one is used.
    pub fn api(mut self, api: Api) -> Self {
        self.apis.push(api);
        self
    }

    /// Registers a client. If two clients have the same id, the first one is used.
    pub fn client(mut self, client: RegisteredClient) -> Self {
        self.clients.push(client);
        self
    }

    /// Sets the clock for `iat`, `exp` and DPoP proofs. The default is the system's clock.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Makes the first key, and answers requests from now on. Needs a Tokio runtime, on which the
    /// issuer runs until the handle is dropped.
    ///
    /// # Errors
    /// Fails if the address is not a loopback address, if the system does not let the issuer listen
    /// on it, or if the key cannot be made.
    pub async fn start(self) -> Result<DevIssuer, StartError> {
        if !self.address.ip().is_loopback() {
            return Err(StartError::NotLoopback(self.address));
        }
        let listen = |source| StartError::Listen { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let urls = Urls::of(self.layout, address);
        let paths = self.layout.paths();
        let tenant = Tenant::new(urls, self.layout, self.apis, self.clients, self.clock)?;
        let tenant = Arc::new(tenant);
        let router = Router::new()
            .route(paths.token, post(token::answer))
            .route(paths.jwks, get(metadata::jwks))
            .route(paths.discovery, get(metadata::discovery))
            .with_state(Arc::clone(&tenant));
        let task = tokio::spawn(async move {
            // Serving ends when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(DevIssuer { address, tenant, task })
    }
}

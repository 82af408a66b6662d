//! The state of one issuer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use etdi_types::Clock;

use crate::dpop::Proofs;
use crate::error::KeyError;
use crate::key::KeyRing;
use crate::registration::{Api, IssuerLayout, RegisteredClient};

/// The state that the endpoints of an issuer share.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) urls: Urls,
    pub(crate) layout: IssuerLayout,
    pub(crate) apis: Vec<Api>,
    pub(crate) clients: Vec<RegisteredClient>,
    pub(crate) keys: KeyRing,
    pub(crate) proofs: Proofs,
    pub(crate) requests: Requests,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Tenant {
    pub(crate) fn new(
        urls: Urls,
        layout: IssuerLayout,
        apis: Vec<Api>,
        clients: Vec<RegisteredClient>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyError> {
        let (keys, proofs) = (KeyRing::new()?, Proofs::new()?);
        let requests = Requests::default();
        Ok(Self { urls, layout, apis, clients, keys, proofs, requests, clock })
    }
}

/// The absolute URLs of an issuer.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) issuer: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
}

impl Urls {
    pub(crate) fn of(layout: IssuerLayout, address: SocketAddr) -> Self {
        let paths = layout.paths();
        let url = |path: &str| format!("http://{address}{path}");
        Self {
            issuer: url(paths.issuer),
            token_endpoint: url(paths.token),
            jwks_uri: url(paths.jwks),
        }
    }
}

/// Counts token requests by client.
#[derive(Debug, Default)]
pub(crate) struct Requests(Mutex<BTreeMap<String, usize>>);

impl Requests {
    pub(crate) fn count(&self, client: &RegisteredClient) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(client.id().to_owned()).or_default() += 1;
    }

    pub(crate) fn of(&self, client: &str) -> usize {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(client).copied().unwrap_or_default()
    }
}

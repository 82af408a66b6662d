//! An identity provider of the demos' own, on the loopback interface: an OAuth 2 issuer with client
//! credentials, shaped like Auth0's or plain.
//!
//! It is real as far as it goes. It keeps no user and no session; secrets, scopes, audiences, DPoP
//! proofs and the authorities of tool ids are checked, keys are made when they are first needed and
//! never leave the process.

mod dpop;
mod keys;
mod metadata;
mod registration;
mod request;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::clock::ShiftedClock;
use crate::servers::serve;
use crate::state::State;

pub use registration::{Algorithm, Api, Application, Layout, Registration};

use dpop::Proofs;
use keys::KeyRing;

/// The claim in which attestations list definitions.
pub const CLAIM: &str = "https://etdi.dev/definitions";

/// The API for calls.
pub const API: &str = "https://api.etdi-tools.demo.com";

/// The API for attestations, and for nothing else.
pub const ATTESTATIONS: &str = "https://attestations.trustedsoft.example";

/// Runs an issuer until its parent goes.
///
/// Which keys it publishes is said through the control channel: their names with blanks in between,
/// the last of them signs. `1` if nobody says.
///
/// # Errors
/// If its registration cannot be read, or it cannot listen.
pub(crate) async fn run(state: State) -> anyhow::Result<()> {
    let registration = Registration::read(&state)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let tenant = Tenant::new(registration, state, &listener.local_addr()?.to_string())?;
    // Made now, so that the first client need not wait for it.
    tenant.published_keys()?;
    let (token, jwks, discovery) = match tenant.registration.layout {
        Layout::Auth0 => {
            ("/oauth/token", "/.well-known/jwks.json", "/.well-known/openid-configuration")
        }
        Layout::Plain => ("/oidc/token", "/oidc/keys", "/oidc/.well-known/openid-configuration"),
    };
    let issuer = tenant.issuer.clone();
    let router = Router::new()
        .route(token, post(token::answer))
        .route(jwks, get(metadata::jwks))
        .route(discovery, get(metadata::discovery))
        .with_state(Arc::new(tenant));
    serve::until_the_parent_goes(listener, issuer, router).await
}

/// What one running issuer is made of.
struct Tenant {
    issuer: String,
    registration: Registration,
    keys: KeyRing,
    proofs: Proofs,
    /// The control channel, and the counters of requests.
    state: State,
    clock: ShiftedClock,
}

impl Tenant {
    fn new(registration: Registration, state: State, address: &str) -> anyhow::Result<Self> {
        let issuer = match registration.layout {
            Layout::Auth0 => format!("http://{address}/"),
            Layout::Plain => format!("http://{address}/oidc"),
        };
        Ok(Self {
            issuer,
            registration,
            keys: KeyRing::default(),
            proofs: Proofs::new()?,
            clock: ShiftedClock::of(&state),
            state,
        })
    }

    fn endpoint(&self, auth0: &str, plain: &str) -> String {
        match self.registration.layout {
            Layout::Auth0 => format!("{}{auth0}", self.issuer),
            Layout::Plain => format!("{}/{plain}", self.issuer),
        }
    }

    fn token_endpoint(&self) -> String {
        self.endpoint("oauth/token", "token")
    }

    fn jwks_uri(&self) -> String {
        self.endpoint(".well-known/jwks.json", "keys")
    }

    /// The keys that are published now, the one that signs last.
    fn published_keys(&self) -> anyhow::Result<Vec<Arc<keys::Key>>> {
        let offer = self.state.offer();
        let names = if offer.trim().is_empty() { "1" } else { &offer };
        names.split_whitespace().map(|name| self.keys.key(name)).collect()
    }
}

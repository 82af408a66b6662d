//! What an issuer knows: its applications and APIs, as an administrator registers them.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

use etdi::keys::base64url_encode;
use serde::{Deserialize, Serialize};

use crate::state::State;

/// The file of the issuer's folder that holds its registration, secrets included.
const REGISTRATION_FILE: &str = "registration.json";

/// How an issuer's URLs, requests and claims are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// As Auth0's.
    Auth0,
    /// As RFC 8414, RFC 8707 and RFC 9068 have it.
    Plain,
}

/// How an API's tokens are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSA.
    #[default]
    RS256,
    /// A secret that the API shares with the issuer. Auth0 offers it.
    HS256,
}

/// An API, also called a resource server: what tokens are for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Api {
    /// The audience of its tokens.
    pub identifier: String,
    /// Its permissions.
    pub scopes: Vec<String>,
    /// How long its tokens live, in seconds.
    pub lifetime: i64,
    /// How they are signed.
    pub algorithm: Algorithm,
    /// Whether the issuer sets the claim of definitions in them.
    pub attests: bool,
}

impl Api {
    /// An API whose tokens are signed with RS256 and live for a day.
    #[must_use]
    pub fn new(identifier: &str, scopes: &[&str]) -> Self {
        Self {
            identifier: identifier.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            lifetime: 86_400,
            algorithm: Algorithm::RS256,
            attests: false,
        }
    }
}

/// A machine-to-machine application: a client with a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Application {
    /// Its name, for people.
    pub name: String,
    /// Its client id.
    pub client_id: String,
    /// Its secret, sent as `client_secret_post`.
    pub client_secret: String,
    /// The scopes that it is granted, by API.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Its metadata: the authorities whose tool ids it may have attested.
    pub authorities: Vec<String>,
}

impl Application {
    /// An application with a secret of its own that is granted nothing yet.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new(name: &str, client_id: &str) -> anyhow::Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            client_secret: random_text()?,
            grants: BTreeMap::new(),
            authorities: Vec::new(),
        })
    }

    /// Authorizes it for an API, with these scopes.
    #[must_use]
    pub fn granted(mut self, api: &str, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.grants.insert(api.to_owned(), scopes);
        self
    }

    /// Lets it have tool ids of this authority attested.
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        self.authorities.push(authority.to_owned());
        self
    }
}

/// Without the secret.
impl Debug for Application {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// All that an issuer knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// How it is laid out.
    pub layout: Layout,
    /// Its APIs.
    pub apis: Vec<Api>,
    /// Its applications.
    pub applications: Vec<Application>,
}

impl Registration {
    /// The one that an issuer finds in its folder.
    ///
    /// # Errors
    /// If there is none.
    pub fn read(state: &State) -> anyhow::Result<Self> {
        Ok(serde_json::from_str(&state.read(REGISTRATION_FILE)?)?)
    }

    /// Puts it into the folder of an issuer that is to start.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, state: &State) -> anyhow::Result<()> {
        Ok(state.write(REGISTRATION_FILE, &serde_json::to_string(self)?)?)
    }
}

/// 32 random bytes as text.
pub(super) fn random_text() -> anyhow::Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(base64url_encode(&bytes))
}

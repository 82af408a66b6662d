//! Describing a server.

use std::collections::BTreeMap;

use etdi_events::Emitter;
use etdi_types::{Jwk, KeyError, Provider, ResourceUri, SecurityLevel, SigningKey, VerifyingKey};

use crate::{
    BuildError, SecureServer, ToolSpec,
    catalog::Catalog,
    presigned::{self, SignedDefinition},
    report::Reporter,
    sign::Origin,
};

/// A server that holds the publisher's key and signs what it serves.
#[derive(Debug)]
pub struct Live {
    provider: Provider,
    key: SigningKey,
    tools: Vec<(String, ToolSpec)>,
}

/// A server that holds no key and serves what was signed at build time.
#[derive(Debug)]
pub struct Presigned {
    tools: BTreeMap<String, SignedDefinition>,
    publisher: Option<(Jwk, VerifyingKey)>,
}

/// Describes a [`SecureServer`]. [`SecureServer::builder`] and [`SecureServer::presigned`] make it.
#[derive(Debug)]
#[must_use]
pub struct SecureServerBuilder<S = Live> {
    source: S,
    addresses: Vec<String>,
    stdio: bool,
    allow_unsigned: bool,
    level: SecurityLevel,
    emitter: Option<Emitter>,
}

impl<S> SecureServerBuilder<S> {
    /// Names a resource URI (RFC 8707) that this server is reached at. Definitions then say that
    /// they belong there, and clients take them for an impostor's anywhere else. May be called for
    /// several; [`SecureServer::served_at`] does the same later.
    pub fn served_at(mut self, uri: impl Into<String>) -> Self {
        self.addresses.push(uri.into());
        self
    }

    /// Lets this server's definitions be served on stdio too. Needed only beside
    /// [`served_at`](Self::served_at): definitions that name no server may be served anywhere.
    pub fn stdio(mut self) -> Self {
        self.stdio = true;
        self
    }

    /// Serves tools that are not declared, unsigned and as they are. Otherwise a listing with such
    /// a tool is refused.
    pub fn allow_unsigned(mut self) -> Self {
        self.allow_unsigned = true;
        self
    }

    /// The security level, [`SecurityLevel::Enhanced`] if unset.
    pub fn level(mut self, level: SecurityLevel) -> Self {
        self.level = level;
        self
    }

    /// Reports calls and refusals to `emitter`.
    pub fn events(mut self, emitter: Emitter) -> Self {
        self.emitter = Some(emitter);
        self
    }

    fn new(source: S) -> Self {
        Self {
            source,
            addresses: Vec::new(),
            stdio: false,
            allow_unsigned: false,
            level: SecurityLevel::default(),
            emitter: None,
        }
    }

    fn servers(&self) -> Result<Vec<String>, BuildError> {
        if self.level == SecurityLevel::Strict {
            return Err(BuildError::NeedsCallProofs { what: "the level Strict".to_owned() });
        }
        let mut servers = Vec::new();
        for address in &self.addresses {
            let address = normal(address)?;
            if !servers.contains(&address) {
                servers.push(address);
            }
        }
        if self.stdio {
            servers.push("stdio".to_owned());
        }
        Ok(servers)
    }
}

impl SecureServerBuilder<Live> {
    pub(crate) fn live(provider: Provider, key: SigningKey) -> Self {
        Self::new(Live { provider, key, tools: Vec::new() })
    }

    /// Declares a tool by the name under which the handler lists it.
    pub fn tool(mut self, name: impl Into<String>, spec: ToolSpec) -> Self {
        self.source.tools.push((name.into(), spec));
        self
    }

    /// Builds the server.
    ///
    /// # Errors
    /// A [`BuildError`] for whatever it could not do: nothing is published in part.
    #[expect(
        clippy::unused_async,
        reason = "a server that attests asks its identity provider here"
    )]
    pub async fn build(self) -> Result<SecureServer, BuildError> {
        let servers = self.servers()?;
        let Live { provider, key, tools } = self.source;
        let mut origins: BTreeMap<String, Origin> = BTreeMap::new();
        for (name, spec) in tools {
            let spec = spec.resolve(&name, &provider)?;
            refuse_same_id(&origins, &name, spec.id.as_str())?;
            if origins.insert(name.clone(), Origin::Live(spec.into())).is_some() {
                return Err(BuildError::DeclaredTwice(name));
            }
        }
        let catalog = Catalog::new(Some(key), origins, servers, self.allow_unsigned);
        Ok(SecureServer::new(catalog, Some(provider), Reporter::new(self.emitter)))
    }
}

impl SecureServerBuilder<Presigned> {
    pub(crate) fn presigned(text: &str) -> Result<Self, BuildError> {
        Ok(Self::new(Presigned { tools: presigned::parse(text)?, publisher: None }))
    }

    /// Verifies the signatures with the publisher's public key when the server is built.
    ///
    /// # Errors
    /// A [`KeyError`] if the key cannot be used.
    pub fn publisher(mut self, key: &Jwk) -> Result<Self, KeyError> {
        self.source.publisher = Some((key.clone(), key.verifying_key()?));
        Ok(self)
    }

    /// Builds the server.
    ///
    /// # Errors
    /// A [`BuildError`] if it was signed for other servers, or if a signature does not verify.
    #[expect(clippy::unused_async, reason = "both kinds of server are built alike")]
    pub async fn build(self) -> Result<SecureServer, BuildError> {
        let servers = self.servers()?;
        let Presigned { tools, publisher } = self.source;
        for tool in tools.values() {
            for server in &servers {
                tool.refuse_other_server(server)?;
            }
            if let Some((jwk, key)) = &publisher {
                tool.verify(jwk, key)?;
            }
        }
        let origins = tools.into_iter().map(|(name, tool)| (name, Origin::Presigned(tool.into())));
        let catalog = Catalog::new(None, origins.collect(), servers, self.allow_unsigned);
        Ok(SecureServer::new(catalog, None, Reporter::new(self.emitter)))
    }
}

/// The address as definitions name it.
pub(crate) fn normal(address: &str) -> Result<String, BuildError> {
    match ResourceUri::parse(address) {
        Ok(uri) => Ok(uri.as_str().to_owned()),
        Err(error) => Err(BuildError::Address(error.to_string())),
    }
}

pub(crate) fn refuse_same_id<'a>(
    others: impl IntoIterator<Item = (&'a String, &'a Origin)>,
    name: &str,
    id: &str,
) -> Result<(), BuildError> {
    let same = others.into_iter().find(|(other, origin)| {
        *other != name && matches!(origin, Origin::Live(spec) if spec.id.as_str() == id)
    });
    match same {
        Some((other, _)) => Err(BuildError::IdTwice(other.clone(), name.to_owned())),
        None => Ok(()),
    }
}

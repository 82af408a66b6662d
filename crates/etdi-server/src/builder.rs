//! The builder of a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use etdi_events::Emitter;
use etdi_oauth::{BearerToken, Expectations, OAuthProvider, ProviderRegistry};
use etdi_types::{
    Clock, Jwk, KeyError, Provider, ResourceUri, SecurityLevel, SigningKey, SystemClock,
    VerifyingKey,
};
use parking_lot::Mutex;

use crate::attest::Attestor;
use crate::authorize::{self, Authorization, Authorizer};
use crate::catalog::Catalog;
use crate::error::ServerBuildError;
use crate::presigned::{self, SignedDefinition};
use crate::report::ServerReporter;
use crate::requirement::Requirement;
use crate::server::{SecureServer, SharedServer};
use crate::sign::DefinitionSource;
use crate::spec::{Resolved, ToolSpec};

/// A server that holds the publisher's key and signs its definitions.
#[derive(Debug)]
pub struct Live {
    provider: Provider,
    key: SigningKey,
    tools: Vec<(String, ToolSpec)>,
    attester: Option<Arc<dyn OAuthProvider>>,
    binds_key: bool,
}

/// A server without a key, whose definitions were signed at build time.
#[derive(Debug)]
pub struct Presigned {
    tools: BTreeMap<String, SignedDefinition>,
    publisher: Option<(Jwk, VerifyingKey)>,
    /// (tool, scope). Without a scope, any valid token is enough.
    requirements: Vec<(String, Option<String>)>,
}

/// The description of a [`SecureServer`]. [`SecureServer::builder`] and [`SecureServer::presigned`]
/// make it.
#[derive(Debug)]
#[must_use]
pub struct SecureServerBuilder<S = Live> {
    source: S,
    addresses: Vec<String>,
    stdio: bool,
    allow_unsigned: bool,
    level: SecurityLevel,
    emitter: Option<Emitter>,
    clock: Arc<dyn Clock>,
    authorizer: Option<Authorizer>,
    audience: Option<String>,
    access_token: Option<BearerToken>,
}

impl<S> SecureServerBuilder<S> {
    /// Adds a resource URI (RFC 8707) at which clients reach this server. Definitions then name the
    /// address: a client that gets them from any other address takes the server for an impostor.
    /// Call this once for each address. [`SecureServer::served_at`] does the same after the server
    /// is built.
    pub fn served_at(mut self, uri: impl Into<String>) -> Self {
        self.addresses.push(uri.into());
        self
    }

    /// Lets this server's definitions be served on stdio too. Needed only together with
    /// [`served_at`](Self::served_at): definitions that do not name a server may be served
    /// anywhere.
    pub fn stdio(mut self) -> Self {
        self.stdio = true;
        self
    }

    /// Serves tools that are not declared, unsigned and unchanged. Without this option, a listing
    /// with an undeclared tool is refused.
    pub fn allow_unsigned(mut self) -> Self {
        self.allow_unsigned = true;
        self
    }

    /// Sets the security level. The default is [`SecurityLevel::Enhanced`].
    pub fn level(mut self, level: SecurityLevel) -> Self {
        self.level = level;
        self
    }

    /// Reports calls and refusals to `emitter`.
    pub fn events(mut self, emitter: Emitter) -> Self {
        self.emitter = Some(emitter);
        self
    }

    /// Lets this identity provider judge the access tokens of callers, instead of the provider of
    /// [`attest_with`](SecureServerBuilder::attest_with).
    pub fn authorize_with(mut self, provider: impl OAuthProvider + 'static) -> Self {
        self.authorizer = Some(Authorizer::One(Arc::new(provider)));
        self
    }

    /// Lets each of these identity providers judge the access tokens that it issued.
    pub fn authorize_with_any_of(mut self, providers: ProviderRegistry) -> Self {
        self.authorizer = Some(Authorizer::Any(providers));
        self
    }

    /// Sets the audience of access tokens, compared as bytes: the identifier that the API has at its
    /// issuer. Over HTTP, tokens for the resource URI of [`SecureServer::auth_layer`] are accepted
    /// too, because standard MCP clients ask for these; without this method, they are the only ones.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets the access token by which calls on stdio are authorized. The token is validated when
    /// the server is built, and its expiry is checked at each call. Without a token, tools that
    /// require one cannot be called on stdio. Calls over HTTP never use this token.
    pub fn access_token(mut self, token: BearerToken) -> Self {
        self.access_token = Some(token);
        self
    }

    /// Sets the [`access_token`](Self::access_token) from the variable
    /// [`ETDI_ACCESS_TOKEN`](crate::ACCESS_TOKEN_VARIABLE), if it is set.
    pub fn access_token_from_env(mut self) -> Self {
        self.access_token = authorize::access_token_from_env().or(self.access_token);
        self
    }

    /// Sets the clock. The default is the system's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
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
            clock: Arc::new(SystemClock),
            authorizer: None,
            audience: None,
            access_token: None,
        }
    }

    /// Validates the access token of the process, if it has one, and returns the rules for callers.
    /// Returns `None` without an authorizer.
    async fn authorization(
        authorizer: Option<Authorizer>,
        audience: Option<String>,
        token: Option<BearerToken>,
        resource: Option<&String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Authorization>, ServerBuildError> {
        let Some(authorizer) = authorizer else { return Ok(None) };
        let process = match token {
            None => None,
            Some(token) => {
                let audience =
                    audience.as_ref().or(resource).ok_or(ServerBuildError::NoAudience)?;
                let expected = Expectations::audience(audience);
                let principal = authorizer.validate(&token, &expected).await;
                Some(principal.map_err(|error| ServerBuildError::AccessToken(Box::new(error)))?)
            }
        };
        Ok(Some(Authorization { authorizer, audience, clock, process }))
    }

    fn servers(&self) -> Result<Vec<String>, ServerBuildError> {
        if self.level == SecurityLevel::Strict {
            return Err(ServerBuildError::NeedsCallProofs { what: "the level Strict".to_owned() });
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
        let (tools, attester) = (Vec::new(), None);
        Self::new(Live { provider, key, tools, attester, binds_key: false })
    }

    /// Publishes an attestation by this identity provider with the signatures: one token for all
    /// tools, renewed before it expires. The attestation binds the definitions' digests if the
    /// provider is configured with a [claim](etdi_oauth::AttestationConfig::claim) for them, and
    /// otherwise the signing key, by DPoP (RFC 9449).
    ///
    /// [`SecureServer::check`] obtains the attestation. Tools that cannot be attested are not
    /// served. If the provider has no [audience for
    /// attestations](etdi_oauth::OAuthConfig::attestations), the server publishes signed,
    /// unattested definitions, and reports this in the log and in a `provider_error` event of the
    /// code `unattested`.
    ///
    /// The provider also judges the access tokens of callers, unless
    /// [`authorize_with`](Self::authorize_with) names another.
    pub fn attest_with(mut self, provider: impl OAuthProvider + 'static) -> Self {
        self.source.attester = Some(Arc::new(provider));
        self
    }

    /// Demands that the attestation binds the signing key too, if it binds digests. The identity
    /// provider must accept DPoP proofs.
    pub fn attest_key(mut self) -> Self {
        self.source.binds_key = true;
        self
    }

    /// Declares a tool by the name under which the handler lists it.
    pub fn tool(mut self, name: impl Into<String>, spec: ToolSpec) -> Self {
        self.source.tools.push((name.into(), spec));
        self
    }

    /// Builds the server.
    ///
    /// # Errors
    /// A [`ServerBuildError`] if any part of the description cannot be met. The server is then not
    /// built at all.
    pub async fn build(self) -> Result<SecureServer, ServerBuildError> {
        let servers = self.servers()?;
        let Live { provider, key, tools, attester, binds_key } = self.source;
        let authorizer = self.authorizer.or_else(|| attester.clone().map(Authorizer::One));
        let mut origins: BTreeMap<String, DefinitionSource> = BTreeMap::new();
        let mut requirements = Vec::new();
        for (name, spec) in tools {
            let Resolved { definition, requirement } =
                spec.resolve(&name, &provider, authorizer.is_some())?;
            refuse_same_id(&origins, &name, definition.id.as_str())?;
            if origins.insert(name.clone(), DefinitionSource::Live(definition.into())).is_some() {
                return Err(ServerBuildError::DeclaredTwice(name));
            }
            requirements.push((name, requirement));
        }
        let reporter = ServerReporter::new(self.emitter);
        let attestor = match attester {
            Some(provider) => {
                let clock = Arc::clone(&self.clock);
                let attestor = Attestor::new(provider, key.clone(), binds_key, clock);
                attestor.if_able(&reporter).await?
            }
            None => None,
        };
        let (audience, token) = (self.audience, self.access_token);
        let resource = servers.iter().find(|server| *server != "stdio");
        let authorization =
            Self::authorization(authorizer, audience, token, resource, self.clock).await?;
        let mut catalog = Catalog::new(Some(key), origins, servers, self.allow_unsigned);
        for (name, requirement) in requirements {
            catalog.require(&name, requirement);
        }
        let (catalog, provider) = (Mutex::new(catalog), Some(provider));
        Ok(SecureServer::new(SharedServer { catalog, provider, attestor, authorization, reporter }))
    }
}

impl SecureServerBuilder<Presigned> {
    pub(crate) fn presigned(text: &str) -> Result<Self, ServerBuildError> {
        Ok(Self::new(Presigned {
            tools: presigned::parse(text)?,
            publisher: None,
            requirements: Vec::new(),
        }))
    }

    /// Restricts calls of the tool to callers whose access token has this scope, like
    /// [`ToolSpec::requires`]. Declare the scope as a [permission](ToolSpec::permission) when the
    /// tool is signed.
    pub fn requires(mut self, tool: impl Into<String>, scope: impl Into<String>) -> Self {
        self.source.requirements.push((tool.into(), Some(scope.into())));
        self
    }

    /// Restricts calls of the tool to callers with a valid access token, like
    /// [`ToolSpec::require_auth`].
    pub fn require_auth(mut self, tool: impl Into<String>) -> Self {
        self.source.requirements.push((tool.into(), None));
        self
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
    /// A [`ServerBuildError`] if any part of the description cannot be met, for example if the
    /// tools were signed for other servers, or if a signature does not verify.
    pub async fn build(self) -> Result<SecureServer, ServerBuildError> {
        let servers = self.servers()?;
        let Presigned { tools, publisher, requirements } = self.source;
        for tool in tools.values() {
            for server in &servers {
                tool.refuse_other_server(server)?;
            }
            if let Some((jwk, key)) = &publisher {
                tool.verify(jwk, key)?;
            }
        }
        let requirements = collect(requirements, &tools, self.authorizer.is_some())?;
        let (audience, token) = (self.audience, self.access_token);
        let resource = servers.iter().find(|server| *server != "stdio");
        let authorization =
            Self::authorization(self.authorizer, audience, token, resource, self.clock).await?;
        let origins =
            tools.into_iter().map(|(name, tool)| (name, DefinitionSource::Presigned(tool.into())));
        let mut catalog = Catalog::new(None, origins.collect(), servers, self.allow_unsigned);
        for (name, requirement) in requirements {
            catalog.require(&name, Some(requirement));
        }
        let (catalog, reporter) = (Mutex::new(catalog), ServerReporter::new(self.emitter));
        let (provider, attestor) = (None, None);
        Ok(SecureServer::new(SharedServer { catalog, provider, attestor, authorization, reporter }))
    }
}

/// Collects the requirements for the callers of each tool.
fn collect(
    listed: Vec<(String, Option<String>)>,
    tools: &BTreeMap<String, SignedDefinition>,
    authorizes: bool,
) -> Result<BTreeMap<String, Requirement>, ServerBuildError> {
    let mut requirements: BTreeMap<String, Requirement> = BTreeMap::new();
    for (tool, scope) in listed {
        if !tools.contains_key(&tool) {
            return Err(ServerBuildError::NotSigned(tool));
        }
        if !authorizes {
            return Err(ServerBuildError::NoIdentityProvider { tool });
        }
        let requirement = requirements.entry(tool.clone()).or_default();
        if let Some(scope) = scope {
            requirement
                .add(&scope)
                .map_err(|source| ServerBuildError::Malformed { tool, source })?;
        }
    }
    Ok(requirements)
}

/// Returns the address in the form that definitions use.
pub(crate) fn normal(address: &str) -> Result<String, ServerBuildError> {
    match ResourceUri::parse(address) {
        Ok(uri) => Ok(uri.as_str().to_owned()),
        Err(error) => Err(ServerBuildError::Address(error.to_string())),
    }
}

pub(crate) fn refuse_same_id<'a>(
    others: impl IntoIterator<Item = (&'a String, &'a DefinitionSource)>,
    name: &str,
    id: &str,
) -> Result<(), ServerBuildError> {
    let same = others.into_iter().find(|(other, origin)| {
        *other != name && matches!(origin, DefinitionSource::Live(spec) if spec.id.as_str() == id)
    });
    match same {
        Some((other, _)) => Err(ServerBuildError::IdTwice(other.clone(), name.to_owned())),
        None => Ok(()),
    }
}

//! Describing a server.

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

/// A server that holds the publisher's key and signs what it serves.
#[derive(Debug)]
pub struct Live {
    provider: Provider,
    key: SigningKey,
    tools: Vec<(String, ToolSpec)>,
    attester: Option<Arc<dyn OAuthProvider>>,
    binds_key: bool,
}

/// A server that holds no key and serves what was signed at build time.
#[derive(Debug)]
pub struct Presigned {
    tools: BTreeMap<String, SignedDefinition>,
    publisher: Option<(Jwk, VerifyingKey)>,
    /// (tool, scope); without a scope, any valid token does.
    requirements: Vec<(String, Option<String>)>,
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
    clock: Arc<dyn Clock>,
    authorizer: Option<Authorizer>,
    audience: Option<String>,
    access_token: Option<BearerToken>,
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

    /// Lets this identity provider judge the access tokens of callers, in place of the one of
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

    /// What access tokens must be for, compared as bytes: the identifier of the API. Unset, they
    /// must be for the resource URI that they are presented to.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Whom calls on stdio speak for: an access token, which is validated when the server is built,
    /// and whose expiry is judged at each call. Without one, tools that require something cannot be
    /// called on stdio. Calls over HTTP never speak for it.
    pub fn access_token(mut self, token: BearerToken) -> Self {
        self.access_token = Some(token);
        self
    }

    /// [`access_token`](Self::access_token) from the variable
    /// [`ETDI_ACCESS_TOKEN`](crate::ACCESS_TOKEN_VARIABLE), if it is set.
    pub fn access_token_from_env(mut self) -> Self {
        self.access_token = authorize::access_token_from_env().or(self.access_token);
        self
    }

    /// The clock. The system's unless set.
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

    /// What judges callers, and whom the process speaks for.
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

    /// Publishes an attestation by this identity provider beside the signatures: one token for all
    /// tools, renewed before it expires. It binds the definitions' digests where the provider is
    /// configured with a [claim](etdi_oauth::AttestationConfig::claim) for them, and otherwise the
    /// signing key, by DPoP (RFC 9449).
    ///
    /// [`SecureServer::check`] obtains it. What cannot be attested is not served. A provider without
    /// an [audience for attestations](etdi_oauth::OAuthConfig::attestations) makes the server publish
    /// signed, unattested definitions; the log and a `provider_error` event of the code `unattested`
    /// say so.
    ///
    /// The provider also judges the access tokens of callers, unless
    /// [`authorize_with`](Self::authorize_with) names another.
    pub fn attest_with(mut self, provider: impl OAuthProvider + 'static) -> Self {
        self.source.attester = Some(Arc::new(provider));
        self
    }

    /// Demands that the attestation binds the signing key too, where it binds digests. The identity
    /// provider must take DPoP proofs.
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
    /// A [`ServerBuildError`] for whatever it could not do: nothing is published in part.
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

    /// Lets only callers whose access token has this scope call the tool, as
    /// [`ToolSpec::requires`] does. Declare the scope as a
    /// [permission](ToolSpec::permission) where the tool is signed.
    pub fn requires(mut self, tool: impl Into<String>, scope: impl Into<String>) -> Self {
        self.source.requirements.push((tool.into(), Some(scope.into())));
        self
    }

    /// Lets only callers with a valid access token call the tool, as [`ToolSpec::require_auth`]
    /// does.
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
    /// A [`ServerBuildError`] if it was signed for other servers, or if a signature does not verify.
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

/// What is demanded of the callers of each tool.
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

/// The address as definitions name it.
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

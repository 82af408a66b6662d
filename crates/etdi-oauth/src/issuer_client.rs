//! One issuer with this program as its client: the part that all providers share.

use std::collections::BTreeSet;
use std::sync::Arc;

use etdi_events::{TokenAcquired, TokenExpired, TokenRefreshed, TokenValidated};
use etdi_types::Scope;
use etdi_types::trust::{IssuerKind, TrustedIssuer};
use futures::FutureExt;
use secrecy::ExposeSecret;
use serde_json::json;
use time::OffsetDateTime;

use crate::attestation::{Attested, WantedBindings, check_own};
use crate::cache::{Occasion, Perishable, TokenCache, TokenKey};
use crate::config::{ConfigError, OAuthConfig};
use crate::discovery::{DiscoveryError, discover};
use crate::error::OAuthError;
use crate::grant::{GrantRequest, Granted, grant};
use crate::http::HttpClient;
use crate::introspection::{Introspection, introspect, revoke};
use crate::issuer_http::IssuerHttp;
use crate::jwks::{JwksClient, JwksError};
use crate::jwt::Jwt;
use crate::presented::{NotVerified, PresentedTokens};
use crate::request::{AttestationRequest, TokenRequest};
use crate::token::{AccessToken, AttestationToken, BearerToken};
use crate::validation::{Expectations, Principal, VerifiedToken};
use crate::vendor::{AudienceParameter, scope_remedy, vendor};

pub(crate) struct IssuerClient {
    http: IssuerHttp,
    jwks: JwksClient,
    tokens: Arc<TokenCache<AccessToken>>,
    attestations: Arc<TokenCache<AttestationToken>>,
    presented: PresentedTokens,
}

impl IssuerClient {
    /// Finds the endpoints and fetches the keys. Fails if it cannot get both, so a provider is
    /// ready as soon as it exists.
    pub(crate) async fn initialize(
        config: OAuthConfig,
        kind: IssuerKind,
    ) -> Result<Arc<Self>, OAuthError> {
        config.check(kind)?;
        let issuer = config.issuer().to_owned();
        let remedy = vendor(kind).unreachable_remedy(&issuer);
        let http = HttpClient::new(config.network.clone())
            .map_err(|source| OAuthError::Unreachable { source, remedy })?;
        let discovered = |source| match source {
            DiscoveryError::Http { source, .. } if source.is_transient() => {
                OAuthError::Unreachable { source, remedy }
            }
            source => OAuthError::Discovery { source, remedy },
        };
        let endpoints = match &config.endpoints {
            Some(endpoints) => endpoints.clone(),
            None => {
                let find = || discover(&http, &issuer);
                let found = config.retry.repeat(find, DiscoveryError::is_transient).await;
                found.map_err(discovered)?
            }
        };
        endpoints
            .check(&http)
            .map_err(|source| DiscoveryError::Endpoint { issuer: issuer.clone(), source })
            .map_err(discovered)?;
        let clock = Arc::clone(&config.clock);
        let jwks = JwksClient::with_http(endpoints.jwks.clone(), http.clone(), Arc::clone(&clock))
            .map_err(|source| OAuthError::Jwks { source, remedy })?;
        let this = Self {
            http: IssuerHttp::new(config, endpoints, http),
            jwks,
            tokens: Arc::new(TokenCache::new(Arc::clone(&clock))),
            attestations: Arc::new(TokenCache::new(clock)),
            presented: PresentedTokens::new(),
        };
        let retry = &this.http.config.retry;
        let refreshed = retry.repeat(|| this.jwks.refresh(), JwksError::is_transient).await;
        let keys = refreshed.map_err(|source| this.http.failed(this.jwks_error(source)))?;
        tracing::debug!(issuer, keys = keys.keys().len(), "the provider is ready");
        Ok(Arc::new(this))
    }

    pub(crate) fn config(&self) -> &OAuthConfig {
        &self.http.config
    }

    pub(crate) fn jwks(&self) -> &JwksClient {
        &self.jwks
    }

    pub(crate) fn issuer(&self) -> &str {
        self.http.issuer()
    }

    pub(crate) fn kind(&self) -> IssuerKind {
        self.http.kind()
    }

    pub(crate) async fn token(
        self: &Arc<Self>,
        request: &TokenRequest,
    ) -> Result<AccessToken, OAuthError> {
        let audience = request.audience.as_ref().or(self.http.config.audience.as_ref());
        let implied = self.http.config.audience_parameter == AudienceParameter::Implied;
        if audience.is_none() && !implied {
            return Err(ConfigError::NoAudience.into());
        }
        if let Some(bad) = request.scopes.iter().find(|s| s.parse::<Scope>().is_err()) {
            return Err(ConfigError::Scope(bad.clone()).into());
        }
        if self.is_for_attestations(audience) {
            return Err(
                ConfigError::AttestationAudience(audience.cloned().unwrap_or_default()).into()
            );
        }
        let wanted = GrantRequest {
            audience: audience.cloned(),
            scopes: request.scopes.clone(),
            parameters: Vec::new(),
            key: None,
        };
        let (this, tool) = (Arc::clone(self), request.tool.clone());
        let obtain = |occasion| async move { this.acquire(wanted, occasion, tool).await }.boxed();
        let key = self.token_key(audience, &request.scopes, None, &[])?;
        self.tokens.get(key, obtain).await
    }

    pub(crate) async fn attestation(
        self: &Arc<Self>,
        request: &AttestationRequest,
    ) -> Result<AttestationToken, OAuthError> {
        let config = self.http.config.attestation.as_ref();
        let config = config.ok_or(ConfigError::NoAttestations)?;
        let claim = config.claim.clone().filter(|_| !request.definitions.is_empty());
        if claim.is_none() && request.key.is_none() {
            return Err(ConfigError::NoBinding.into());
        }
        let mut parameters = Vec::new();
        if claim.is_some() {
            let listed: Vec<_> = request
                .definitions
                .iter()
                .map(|(id, version, digest)| json!({ "id": id, "version": version.to_string(), "digest": digest }))
                .collect();
            parameters.push((config.parameter.clone(), json!(listed).to_string()));
        }
        let thumbprint = request.key.as_ref().map(|key| key.public_jwk().thumbprint());
        let audience = config.audience.clone();
        let no_scopes = Default::default();
        let key = self.token_key(Some(&audience), &no_scopes, thumbprint, &parameters)?;
        let wanted = GrantRequest {
            audience: Some(audience),
            scopes: no_scopes,
            parameters,
            key: request.key.clone(),
        };
        let (this, request) = (Arc::clone(self), request.clone());
        let obtain =
            |occasion| async move { this.attest(wanted, occasion, request, claim).await }.boxed();
        self.attestations.get(key, obtain).await
    }

    pub(crate) async fn validate(
        &self,
        token: &BearerToken,
        expected: &Expectations,
    ) -> Result<Principal, OAuthError> {
        let verified = self.verify(token.expose()).await?;
        let principal = verified.check(expected, self.http.now())?;
        tracing::debug!(issuer = self.issuer(), subject = principal.subject(), "a token is valid");
        self.http.emit(|| {
            let (issuer, subject) = (principal.issuer(), principal.subject());
            let audience = expected.accepted(principal.audience()).cloned().unwrap_or_default();
            let expires = principal.expires_at();
            let mut validated = TokenValidated::new(issuer, subject, audience, expires);
            validated.client = principal.client().map(str::to_owned);
            validated.scopes = principal.scopes().iter().cloned().collect();
            validated
        });
        Ok(principal)
    }

    /// Drops every token from all caches.
    pub(crate) fn clear(&self) {
        self.tokens.clear();
        self.attestations.clear();
        self.presented.clear();
    }

    pub(crate) async fn introspect(
        &self,
        token: &BearerToken,
    ) -> Result<Introspection, OAuthError> {
        introspect(&self.http, token).await
    }

    /// Drops one token from the cache.
    pub(crate) fn forget(&self, token: &BearerToken) {
        self.tokens.forget(|kept| kept.expose() == token.expose());
    }

    /// Revokes the token. This program forgets and refuses the token even if the issuer does not
    /// revoke it.
    pub(crate) async fn revoke(&self, token: &BearerToken) -> Result<(), OAuthError> {
        self.presented.revoke(token.expose());
        self.forget(token);
        revoke(&self.http, token).await
    }

    async fn verify(&self, token: &str) -> Result<VerifiedToken, OAuthError> {
        let verified = self.presented.verify(token, &self.http.config.rules, &self.jwks).await;
        verified.map_err(|error| match error {
            NotVerified::Refused(error) => {
                tracing::debug!(issuer = self.issuer(), %error, "a token is refused");
                error.into()
            }
            NotVerified::NoKeys(error) => self.jwks_error(error),
        })
    }

    async fn acquire(
        &self,
        wanted: GrantRequest,
        occasion: Occasion,
        tool: Option<String>,
    ) -> Result<AccessToken, OAuthError> {
        tracing::debug!(
            issuer = self.issuer(),
            audience = wanted.audience,
            scopes = ?wanted.scopes,
            tool,
            ?occasion,
            "asking for an access token"
        );
        let granted = grant(&self.http, &wanted).await.map_err(|e| self.http.failed(e))?;
        let missing: Vec<_> = wanted.scopes.difference(&granted.scopes).cloned().collect();
        if !missing.is_empty() {
            return Err(self.http.failed(OAuthError::InsufficientScope {
                remedy: scope_remedy(self.kind(), &missing),
                missing,
                granted: granted.scopes.into_iter().collect(),
            }));
        }
        self.report(&wanted, &granted, occasion);
        Ok(AccessToken::granted(
            BearerToken::new(granted.token),
            self.issuer(),
            &self.http.client()?.id,
            wanted.audience,
            granted.scopes,
            granted.expires_at,
        ))
    }

    async fn attest(
        &self,
        wanted: GrantRequest,
        occasion: Occasion,
        request: AttestationRequest,
        claim: Option<String>,
    ) -> Result<AttestationToken, OAuthError> {
        tracing::debug!(
            issuer = self.issuer(),
            audience = wanted.audience,
            definitions = request.definitions.len(),
            key = wanted.key.as_ref().map(etdi_types::SigningKey::kid),
            ?occasion,
            "asking for an attestation"
        );
        let granted = grant(&self.http, &wanted).await.map_err(|e| self.http.failed(e))?;
        let text = granted.token.expose_secret();
        let mut issuer =
            TrustedIssuer::new(self.issuer(), self.kind()).with_client(&self.http.client()?.id);
        issuer.attestation_audience.clone_from(&wanted.audience);
        issuer.claim = claim;
        let attested = self
            .check_own(text, &issuer, &request)
            .await
            .map_err(|error| self.http.failed(error))?;
        let Some(binding) = attested.binding else {
            return Err(self.http.failed(ConfigError::NoBinding.into()));
        };
        self.report(&wanted, &granted, occasion);
        Ok(AttestationToken::checked(
            text.to_owned(),
            attested.issuer,
            attested.client,
            binding,
            granted.expires_at,
        ))
    }

    /// Validates an attestation before it is published, with the checks of clients.
    async fn check_own(
        &self,
        text: &str,
        issuer: &TrustedIssuer,
        request: &AttestationRequest,
    ) -> Result<Attested, OAuthError> {
        let kid = Jwt::parse(text)?.header.kid;
        let keys = self.jwks.keys_with(kid.as_deref()).await;
        let keys = keys.map_err(|error| self.jwks_error(error))?;
        let thumbprint = request.key.as_ref().map(|key| key.public_jwk().thumbprint());
        let wanted =
            WantedBindings { definitions: &request.definitions, key: thumbprint.as_deref() };
        let (rules, now) = (&self.http.config.rules, self.http.now());
        Ok(check_own(text, issuer, rules, &keys, &wanted, now)?)
    }

    fn jwks_error(&self, source: JwksError) -> OAuthError {
        match source {
            JwksError::Http(source) if source.is_transient() => self.http.unreachable(source),
            JwksError::Interrupted => OAuthError::Interrupted,
            source => OAuthError::Jwks { source, remedy: self.http.unreachable_remedy() },
        }
    }

    fn report(&self, wanted: &GrantRequest, granted: &Granted, occasion: Occasion) {
        let scopes = || granted.scopes.iter().cloned().collect::<Vec<_>>();
        let (issuer, audience) = (self.issuer().to_owned(), wanted.audience.clone());
        let client = self.config().client_id().unwrap_or_default().to_owned();
        let expires = granted.expires_at;
        tracing::debug!(issuer, audience, scopes = ?granted.scopes, %expires, "got a token");
        if let Occasion::Expired(since) = occasion {
            self.http.emit(|| {
                let mut expired = TokenExpired::new(issuer.clone(), since);
                expired.client = Some(client.clone());
                expired.audience = audience.clone();
                expired
            });
        }
        match occasion {
            Occasion::Renewal => self.http.emit(|| {
                let mut refreshed = TokenRefreshed::new(issuer, client, expires);
                refreshed.audience = audience;
                refreshed.scopes = scopes();
                refreshed
            }),
            Occasion::First | Occasion::Expired(_) => self.http.emit(|| {
                let mut acquired = TokenAcquired::new(issuer, client, expires);
                acquired.audience = audience;
                acquired.scopes = scopes();
                acquired
            }),
        }
    }

    fn is_for_attestations(&self, audience: Option<&String>) -> bool {
        let attestations = self.http.config.attestation.as_ref();
        attestations.is_some_and(|attestations| audience == Some(&attestations.audience))
    }

    fn token_key(
        &self,
        audience: Option<&String>,
        scopes: &BTreeSet<String>,
        key: Option<String>,
        parameters: &[(String, String)],
    ) -> Result<TokenKey, ConfigError> {
        Ok(TokenKey {
            issuer: self.issuer().to_owned(),
            client: self.http.client()?.id.clone(),
            audience: audience.cloned(),
            scopes: scopes.clone(),
            key,
            parameters: parameters.to_vec(),
        })
    }
}

impl Perishable for AccessToken {
    fn expires_at(&self) -> OffsetDateTime {
        AccessToken::expires_at(self)
    }
}

impl Perishable for AttestationToken {
    fn expires_at(&self) -> OffsetDateTime {
        AttestationToken::expires_at(self)
    }
}

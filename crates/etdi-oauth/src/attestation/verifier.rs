//! A client's side: finds the keys of the issuers that a trust configuration names, and validates
//! attestations with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use etdi_types::Clock;
use etdi_types::evidence::AttestationEvidence;
use etdi_types::text::escaped;
use etdi_types::trust::{IssuerKind, TrustedIssuer, TrustedProvider};
use time::OffsetDateTime;

use super::{AttestationError, AttestedDefinition, check_attestation};
use crate::claims;
use crate::discovery::{Endpoints, discover};
use crate::error::OAuthError;
use crate::flight::{Flights, Step};
use crate::http::{Http, HttpError};
use crate::jwks::JwksClient;
use crate::jwt::Jwt;
use crate::remedy;
use crate::validation::{TokenError, object};

/// How long a failed discovery is not tried again.
const FAILURE_HOLDS: time::Duration = time::Duration::seconds(30);

/// Validates attestations with the trust configuration alone: issuers' keys are found by discovery,
/// each issuer's once. Cheap to clone.
#[derive(Clone)]
pub struct AttestationVerifier(Arc<Shared>);

struct Shared {
    http: Http,
    clock: Arc<dyn Clock>,
    found: Mutex<HashMap<String, Found>>,
    flights: Flights<String, JwksClient, OAuthError>,
}

enum Found {
    Keys(JwksClient),
    Failed(OAuthError, OffsetDateTime),
}

impl AttestationVerifier {
    /// A verifier that asks issuers as `network` allows.
    ///
    /// # Errors
    /// [`HttpError::Tls`] if TLS cannot be set up.
    pub fn new(network: crate::Network, clock: impl Clock + 'static) -> Result<Self, HttpError> {
        Ok(Self(Arc::new(Shared {
            http: Http::new(network)?,
            clock: Arc::new(clock),
            found: Mutex::default(),
            flights: Flights::default(),
        })))
    }

    /// What `token` is worth beside `definition`, to whoever trusts `provider` as configured.
    ///
    /// Only issuers of the entry are asked, and stale keys are not used: what cannot be checked is
    /// [`AttestationEvidence::Unchecked`].
    pub async fn evidence(
        &self,
        token: &str,
        provider: &TrustedProvider,
        definition: &AttestedDefinition<'_>,
    ) -> AttestationEvidence {
        let (claimed, kid) = match claimed_issuer(token) {
            Ok(claimed) => claimed,
            Err(error) => return AttestationEvidence::Bad(error.to_string()),
        };
        let issuer = provider.issuers.iter().find(|one| one.issuer == claimed);
        let Some(issuer) = issuer else {
            let claimed = escaped(&claimed);
            return if provider.issuers.is_empty() {
                AttestationEvidence::Unchecked(format!(
                    "the provider's trust entry names no issuer, and the attestation is by \"{claimed}\""
                ))
            } else {
                AttestationEvidence::Bad(format!(
                    "it is by the issuer \"{claimed}\", which the provider's trust entry does not name"
                ))
            };
        };
        match self.check(token, kid.as_deref(), issuer, definition).await {
            Ok(evidence) => evidence,
            Err(error) => {
                tracing::debug!(issuer = issuer.issuer, %error, "an attestation could not be checked");
                AttestationEvidence::Unchecked(error.to_string())
            }
        }
    }

    /// The keys of an issuer, found by discovery if need be.
    ///
    /// # Errors
    /// An [`OAuthError`] if its `jwks_uri` cannot be found.
    pub async fn keys_of(&self, issuer: &TrustedIssuer) -> Result<JwksClient, OAuthError> {
        let shared = &self.0;
        if let Some(answer) = shared.at_hand(&issuer.issuer) {
            return answer;
        }
        let (name, kind) = (issuer.issuer.clone(), issuer.kind);
        shared
            .flights
            .join(name.clone(), || match shared.at_hand(&name) {
                Some(answer) => Step::Done(answer),
                None => {
                    let shared = Arc::clone(shared);
                    Step::Run(Box::pin(async move { shared.find(name, kind).await }))
                }
            })
            .await
    }

    async fn check(
        &self,
        token: &str,
        kid: Option<&str>,
        issuer: &TrustedIssuer,
        definition: &AttestedDefinition<'_>,
    ) -> Result<AttestationEvidence, OAuthError> {
        let jwks = self.keys_of(issuer).await?;
        let unavailable = |source| OAuthError::Jwks {
            source,
            remedy: remedy::unreachable(issuer.kind, &issuer.issuer),
        };
        let keys = jwks.fresh_keys().await.map_err(unavailable)?;
        let check = |keys| check_attestation(token, issuer, keys, definition, self.0.clock.now());
        let result = match check(&keys) {
            // Everything that does not depend on the key is good, so the keys may have changed.
            Err(AttestationError::Token(
                TokenError::UnknownKey { .. } | TokenError::KeyWithdrawn { .. },
            )) => check(&*jwks.keys_with(kid).await.map_err(unavailable)?),
            result => result,
        };
        Ok(match result {
            Ok(attested) => attested.into(),
            Err(error) => error.into_evidence(&issuer.issuer),
        })
    }
}

impl Shared {
    fn at_hand(&self, issuer: &str) -> Option<Result<JwksClient, OAuthError>> {
        let now = self.clock.now();
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match found.get(issuer)? {
            Found::Keys(jwks) => Some(Ok(jwks.clone())),
            Found::Failed(error, at) if *at <= now && now - *at < FAILURE_HOLDS => {
                Some(Err(error.clone()))
            }
            Found::Failed(..) => None,
        }
    }

    async fn find(&self, issuer: String, kind: IssuerKind) -> Result<JwksClient, OAuthError> {
        let result = self.jwks_client(&issuer, kind).await;
        let found = match &result {
            Ok(jwks) => Found::Keys(jwks.clone()),
            Err(error) => Found::Failed(error.clone(), self.clock.now()),
        };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(issuer, found);
        result
    }

    async fn jwks_client(&self, issuer: &str, kind: IssuerKind) -> Result<JwksClient, OAuthError> {
        let remedy = remedy::unreachable(kind, issuer);
        let endpoints = match kind {
            IssuerKind::Auth0 if issuer.ends_with('/') => Endpoints::auth0(issuer),
            _ => discover(&self.http, issuer)
                .await
                .map_err(|source| OAuthError::Discovery { source, remedy })?,
        };
        JwksClient::with_http(endpoints.jwks, self.http.clone(), Arc::clone(&self.clock))
            .map_err(|source| OAuthError::Jwks { source, remedy })
    }
}

impl std::fmt::Debug for AttestationVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttestationVerifier").finish_non_exhaustive()
    }
}

/// What the token says of its issuer and its key: unverified, to know whom to ask.
fn claimed_issuer(token: &str) -> Result<(String, Option<String>), TokenError> {
    let jwt = Jwt::parse(token)?;
    let claims = jwt.claims()?;
    let issuer = claims::issuer(object(&claims)?)?;
    Ok((issuer, jwt.header.kid))
}

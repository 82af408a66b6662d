//! The client's check of attestations. Finds the keys of the issuers in a trust configuration, and
//! validates attestations with these keys.

use std::collections::HashMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use etdi_types::Clock;
use etdi_types::evidence::AttestationEvidence;
use etdi_types::text::escaped;
use etdi_types::trust::{IssuerKind, TrustedIssuer, TrustedProvider};
use parking_lot::Mutex;
use time::OffsetDateTime;

use crate::attestation::{AttestationError, AttestedDefinition, check_attestation};
use crate::discovery::discover;
use crate::error::OAuthError;
use crate::flight::{Flight, Flights};
use crate::http::{HttpClient, HttpError, Network};
use crate::instants::between;
use crate::jwks::JwksClient;
use crate::jwt::claimed_issuer;
use crate::token_error::TokenError;
use crate::vendor::vendor;

/// The time for which a failed discovery is not tried again.
const FAILURE_HOLDS: Duration = Duration::from_secs(30);

/// Validates attestations. Needs only a trust configuration: the verifier finds the address of each
/// issuer's keys itself, once. Cheap to clone.
#[derive(Clone)]
pub struct AttestationVerifier(Arc<VerifierState>);

struct VerifierState {
    http: HttpClient,
    clock: Arc<dyn Clock>,
    found: Mutex<HashMap<String, IssuerKeys>>,
    flights: Flights<String, JwksClient, OAuthError>,
}

/// The keys of an issuer, or the reason why they are missing and the time of the attempt.
enum IssuerKeys {
    Keys(JwksClient),
    Failed(OAuthError, OffsetDateTime),
}

impl AttestationVerifier {
    /// Returns a verifier that sends only requests that `network` allows.
    ///
    /// # Errors
    /// [`HttpError::Tls`] if TLS cannot be set up.
    pub fn new(network: Network, clock: impl Clock + 'static) -> Result<Self, HttpError> {
        Ok(Self(Arc::new(VerifierState {
            http: HttpClient::new(network)?,
            clock: Arc::new(clock),
            found: Mutex::default(),
            flights: Flights::default(),
        })))
    }

    /// Returns the evidence that `token` gives for `definition`, under the trust in `provider`.
    ///
    /// Only issuers in the entry `provider` are asked, and stale keys are not used. Returns
    /// [`AttestationEvidence::Unchecked`] if the token cannot be checked now.
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
                tracing::debug!(issuer = issuer.issuer, %error, "cannot check an attestation");
                AttestationEvidence::Unchecked(error.to_string())
            }
        }
    }

    /// Returns the key client of an issuer. Finds the address of the keys first if needed.
    ///
    /// # Errors
    /// An [`OAuthError`] if the issuer's `jwks_uri` cannot be found.
    pub async fn keys_of(&self, issuer: &TrustedIssuer) -> Result<JwksClient, OAuthError> {
        let shared = &self.0;
        if let Some(answer) = shared.at_hand(&issuer.issuer) {
            return answer;
        }
        let (name, kind) = (issuer.issuer.clone(), issuer.kind);
        shared
            .flights
            .join(name.clone(), || match shared.at_hand(&name) {
                Some(answer) => Flight::Done(answer),
                None => {
                    let shared = Arc::clone(shared);
                    Flight::Run(Box::pin(async move { shared.find(name, kind).await }))
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
            remedy: vendor(issuer.kind).unreachable_remedy(&issuer.issuer),
        };
        let keys = jwks.fresh_keys().await.map_err(unavailable)?;
        let check = |keys| check_attestation(token, issuer, keys, definition, self.0.clock.now());
        let result = match check(&keys) {
            // Issuer, `typ` and algorithm are right, so the issuer may have changed its keys: fetch
            // the keys once more.
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

impl VerifierState {
    fn at_hand(&self, issuer: &str) -> Option<Result<JwksClient, OAuthError>> {
        let now = self.clock.now();
        let found = self.found.lock();
        match found.get(issuer)? {
            IssuerKeys::Keys(jwks) => Some(Ok(jwks.clone())),
            IssuerKeys::Failed(error, at) => {
                let holds = between(*at, now).is_some_and(|age| age < FAILURE_HOLDS);
                holds.then(|| Err(error.clone()))
            }
        }
    }

    async fn find(&self, issuer: String, kind: IssuerKind) -> Result<JwksClient, OAuthError> {
        let result = self.jwks_client(&issuer, kind).await;
        let found = match &result {
            Ok(jwks) => IssuerKeys::Keys(jwks.clone()),
            Err(error) => IssuerKeys::Failed(error.clone(), self.clock.now()),
        };
        self.found.lock().insert(issuer, found);
        result
    }

    async fn jwks_client(&self, issuer: &str, kind: IssuerKind) -> Result<JwksClient, OAuthError> {
        let remedy = vendor(kind).unreachable_remedy(issuer);
        let endpoints = match vendor(kind).endpoints(issuer) {
            Some(endpoints) => endpoints,
            None => discover(&self.http, issuer)
                .await
                .map_err(|source| OAuthError::Discovery { source, remedy })?,
        };
        JwksClient::with_http(endpoints.jwks, self.http.clone(), Arc::clone(&self.clock))
            .map_err(|source| OAuthError::Jwks { source, remedy })
    }
}

impl Debug for AttestationVerifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestationVerifier").finish_non_exhaustive()
    }
}

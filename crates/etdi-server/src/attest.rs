//! Attestations: one for all tools of a server, renewed before it expires.
//!
//! Only a provider makes an [`AttestationToken`], after it has validated the token as every client
//! will. A token with scopes, a second audience or missing definitions never reaches this module.

// The times of a token come from its issuer.
#![deny(clippy::arithmetic_side_effects)]

use std::sync::{Arc, Weak};
use std::time::Duration;

use etdi_oauth::{AttestationRequest, AttestationToken, ConfigError, OAuthError, OAuthProvider};
use etdi_types::keys::base64url_decode;
use etdi_types::{Clock, SigningKey};
use rmcp::ErrorData;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::catalog::Definitions;
use crate::error::ServerBuildError;
use crate::report::ServerReporter;
use crate::secured::LISTING_REFUSED;
use crate::server::{SecureServer, SharedServer};

/// The attestation is renewed when a tenth of its life is left, but at most this long before its
/// end. The token caches of etdi-oauth do not renew earlier either.
const LONGEST_MARGIN: Duration = Duration::from_secs(5 * 60);

/// The time for which a refusal holds before the identity provider is asked again. It doubles with
/// each further refusal, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(16 * 60);

/// Asks one identity provider for one server's attestation.
#[derive(Debug)]
pub(crate) struct Attestor {
    provider: Arc<dyn OAuthProvider>,
    key: SigningKey,
    binds_key: bool,
    clock: Arc<dyn Clock>,
    /// The lock that is held while the provider is asked, so that only one request is made at a
    /// time.
    state: tokio::sync::Mutex<RenewalState>,
}

#[derive(Debug, Default)]
struct RenewalState {
    obtained_at: Option<OffsetDateTime>,
    refused: Option<Refused>,
    renewing: bool,
}

#[derive(Debug)]
struct Refused {
    error: OAuthError,
    since: OffsetDateTime,
    pause: Duration,
}

impl Attestor {
    pub(crate) fn new(
        provider: Arc<dyn OAuthProvider>,
        key: SigningKey,
        binds_key: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { provider, key, binds_key, clock, state: Default::default() }
    }

    /// Returns this attestor, or `None` if the provider is not configured for attestations. Does
    /// not send a request: the provider refuses an attestation without a binding before it asks its
    /// issuer.
    pub(crate) async fn if_able(
        self,
        reporter: &ServerReporter,
    ) -> Result<Option<Self>, ServerBuildError> {
        match self.provider.attestation(&AttestationRequest::new()).await {
            Err(OAuthError::Config(ConfigError::NoAttestations)) => {
                reporter.unattested(self.issuer());
                Ok(None)
            }
            _ if self.provider.client_id().is_none() => Err(ServerBuildError::NotAttested {
                issuer: self.issuer().to_owned(),
                source: Box::new(ConfigError::NoClient.into()),
            }),
            _ => Ok(Some(self)),
        }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    /// Asks for a digest binding if the provider is configured for one, otherwise for a key
    /// binding. Asks for both if
    /// [`SecureServerBuilder::attest_key`](crate::SecureServerBuilder::attest_key) was called.
    async fn request(&self, definitions: &Definitions) -> Result<AttestationToken, OAuthError> {
        let mut request = AttestationRequest::new();
        for ((id, version), digest) in definitions {
            request = request.definition(id.clone(), version.clone(), *digest);
        }
        if self.binds_key {
            return self.provider.attestation(&request.key(self.key.clone())).await;
        }
        match self.provider.attestation(&request).await {
            Err(OAuthError::Config(ConfigError::NoBinding)) => {
                self.provider.attestation(&request.key(self.key.clone())).await
            }
            result => result,
        }
    }
}

impl RenewalState {
    fn refusal(&self, now: OffsetDateTime) -> Option<OAuthError> {
        let refused = self.refused.as_ref()?;
        // If the clock went back, the refusal has ended: its rest could be any time.
        let age = since(refused.since, now)?;
        (age < refused.pause).then(|| refused.error.clone())
    }

    fn refuse(&mut self, error: OAuthError, now: OffsetDateTime) {
        let last = self.refused.as_ref().map(|refused| refused.pause.saturating_mul(2));
        let pause = last.unwrap_or(FIRST_PAUSE).min(LONGEST_PAUSE);
        self.refused = Some(Refused { error, since: now, pause });
    }

    /// Returns the time from which the attestation is due for renewal, and the time from which it
    /// is overdue.
    fn renewal(&self, token: &AttestationToken) -> (OffsetDateTime, OffsetDateTime) {
        let expires = token.expires_at();
        let margin = part(self.life(token), 10).min(LONGEST_MARGIN);
        let before = |margin: Duration| {
            expires.saturating_sub(margin.try_into().unwrap_or(time::Duration::MAX))
        };
        (before(margin), before(part(margin, 2)))
    }

    /// Returns the pause between two looks at the clock: a small part of the attestation's life.
    fn tick(&self, token: Option<&AttestationToken>) -> Duration {
        let life = token.map(|token| self.life(token)).unwrap_or_default();
        part(life, 40).clamp(Duration::from_secs(1), Duration::from_secs(30))
    }

    /// Returns how long the attestation is good from the time at which it was obtained.
    fn life(&self, token: &AttestationToken) -> Duration {
        self.obtained_at.and_then(|at| since(at, token.expires_at())).unwrap_or_default()
    }
}

fn part(duration: Duration, of: u32) -> Duration {
    duration.checked_div(of).unwrap_or_default()
}

/// Returns the time from `earlier` to `later`; `None` if `later` is the earlier one.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the difference of two instants of the calendar always fits"
)]
fn since(earlier: OffsetDateTime, later: OffsetDateTime) -> Option<Duration> {
    Duration::try_from(later - earlier).ok()
}

impl SecureServer {
    /// Returns the attestation that is published with the signatures. `None` if no attestation has
    /// been obtained yet, or if the identity provider is not configured for attestations and
    /// definitions are published signed and unattested.
    #[must_use]
    pub fn attestation(&self) -> Option<AttestationToken> {
        self.catalog().attestation().cloned()
    }

    /// Returns whether every definition that is served must have an attestation.
    #[must_use]
    pub fn attests(&self) -> bool {
        self.inner().attestor.is_some()
    }

    /// Obtains an attestation that binds all published definitions, and `examined`.
    pub(crate) async fn attest(&self, examined: Definitions) -> Result<(), OAuthError> {
        let Some(attestor) = &self.inner().attestor else { return Ok(()) };
        let mut state = attestor.state.lock().await;
        let definitions = self.catalog().to_attest(examined);
        // Another request may have obtained the attestation while this one waited for the lock.
        if self.catalog().binds(&definitions) {
            return Ok(());
        }
        let now = attestor.clock.now();
        if let Some(error) = state.refusal(now) {
            return Err(error);
        }
        match self.request(attestor, &definitions).await {
            Ok(token) => {
                self.publish_attestation(attestor, &mut state, token, definitions);
                Ok(())
            }
            Err(error) => {
                self.reporter().not_attested(attestor.issuer(), &error);
                state.refuse(error.clone(), now);
                Err(error)
            }
        }
    }

    /// Renews the attestation if it is due. The old attestation is served until the new one
    /// arrives.
    async fn renew_if_due(&self) {
        let Some(attestor) = &self.inner().attestor else { return };
        let mut state = attestor.state.lock().await;
        let Some(current) = self.attestation() else { return };
        let now = attestor.clock.now();
        let (due, overdue) = state.renewal(&current);
        if now < due || state.refusal(now).is_some() {
            return;
        }
        let definitions = self.catalog().to_attest(Definitions::new());
        match self.request(attestor, &definitions).await {
            Ok(token) if token.as_str() != current.as_str() => {
                self.publish_attestation(attestor, &mut state, token, definitions);
            }
            Ok(_) if now < overdue => {}
            // Too little time is left, and the provider returned the old token again without an
            // error.
            Ok(_) => {
                let error = OAuthError::BadAnswer(format!(
                    "the attestation expires at {} and was not renewed",
                    current.expires_at()
                ));
                self.reporter().not_renewed(attestor.issuer(), &error);
                state.refuse(error, now);
            }
            Err(error) => {
                self.reporter().not_renewed(attestor.issuer(), &error);
                state.refuse(error, now);
            }
        }
    }

    /// Asks for an attestation. Fails if its audience is the audience for calls: such an
    /// attestation would be a credential at this server.
    async fn request(
        &self,
        attestor: &Attestor,
        definitions: &Definitions,
    ) -> Result<AttestationToken, OAuthError> {
        let token = attestor.request(definitions).await?;
        match (audience(&token), self.call_audience()) {
            (None, _) => {
                Err(OAuthError::BadAnswer("the attestation's audience cannot be read".to_owned()))
            }
            (Some(ours), Some(calls)) if ours == calls => {
                Err(ConfigError::AttestationAudience(ours).into())
            }
            _ => Ok(token),
        }
    }

    fn publish_attestation(
        &self,
        attestor: &Attestor,
        state: &mut RenewalState,
        token: AttestationToken,
        definitions: Definitions,
    ) {
        tracing::info!(
            issuer = token.issuer(),
            client = token.client(),
            binding = ?token.binding(),
            definitions = definitions.len(),
            expires = %token.expires_at(),
            "the definitions are attested"
        );
        state.obtained_at = Some(attestor.clock.now());
        state.refused = None;
        let audience = audience(&token).unwrap_or_default();
        self.catalog().set_attestation(token, audience, definitions);
        if !std::mem::replace(&mut state.renewing, true) {
            tokio::spawn(renew(Arc::downgrade(self.inner())));
        }
    }
}

/// Renews the attestation until the last handle of the server is dropped. The clock is read after
/// each short pause: one long pause would end too late if the machine was suspended.
async fn renew(server: Weak<SharedServer>) {
    while let Some(inner) = server.upgrade() {
        let secure = SecureServer::from_inner(inner);
        let tick = match &secure.inner().attestor {
            Some(attestor) => attestor.state.lock().await.tick(secure.attestation().as_ref()),
            None => return,
        };
        drop(secure);
        tokio::time::sleep(tick).await;
        let Some(inner) = server.upgrade() else { return };
        SecureServer::from_inner(inner).renew_if_due().await;
    }
}

/// Returns the one audience of a token that was validated before.
fn audience(token: &AttestationToken) -> Option<String> {
    let claims = token.as_str().split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&base64url_decode(claims)?).ok()?;
    let audience = claims.get("aud")?;
    let one = match audience {
        Value::Array(audiences) => audiences.first()?,
        one => one,
    };
    one.as_str().map(str::to_owned)
}

/// Returns the answer to a client. The identity provider's answer is in the log.
pub(crate) fn not_attested() -> ErrorData {
    ErrorData::new(
        rmcp::model::ErrorCode(LISTING_REFUSED),
        "the server publishes attested definitions only, and its identity provider has not attested \
         these; its log has the details",
        Some(json!({"reason": "not_attested"})),
    )
}

//! The keys that an issuer publishes (RFC 7517), fetched and kept fresh.

mod cache_control;
mod set;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::Duration;

use etdi_types::Clock;
use futures::FutureExt;
use parking_lot::{Mutex, MutexGuard};
use time::OffsetDateTime;

use crate::flight::{Flight, Flights, Interrupted};
use crate::http::{HttpClient, HttpError, Network};

pub use set::{KeySet, KeySetError, SkippedKey, UsableKey};

/// How long keys may be used after the last success, if they cannot be fetched again.
const STALE_LIMIT: Duration = Duration::from_secs(60 * 60);

/// The least time between two fetches that callers cause.
const FETCH_INTERVAL: Duration = Duration::from_secs(30);

/// The keys at one `jwks_uri`. Cheap to clone; clones share the keys.
///
/// - Only https is fetched, redirects are not followed, an answer is at most 256 KiB and comes
///   within 5 seconds; see [`Network`] for the exceptions.
/// - A key that cannot be used is skipped on its own; the others stand.
/// - Keys are fresh for as long as `Cache-Control` says, at least 5 minutes and at most 24 hours.
/// - A token with an unknown `kid` causes at most one fetch per 30 seconds, and callers with a known
///   one do not wait for it.
/// - Callers share one fetch, which goes on if the one that started it is cancelled.
/// - If a fetch fails, the keys serve on until one hour after the last success; then every answer is
///   an error.
#[derive(Clone)]
pub struct JwksClient {
    shared: Arc<SharedKeys>,
    flights: Arc<Flights<(), Arc<KeySet>, JwksError>>,
}

/// The keys cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// No usable answer.
    #[error("the issuer's keys could not be fetched: {0}")]
    Http(#[from] HttpError),
    /// An answer with another status than 200.
    #[error("the issuer's keys could not be fetched: the answer has status {0}")]
    Status(u16),
    /// The answer is not a JWKS.
    #[error("the issuer's keys could not be fetched: {0}")]
    NotAJwks(#[from] KeySetError),
    /// The fetch was cut off because the process is shutting down.
    #[error("the fetch of the issuer's keys was interrupted")]
    Interrupted,
}

impl From<Interrupted> for JwksError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl JwksClient {
    /// A client for the JWKS at `uri`. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`JwksError::Http`] if `network` does not allow `uri`.
    pub fn new(
        uri: impl Into<String>,
        network: Network,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JwksError> {
        Self::with_http(uri.into(), HttpClient::new(network)?, clock)
    }

    pub(crate) fn with_http(
        uri: String,
        http: HttpClient,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JwksError> {
        http.network().check(&uri)?;
        Ok(Self {
            shared: Arc::new(SharedKeys { uri, http, clock, state: Mutex::default() }),
            flights: Arc::default(),
        })
    }

    /// Where the keys are.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.shared.uri
    }

    /// The keys: fresh, or at most one hour old if they cannot be fetched.
    ///
    /// # Errors
    /// A [`JwksError`] if there are none.
    pub async fn keys(&self) -> Result<Arc<KeySet>, JwksError> {
        match self.current() {
            Some(keys) => Ok(keys),
            None => self.fetch(Why::NotFresh).await.or_else(|error| {
                self.shared
                    .usable_though_stale()
                    .inspect(|_| tracing::debug!(%error, "stale keys serve on"))
                    .ok_or(error)
            }),
        }
    }

    /// The keys, fetched once more if they have no key called `kid` and the last fetch was more
    /// than 30 seconds ago.
    ///
    /// # Errors
    /// A [`JwksError`] if there are none. That `kid` is still unknown is no error here.
    pub async fn keys_with(&self, kid: Option<&str>) -> Result<Arc<KeySet>, JwksError> {
        let keys = self.keys().await?;
        match kid {
            Some(kid) if !keys.has_kid(kid) => {
                tracing::debug!(uri = self.shared.uri, "a token names an unknown kid");
                Ok(self.fetch(Why::UnknownKid).await.unwrap_or(keys))
            }
            _ => Ok(keys),
        }
    }

    /// The keys, never stale: for a definition, whose approval has a grace period of its own.
    ///
    /// # Errors
    /// A [`JwksError`] if there are none.
    pub async fn fresh_keys(&self) -> Result<Arc<KeySet>, JwksError> {
        match self.current() {
            Some(keys) => Ok(keys),
            None => self.fetch(Why::NotFresh).await,
        }
    }

    /// Fetches the keys now, however fresh they are.
    ///
    /// # Errors
    /// A [`JwksError`] if that fails.
    pub async fn refresh(&self) -> Result<Arc<KeySet>, JwksError> {
        self.fetch(Why::Asked).await
    }

    /// The keys, if they are here and fresh. Fetches nothing.
    #[must_use]
    pub fn current(&self) -> Option<Arc<KeySet>> {
        let now = self.shared.clock.now();
        let state = self.shared.state();
        let kept = state.kept.as_ref()?;
        (kept.fetched_at <= now && now < kept.fresh_until).then(|| Arc::clone(&kept.keys))
    }

    async fn fetch(&self, why: Why) -> Result<Arc<KeySet>, JwksError> {
        self.flights
            .join((), || match self.answer_at_hand(why) {
                Some(answer) => Flight::Done(answer),
                None => {
                    let shared = Arc::clone(&self.shared);
                    shared.state().last_attempt = Some(shared.clock.now());
                    Flight::Run(async move { shared.fetch().await }.boxed())
                }
            })
            .await
    }

    /// What to answer without a fetch; `None` if one is due.
    fn answer_at_hand(&self, why: Why) -> Option<Result<Arc<KeySet>, JwksError>> {
        let current = self.current();
        let attempted_lately = self.shared.attempted_lately();
        let state = self.shared.state();
        match (why, current) {
            (Why::Asked, _) => None,
            (Why::NotFresh, Some(keys)) => Some(Ok(keys)),
            (Why::UnknownKid, Some(keys)) if attempted_lately => Some(Ok(keys)),
            // The last attempt failed: what it said holds until the next one is due.
            (_, None) if attempted_lately => state.failure.clone().map(Err),
            _ => None,
        }
    }
}

impl Debug for JwksClient {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksClient").field("uri", &self.shared.uri).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy)]
enum Why {
    Asked,
    NotFresh,
    UnknownKid,
}

struct SharedKeys {
    uri: String,
    http: HttpClient,
    clock: Arc<dyn Clock>,
    state: Mutex<FetchState>,
}

#[derive(Default)]
struct FetchState {
    kept: Option<CachedKeys>,
    last_attempt: Option<OffsetDateTime>,
    /// Why the last attempt failed, if it did.
    failure: Option<JwksError>,
}

struct CachedKeys {
    keys: Arc<KeySet>,
    fetched_at: OffsetDateTime,
    fresh_until: OffsetDateTime,
}

impl SharedKeys {
    fn state(&self) -> MutexGuard<'_, FetchState> {
        self.state.lock()
    }

    fn attempted_lately(&self) -> bool {
        let now = self.clock.now();
        self.state().last_attempt.is_some_and(|at| at <= now && now - at < FETCH_INTERVAL)
    }

    fn usable_though_stale(&self) -> Option<Arc<KeySet>> {
        let now = self.clock.now();
        let state = self.state();
        let kept = state.kept.as_ref()?;
        // A clock that went back makes nothing younger.
        let age = now - kept.fetched_at;
        (!age.is_negative() && age < STALE_LIMIT).then(|| Arc::clone(&kept.keys))
    }

    async fn fetch(&self) -> Result<Arc<KeySet>, JwksError> {
        tracing::debug!(uri = self.uri, "fetching keys");
        let result = self.fetch_once().await;
        let now = self.clock.now();
        let mut state = self.state();
        match result {
            Ok((keys, lifetime)) => {
                let before = state.kept.as_ref().map(|kept| &kept.keys);
                let keys = Arc::new(keys.after(before.map(AsRef::as_ref)));
                tracing::debug!(
                    uri = self.uri,
                    usable = keys.keys().len(),
                    skipped = keys.skipped().len(),
                    seconds = lifetime.as_secs(),
                    "fetched keys"
                );
                state.failure = None;
                state.kept = Some(CachedKeys {
                    keys: Arc::clone(&keys),
                    fetched_at: now,
                    fresh_until: now.saturating_add(lifetime.try_into().unwrap_or_default()),
                });
                Ok(keys)
            }
            Err(error) => {
                tracing::debug!(uri = self.uri, %error, "the keys could not be fetched");
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn fetch_once(&self) -> Result<(KeySet, Duration), JwksError> {
        let response = self.http.get(&self.uri).await?;
        if response.status != 200 {
            return Err(JwksError::Status(response.status));
        }
        let lifetime =
            cache_control::lifetime(response.header("cache-control"), response.header("age"));
        Ok((KeySet::parse(&response.body)?, lifetime))
    }
}

//! Fetches the keys that an issuer publishes (RFC 7517), and keeps them fresh.

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
use crate::instants::{after, between};

pub use set::{KeySet, KeySetError, SkippedKey, UsableKey};

/// The time after the last successful fetch for which stale keys may be used, if a new fetch fails.
const STALE_LIMIT: Duration = Duration::from_secs(60 * 60);

/// The shortest time between two fetches. Only [`JwksClient::refresh`] may fetch sooner.
const FETCH_INTERVAL: Duration = Duration::from_secs(30);

/// The keys at one `jwks_uri`. Cheap to clone; clones share the keys.
///
/// - Only https is fetched, redirects are not followed, an answer is at most 256 KiB and comes
///   within 5 seconds; see [`Network`] for the exceptions.
/// - A key that cannot be used is skipped; the other keys stay usable.
/// - Keys are fresh for as long as `Cache-Control` says, at least 5 minutes and at most 24 hours.
/// - Tokens with an unknown `kid` cause at most one fetch per 30 seconds, and callers with a known
///   `kid` do not wait for this fetch.
/// - Callers share one fetch, which goes on if the caller that started it is cancelled.
/// - If a fetch fails, fresh keys stay in use. Stale keys are used until one hour after the last
///   successful fetch; after that hour, [`keys`](Self::keys) returns the error.
///   [`fresh_keys`](Self::fresh_keys) never returns stale keys.
#[derive(Clone)]
pub struct JwksClient {
    shared: Arc<SharedKeys>,
    flights: Arc<Flights<(), Arc<KeySet>, JwksError>>,
}

/// The issuer's keys cannot be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// The issuer gave no usable answer.
    #[error("cannot fetch the issuer's keys: {0}")]
    Http(#[from] HttpError),
    /// An answer with another status than 200.
    #[error("cannot fetch the issuer's keys: the server answered with HTTP status {0}")]
    Status(u16),
    /// The answer is not a JWKS.
    #[error("cannot read the issuer's keys: {0}")]
    NotAJwks(#[from] KeySetError),
    /// The fetch was cut off because the process is shutting down.
    #[error("cannot fetch the issuer's keys: the process is shutting down")]
    Interrupted,
}

impl JwksError {
    /// Returns whether a fetch may succeed a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Http(error) => error.is_transient(),
            Self::Status(status) => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

impl From<Interrupted> for JwksError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl JwksClient {
    /// Returns a client for the JWKS at `uri`. Does not fetch anything yet.
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

    /// Returns the address of the keys.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.shared.uri
    }

    /// Returns the fresh keys. If they cannot be fetched, returns stale keys that were fetched less
    /// than one hour ago.
    ///
    /// # Errors
    /// A [`JwksError`] if there are no usable keys.
    pub async fn keys(&self) -> Result<Arc<KeySet>, JwksError> {
        match self.current() {
            Some(keys) => Ok(keys),
            None => self.fetch(Why::NotFresh).await.or_else(|error| {
                self.shared
                    .usable_though_stale()
                    .inspect(|_| tracing::debug!(%error, "the stale keys stay in use"))
                    .ok_or(error)
            }),
        }
    }

    /// Returns the keys. Fetches them once more if no key has the id `kid` and the last fetch was
    /// at least 30 seconds ago.
    ///
    /// # Errors
    /// A [`JwksError`] if there are no usable keys. A `kid` that is still unknown is not an error
    /// here.
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

    /// Returns the fresh keys, and fetches them first if needed. Attestations of definitions are
    /// checked with these keys, because an approval has its own offline grace.
    ///
    /// # Errors
    /// A [`JwksError`] if there are no fresh keys.
    pub async fn fresh_keys(&self) -> Result<Arc<KeySet>, JwksError> {
        match self.current() {
            Some(keys) => Ok(keys),
            None => self.fetch(Why::NotFresh).await,
        }
    }

    /// Fetches the keys now, even if the present keys are fresh.
    ///
    /// # Errors
    /// A [`JwksError`] if the fetch fails.
    pub async fn refresh(&self) -> Result<Arc<KeySet>, JwksError> {
        self.fetch(Why::Asked).await
    }

    /// Returns the keys if they are present and fresh. Does not fetch.
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

    /// Returns the answer if it can be given without a fetch; `None` if a fetch is due.
    fn answer_at_hand(&self, why: Why) -> Option<Result<Arc<KeySet>, JwksError>> {
        let current = self.current();
        let attempted_lately = self.shared.attempted_lately();
        let state = self.shared.state();
        match (why, current) {
            (Why::Asked, _) => None,
            (Why::NotFresh, Some(keys)) => Some(Ok(keys)),
            (Why::UnknownKid, Some(keys)) if attempted_lately => Some(Ok(keys)),
            // The last attempt failed. Its error is returned until the next attempt is due.
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
    /// The error of the last attempt, if it failed.
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
        let age = self.state().last_attempt.and_then(|at| between(at, now));
        age.is_some_and(|age| age < FETCH_INTERVAL)
    }

    fn usable_though_stale(&self) -> Option<Arc<KeySet>> {
        let now = self.clock.now();
        let state = self.state();
        let kept = state.kept.as_ref()?;
        // If the clock moved backwards, the age of the keys is unknown, so stale keys are not used.
        let age = between(kept.fetched_at, now)?;
        (age < STALE_LIMIT).then(|| Arc::clone(&kept.keys))
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
                    fresh_until: after(now, lifetime),
                });
                Ok(keys)
            }
            Err(error) => {
                tracing::debug!(uri = self.uri, %error, "cannot fetch the keys");
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

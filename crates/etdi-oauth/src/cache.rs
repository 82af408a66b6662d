//! The cache of granted tokens. A token stays usable until it expires.
//!
//! A token is renewed before it expires. A random part of the time keeps processes from renewing at
//! the same moment. Callers that want the same token share one request, which goes on if the caller
//! that started it is cancelled. `moka` stores the tokens but does not run the requests: `moka`
//! would drop a request when its first caller is cancelled, and it cannot renew a value that is
//! still valid.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use etdi_types::Clock;
use futures::FutureExt;
use futures::future::BoxFuture;
use moka::sync::Cache;
use time::OffsetDateTime;

use crate::error::OAuthError;
use crate::flight::{Flight, Flights};
use crate::instants::{after, before, between};

/// The largest number of tokens in the cache.
const CAPACITY: u64 = 1_000;

/// A token is renewed when a tenth of its lifetime is left, but at most this long before it
/// expires. Up to half of this margin is taken off at random.
const LONGEST_MARGIN: Duration = Duration::from_secs(5 * 60);

/// The pause after a failed renewal, while the old token is still valid.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(30);

/// The longest time for which a caller waits for a renewal. Then it gets the old token, which is
/// still valid.
const RENEWAL_WAIT: Duration = Duration::from_secs(1);

/// The properties by which the cache tells tokens apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    pub(crate) issuer: String,
    pub(crate) client: String,
    pub(crate) audience: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    /// The thumbprint of the key that the token is bound to.
    pub(crate) key: Option<String>,
    /// The form parameters that the issuer may copy into the token.
    pub(crate) parameters: Vec<(String, String)>,
}

/// The reason why a token is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occasion {
    /// The cache has no token.
    First,
    /// The cached token expires soon.
    Renewal,
    /// The cached token has expired.
    Expired(OffsetDateTime),
}

pub(crate) trait Perishable: Clone + Send + Sync + 'static {
    fn expires_at(&self) -> OffsetDateTime;
}

#[derive(Clone)]
struct CachedToken<T> {
    token: T,
    renew_at: OffsetDateTime,
}

pub(crate) struct TokenCache<T: Perishable> {
    kept: Cache<TokenKey, CachedToken<T>>,
    flights: Flights<TokenKey, T, OAuthError>,
    clock: Arc<dyn Clock>,
}

impl<T: Perishable> TokenCache<T> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { kept: Cache::new(CAPACITY), flights: Flights::default(), clock }
    }

    /// Returns the token of this key. `obtain` asks the issuer if the token is missing or due for
    /// renewal.
    pub(crate) async fn get(
        self: &Arc<Self>,
        key: TokenKey,
        obtain: impl FnOnce(Occasion) -> BoxFuture<'static, Result<T, OAuthError>>,
    ) -> Result<T, OAuthError> {
        let now = self.clock.now();
        let good = self.kept.get(&key).filter(|kept| now < kept.token.expires_at());
        match good {
            Some(kept) if now < kept.renew_at => Ok(kept.token),
            Some(kept) => {
                let renewal = self.fly(key, obtain);
                match tokio::time::timeout(RENEWAL_WAIT, renewal).await {
                    Ok(Ok(token)) => Ok(token),
                    Ok(Err(_)) | Err(_) => Ok(kept.token),
                }
            }
            None => self.fly(key, obtain).await,
        }
    }

    pub(crate) fn clear(&self) {
        self.kept.invalidate_all();
    }

    pub(crate) fn forget(&self, unwanted: impl Fn(&T) -> bool) {
        for (key, kept) in &self.kept {
            if unwanted(&kept.token) {
                self.kept.invalidate(&*key);
            }
        }
    }

    async fn fly(
        self: &Arc<Self>,
        key: TokenKey,
        obtain: impl FnOnce(Occasion) -> BoxFuture<'static, Result<T, OAuthError>>,
    ) -> Result<T, OAuthError> {
        self.flights
            .join(key.clone(), || {
                let now = self.clock.now();
                let kept = self.kept.get(&key);
                let occasion = match &kept {
                    Some(kept) if now < kept.renew_at => {
                        return Flight::Done(Ok(kept.token.clone()));
                    }
                    Some(kept) if now < kept.token.expires_at() => Occasion::Renewal,
                    Some(kept) => Occasion::Expired(kept.token.expires_at()),
                    None => Occasion::First,
                };
                let (cache, work) = (Arc::clone(self), obtain(occasion));
                Flight::Run(async move { cache.keep(key, kept, work.await) }.boxed())
            })
            .await
    }

    fn keep(
        &self,
        key: TokenKey,
        before: Option<CachedToken<T>>,
        result: Result<T, OAuthError>,
    ) -> Result<T, OAuthError> {
        let now = self.clock.now();
        match (&result, before) {
            (Ok(token), _) => {
                let kept = CachedToken {
                    token: token.clone(),
                    renew_at: renew_at(now, token.expires_at()),
                };
                self.kept.insert(key, kept);
            }
            (Err(error), Some(mut kept)) if now < kept.token.expires_at() => {
                tracing::debug!(%error, "a renewal failed; the token is still good");
                kept.renew_at = after(now, RENEWAL_INTERVAL);
                self.kept.insert(key, kept);
            }
            (Err(_), _) => self.kept.invalidate(&key),
        }
        result
    }
}

/// Returns a random duration between half of `longest` and all of it.
fn jittered(longest: Duration) -> Duration {
    let mut random = [0; 2];
    // Without random numbers, use the longest duration.
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return longest;
    }
    let half = longest.checked_div(2).unwrap_or_default();
    let fraction = f64::from(u16::from_be_bytes(random)) / f64::from(u16::MAX);
    half.saturating_add(Duration::try_from_secs_f64(half.as_secs_f64() * fraction).unwrap_or(half))
}

fn renew_at(now: OffsetDateTime, expires_at: OffsetDateTime) -> OffsetDateTime {
    let lifetime = between(now, expires_at).unwrap_or_default();
    let tenth = lifetime.checked_div(10).unwrap_or_default();
    before(expires_at, jittered(tenth.min(LONGEST_MARGIN)))
}

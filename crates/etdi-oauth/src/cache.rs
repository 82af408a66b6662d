//! Tokens that were granted, until shortly before they expire.
//!
//! A token is renewed ahead of its expiry, at a moment that differs from process to process. One
//! request is made for all callers that want the same token, and it goes on if the caller that
//! started it is cancelled. `moka` keeps the tokens; it does not collapse the requests, because its
//! own way drops the request with its first caller, and cannot replace a value that is due.

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

/// How many tokens are kept.
const CAPACITY: u64 = 1_000;

/// A token is renewed when a tenth of its life is left, but no earlier than this before its end.
const LONGEST_MARGIN: Duration = Duration::from_secs(5 * 60);

/// How long a failed renewal is not tried again, while the token is still good.
const RENEWAL_INTERVAL: time::Duration = time::Duration::seconds(30);

/// How long a caller with a good token waits for its successor.
const RENEWAL_WAIT: Duration = Duration::from_secs(1);

/// What distinguishes two tokens of one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    pub(crate) issuer: String,
    pub(crate) client: String,
    pub(crate) audience: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    /// The thumbprint of the key that the token is bound to.
    pub(crate) key: Option<String>,
    /// Form parameters that go into the token.
    pub(crate) parameters: Vec<(String, String)>,
}

/// Why a token is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Occasion {
    /// There is none.
    First,
    /// There is one, and it expires soon.
    Renewal,
    /// There was one.
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

    /// The token of this key; `obtain` asks for it if there is none or if it is due.
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
                tracing::debug!(%error, "a renewal failed; the token is good for a while yet");
                kept.renew_at = now.saturating_add(RENEWAL_INTERVAL);
                self.kept.insert(key, kept);
            }
            (Err(_), _) => self.kept.invalidate(&key),
        }
        result
    }
}

/// Between half of `longest` and all of it.
fn jittered(longest: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness the margin is the longest one.
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return longest;
    }
    let fraction = u32::from(u16::from_be_bytes(random));
    longest / 2 + (longest / 2).saturating_mul(fraction) / u32::from(u16::MAX)
}

fn renew_at(now: OffsetDateTime, expires_at: OffsetDateTime) -> OffsetDateTime {
    let lifetime = Duration::try_from(expires_at - now).unwrap_or(Duration::ZERO);
    let margin = jittered((lifetime / 10).min(LONGEST_MARGIN));
    expires_at.saturating_sub(margin.try_into().unwrap_or_default())
}

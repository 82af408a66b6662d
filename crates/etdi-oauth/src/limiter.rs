//! The limiter of requests to one issuer: when the issuer asks for a pause, only the call that was
//! told may come back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use time::OffsetDateTime;

use crate::error::OAuthError;
use crate::http::HttpResponse;
use crate::instants::{after, between};
use crate::retry_after::retry_after;

/// The pause after a 429 that does not name one. Without it, each of a hundred calls would make all
/// its attempts.
const UNTOLD_PAUSE: Duration = Duration::from_secs(10);

/// The shortest pause, for an issuer that answers `Retry-After: 0` again and again.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// The pause that one issuer has asked for. Every request with the client's credentials goes
/// through it.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    held: Mutex<Option<HoldOff>>,
    calls: AtomicU64,
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct LimitedCall<'l> {
    limiter: &'l Limiter,
    id: u64,
}

#[derive(Clone, Copy, Debug)]
struct HoldOff {
    /// The call that was told. Its own pause between two attempts is part of the retry policy.
    call: u64,
    status: u16,
    since: OffsetDateTime,
    until: OffsetDateTime,
}

impl Limiter {
    /// Begins a call, which may have several attempts.
    pub(crate) fn call(&self) -> LimitedCall<'_> {
        LimitedCall { limiter: self, id: self.calls.fetch_add(1, Ordering::Relaxed) }
    }

    /// Returns how long the issuer must not be asked, if it asked for a pause.
    pub(crate) fn pause(&self, now: OffsetDateTime) -> Option<Duration> {
        (*self.held.lock())?.left(now)
    }

    /// Keeps a pause for an answer that says in its body that there were too many requests.
    pub(crate) fn limited(&self, now: OffsetDateTime) {
        self.hold(self.call().id, 429, UNTOLD_PAUSE, now);
    }

    fn hold(&self, call: u64, status: u16, pause: Duration, now: OffsetDateTime) {
        let until = after(now, pause.max(SHORTEST_PAUSE));
        let mut held = self.held.lock();
        if held.is_none_or(|old| old.left(now).is_none() || old.until < until) {
            *held = Some(HoldOff { call, status, since: now, until });
        }
    }
}

impl LimitedCall<'_> {
    /// Fails during a pause that another call was told to make.
    pub(crate) fn check(&self, now: OffsetDateTime) -> Result<(), OAuthError> {
        let held = self.limiter.held.lock().filter(|held| held.call != self.id);
        match held.and_then(|held| Some((held.status, held.left(now)?))) {
            None => Ok(()),
            Some((429, left)) => Err(OAuthError::RateLimited { retry_after: Some(left) }),
            Some((status, left)) => {
                Err(OAuthError::Unavailable { status, retry_after: Some(left) })
            }
        }
    }

    /// Keeps the pause that an answer asks for. An answer that is neither a limit nor a failure ends
    /// the pause of this call.
    pub(crate) fn note(&self, response: &HttpResponse, now: OffsetDateTime) {
        let told = retry_after(response, now);
        match (response.status, told) {
            (429, _) => self.limiter.hold(self.id, 429, told.unwrap_or(UNTOLD_PAUSE), now),
            (status @ 500.., Some(told)) => self.limiter.hold(self.id, status, told, now),
            (500.., None) => {}
            _ => {
                self.limiter.held.lock().take_if(|held| held.call == self.id);
            }
        }
    }
}

impl HoldOff {
    /// Returns the rest of the pause. A clock that went back ends the pause, because nobody knows
    /// how long it would be.
    fn left(&self, now: OffsetDateTime) -> Option<Duration> {
        between(self.since, now)?;
        between(now, self.until).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_800_000_000 + seconds).unwrap()
    }

    fn answer(status: u16, retry_after: Option<&str>) -> HttpResponse {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert("retry-after", value.parse().unwrap());
        }
        HttpResponse { status, headers, body: Vec::new().into() }
    }

    #[test]
    fn only_the_call_that_was_told_may_come_back_during_the_pause() {
        for (status, told, seconds) in
            [(429, None, 10), (429, Some("0"), 1), (429, Some("3"), 3), (503, Some("3"), 3)]
        {
            let limiter = Limiter::default();
            let (told_call, other) = (limiter.call(), limiter.call());
            told_call.note(&answer(status, told), at(0));
            let error = other.check(at(0)).unwrap_err();
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)), "{status}");
            assert_eq!(error.status(), Some(status));
            assert!(error.is_unavailable());
            assert!(told_call.check(at(0)).is_ok());
            assert!(other.check(at(seconds.try_into().unwrap())).is_ok());
        }
    }

    #[test]
    fn a_failure_without_a_named_pause_does_not_stop_other_calls() {
        for answer in [answer(503, None), answer(500, Some("soon")), answer(400, Some("60"))] {
            let limiter = Limiter::default();
            limiter.call().note(&answer, at(0));
            assert!(limiter.call().check(at(0)).is_ok(), "{}", answer.status);
        }
    }

    #[test]
    fn a_success_ends_only_the_pause_of_its_own_call() {
        let limiter = Limiter::default();
        let (told, other) = (limiter.call(), limiter.call());
        told.note(&answer(429, None), at(0));
        other.note(&answer(200, None), at(0));
        assert!(other.check(at(0)).is_err());
        told.note(&answer(200, None), at(0));
        assert!(other.check(at(0)).is_ok());
    }

    #[test]
    fn the_longer_of_two_pauses_counts() {
        let limiter = Limiter::default();
        let (long, short) = (limiter.call(), limiter.call());
        long.note(&answer(429, Some("60")), at(0));
        short.note(&answer(429, Some("2")), at(1));
        assert_eq!(limiter.pause(at(1)), Some(Duration::from_secs(59)));
        assert!(short.check(at(3)).is_err(), "this call was told less than the other one");
        assert!(long.check(at(3)).is_ok());
        // A pause that is over does not count.
        short.note(&answer(429, Some("2")), at(60));
        assert_eq!(limiter.pause(at(60)), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_pause_is_at_most_an_hour_and_ends_if_the_clock_goes_back() {
        for told in ["999999999", "999999999999", "99999999999999999999999"] {
            let limiter = Limiter::default();
            limiter.call().note(&answer(429, Some(told)), at(0));
            let other = limiter.call();
            assert!(other.check(at(3599)).is_err(), "{told}");
            assert!(other.check(at(3600)).is_ok(), "{told}");
            assert!(other.check(at(-1)).is_ok(), "{told}");
            assert_eq!(limiter.pause(at(-86_400)), None, "{told}");
        }
    }
}

//! Trying again: when, how often, and how long to wait in between.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::http::{HttpError, Response};

/// How often and how long to try again after 429, 5xx and failed connections. Nothing else is tried
/// again: a refusal stays one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Default for RetryPolicy {
    /// Three attempts; up to 0.5 s, then up to 1 s between them, at random; a `Retry-After` of at
    /// most 5 s is waited for, a longer one is an error that says how long.
    fn default() -> Self {
        Self { attempts: 3, first: Duration::from_millis(500), longest: Duration::from_secs(5) }
    }
}

impl RetryPolicy {
    /// One attempt.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// This many attempts in all; at least one.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// How long to wait before the attempt after number `done`; `None` if there is none.
    pub(crate) fn pause_after(&self, done: u32, asked_for: Option<Duration>) -> Option<Duration> {
        if done >= self.attempts || asked_for.is_some_and(|asked| asked > self.longest) {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << (done - 1).min(16));
        let backoff = jittered(doubled.min(self.longest));
        // No sooner than was asked for, and not all at the same moment.
        Some(asked_for.map_or(backoff, |asked| asked + backoff / 8))
    }
}

/// A way of waiting, so that a test need not.
pub trait Pause: Debug + Send + Sync {
    /// Waits for this long.
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

impl<P: Pause + ?Sized> Pause for std::sync::Arc<P> {
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        (**self).pause(duration)
    }
}

/// Tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioPause;

impl Pause for TokioPause {
    fn pause(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// What an attempt came to, as far as trying again goes.
pub(crate) enum Attempt {
    /// It is over, for better or worse.
    Final,
    /// It may be tried again, no sooner than this.
    Again(Option<Duration>),
}

pub(crate) fn classify(result: &Result<Response, HttpError>, now: OffsetDateTime) -> Attempt {
    match result {
        Ok(response) if response.status == 429 || response.status >= 500 => {
            Attempt::Again(retry_after(response, now))
        }
        Ok(_) => Attempt::Final,
        Err(error) if error.is_transient() => Attempt::Again(None),
        Err(_) => Attempt::Final,
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3), in seconds or as a date; or Auth0's
/// `x-ratelimit-reset`, in seconds after the epoch.
pub(crate) fn retry_after(response: &Response, now: OffsetDateTime) -> Option<Duration> {
    let until = |at: OffsetDateTime| Duration::try_from(at - now).unwrap_or(Duration::ZERO);
    if let Some(value) = response.header("retry-after") {
        let seconds = value.trim().parse().ok().map(Duration::from_secs);
        let date = || OffsetDateTime::parse(value.trim(), &Rfc2822).ok().map(until);
        return seconds.or_else(date);
    }
    let reset = response.header("x-ratelimit-reset")?.trim().parse().ok()?;
    OffsetDateTime::from_unix_timestamp(reset).ok().map(until)
}

/// Between half of `longest` and all of it.
pub(crate) fn jittered(longest: Duration) -> Duration {
    let mut random = [0; 2];
    // Without randomness the pause is the longest one.
    if aws_lc_rs::rand::fill(&mut random).is_err() {
        return longest;
    }
    let fraction = u32::from(u16::from_be_bytes(random));
    longest / 2 + (longest / 2).saturating_mul(fraction) / u32::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_and_end() {
        let policy = RetryPolicy::default().attempts(4);
        for (done, longest) in [(1, 500), (2, 1000), (3, 2000)] {
            let pause = policy.pause_after(done, None).unwrap();
            let longest = Duration::from_millis(longest);
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?}");
        }
        assert_eq!(policy.pause_after(4, None), None);
        assert_eq!(RetryPolicy::never().pause_after(1, None), None);
    }

    #[test]
    fn a_pause_is_no_shorter_than_asked_for_and_a_long_one_is_not_made() {
        let policy = RetryPolicy::default();
        let asked = Duration::from_secs(3);
        assert!(policy.pause_after(1, Some(asked)).unwrap() >= asked);
        assert_eq!(policy.pause_after(1, Some(Duration::from_secs(6))), None);
    }

    #[test]
    fn retry_after_is_read_in_every_form() {
        let now = OffsetDateTime::from_unix_timestamp(784_111_717).unwrap();
        for (name, value, expected) in [
            ("retry-after", "60", Some(60)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("retry-after", "soon", None),
            ("x-ratelimit-reset", "784111747", Some(30)),
            ("x-other", "1", None),
        ] {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            let response = Response { status: 429, headers, body: Vec::new().into() };
            assert_eq!(
                retry_after(&response, now),
                expected.map(Duration::from_secs),
                "{name}: {value}"
            );
        }
    }
}

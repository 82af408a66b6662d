//! Retries: when, how often, and with which pauses.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable, Sleeper, TokioSleeper};
use etdi_types::Clock;

use crate::http::{HttpError, HttpResponse};
use crate::retry_after::retry_after;

/// The number of attempts and the pauses after 429, 5xx, timeouts and failed connections. Only
/// these are tried again: any other refusal would be the same the next time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Default for RetryPolicy {
    /// Returns a policy of three attempts, with random pauses of up to 0.5 s and then up to 1 s. If
    /// the issuer's `Retry-After` is at most 5 s, the pause is at least that long. A longer
    /// `Retry-After` ends the attempts; the error after a 429 then says how long to wait.
    fn default() -> Self {
        Self { attempts: 3, first: Duration::from_millis(500), longest: Duration::from_secs(5) }
    }
}

impl RetryPolicy {
    /// Returns a policy of one attempt.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// Allows this many attempts in all; at least one.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the longest pause after the first attempt. Each further pause may be twice as long, up
    /// to 5 s.
    #[must_use]
    pub fn first_pause(mut self, pause: Duration) -> Self {
        self.first = pause.min(self.longest);
        self
    }

    /// Makes attempts until an answer is final or all attempts are used, and returns the last
    /// answer.
    ///
    /// # Errors
    /// The error of an attempt that could not be made. This attempt is not tried again.
    pub(crate) async fn run<E, F>(
        &self,
        issuer: &str,
        clock: &dyn Clock,
        attempt: impl Fn() -> F,
    ) -> Result<Answer, E>
    where
        F: Future<Output = Result<Answer, E>>,
    {
        self.run_with(TokioSleeper, issuer, clock, attempt).await
    }

    /// Repeats a whole `operation` after the errors that may pass.
    ///
    /// # Errors
    /// The error of the last time.
    pub(crate) async fn repeat<T, E, F>(
        &self,
        operation: impl Fn() -> F,
        may_pass: impl Fn(&E) -> bool,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        operation.retry(self.pauses()).sleep(TokioSleeper).when(may_pass).await
    }

    async fn run_with<E, F>(
        &self,
        sleeper: impl Sleeper,
        issuer: &str,
        clock: &dyn Clock,
        attempt: impl Fn() -> F,
    ) -> Result<Answer, E>
    where
        F: Future<Output = Result<Answer, E>>,
    {
        let attempt = || async {
            let answer = attempt().await.map_err(Unfinished::Failed)?;
            if is_final(&answer) {
                return Ok(answer);
            }
            let asked_for = answer.as_ref().ok().and_then(|one| retry_after(one, clock.now()));
            Err(Unfinished::Again { answer, asked_for })
        };
        let result = attempt
            .retry(self.pauses())
            .sleep(sleeper)
            .when(|unfinished| matches!(unfinished, Unfinished::Again { .. }))
            .adjust(|unfinished, pause| self.adjusted(pause?, unfinished.asked_for()))
            .notify(|unfinished, pause| {
                tracing::debug!(
                    issuer,
                    status = unfinished.status(),
                    milliseconds = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                    "trying again after a pause"
                );
            })
            .await;
        match result {
            Ok(answer) | Err(Unfinished::Again { answer, .. }) => Ok(answer),
            Err(Unfinished::Failed(error)) => Err(error),
        }
    }

    /// Returns pauses that double. `backon` adds a random time of up to the same length, so each
    /// pause is between half of its longest time and all of it.
    fn pauses(&self) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_min_delay(half(self.first))
            .with_factor(2.0)
            .with_max_delay(half(self.longest))
            .with_max_times(usize::try_from(self.attempts.saturating_sub(1)).unwrap_or(usize::MAX))
            .with_jitter()
    }

    /// Returns the pause, which is at least as long as the issuer asked for. A random part keeps
    /// clients from returning at the same moment. Returns `None` if the issuer asked for a longer
    /// pause than the policy allows.
    fn adjusted(&self, pause: Duration, asked_for: Option<Duration>) -> Option<Duration> {
        let jitter = pause.checked_div(8).unwrap_or_default();
        match asked_for {
            None => Some(pause),
            Some(asked) if asked > self.longest => None,
            Some(asked) => Some(asked.max(pause).saturating_add(jitter)),
        }
    }
}

/// An answer of the issuer, or the error if there was no answer.
pub(crate) type Answer = Result<HttpResponse, HttpError>;

/// An attempt that did not give a final answer.
enum Unfinished<E> {
    /// Another attempt may succeed after this pause.
    Again { answer: Answer, asked_for: Option<Duration> },
    /// The attempt could not be made.
    Failed(E),
}

impl<E> Unfinished<E> {
    fn asked_for(&self) -> Option<Duration> {
        match self {
            Self::Again { asked_for, .. } => *asked_for,
            Self::Failed(_) => None,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Again { answer, .. } => answer.as_ref().map(|response| response.status).ok(),
            Self::Failed(_) => None,
        }
    }
}

fn half(duration: Duration) -> Duration {
    duration.checked_div(2).unwrap_or_default()
}

fn is_final(answer: &Answer) -> bool {
    match answer {
        Ok(response) => response.status != 429 && response.status < 500,
        Err(error) => !error.is_transient(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::convert::Infallible;
    use std::future::ready;
    use std::rc::Rc;

    use etdi_types::ManualClock;
    use reqwest::header::HeaderMap;

    use super::*;

    /// Gives `answers` to the attempts of `policy`. Returns the last answer, and the pauses between
    /// the attempts. The test does not wait.
    async fn pauses(policy: &RetryPolicy, answers: Vec<Answer>) -> (Answer, Vec<Duration>) {
        let (clock, answers) = (ManualClock::at(0), RefCell::new(answers.into_iter()));
        let pauses = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&pauses);
        let sleeper = move |pause| {
            noted.borrow_mut().push(pause);
            ready(())
        };
        let attempt = || ready(Ok::<_, Infallible>(answers.borrow_mut().next().unwrap()));
        let Ok(answer) = policy.run_with(sleeper, "issuer", &clock, attempt).await;
        assert_eq!(answers.borrow().len(), 0, "every answer is asked for");
        let pauses = pauses.borrow().clone();
        (answer, pauses)
    }

    fn response(status: u16, headers: &[(&'static str, &str)]) -> HttpResponse {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        HttpResponse { status, headers: map, body: Vec::new().into() }
    }

    #[tokio::test]
    async fn pauses_double_with_jitter_and_end() {
        let policy = RetryPolicy::default().attempts(4);
        let answers = [502, 503, 500, 504].map(|status| Ok(response(status, &[])));
        let (answer, pauses) = pauses(&policy, answers.into()).await;
        assert_eq!(answer.unwrap().status, 504, "the last answer is the result");
        assert_eq!(pauses.len(), 3);
        for (pause, longest) in pauses.into_iter().zip([500, 1000, 2000]) {
            let longest = Duration::from_millis(longest);
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?}");
        }
        let gone = || Err(HttpError::Connection("refused".to_owned()));
        let (answer, none) = self::pauses(&RetryPolicy::never(), vec![gone()]).await;
        assert!(matches!(answer, Err(HttpError::Connection(_))));
        assert!(none.is_empty(), "{none:?}");
    }

    #[tokio::test]
    async fn a_second_attempt_waits_as_long_as_it_was_told() {
        let answers = vec![
            Ok(response(429, &[("retry-after", "2")])),
            Err(HttpError::Timeout(Duration::from_secs(1))),
            Ok(response(200, &[])),
        ];
        let (answer, pauses) = pauses(&RetryPolicy::default(), answers).await;
        assert_eq!(answer.unwrap().status, 200);
        assert_eq!(pauses.len(), 2);
        assert!(pauses[0] >= Duration::from_secs(2), "{pauses:?}");
        assert!(pauses[0] < Duration::from_millis(2100), "{pauses:?}");
        assert!(pauses[1] <= Duration::from_secs(1), "{pauses:?}");
    }

    #[tokio::test]
    async fn a_pause_is_at_least_as_long_as_asked_for_and_a_long_pause_is_an_error() {
        let policy = RetryPolicy::default();
        let asked = Duration::from_secs(3);
        assert!(policy.adjusted(Duration::from_millis(250), Some(asked)).unwrap() >= asked);
        let answers = vec![Ok(response(503, &[("retry-after", "6")]))];
        let (answer, pauses) = pauses(&policy, answers).await;
        assert_eq!((answer.unwrap().status, pauses.len()), (503, 0));
    }

    #[tokio::test]
    async fn a_refusal_and_a_permanent_failure_are_not_tried_again() {
        for status in [200, 400, 401, 403, 404] {
            let (answer, pauses) =
                pauses(&RetryPolicy::default(), vec![Ok(response(status, &[]))]).await;
            assert_eq!((answer.unwrap().status, pauses.len()), (status, 0));
        }
        let redirect = HttpError::Redirect { status: 302 };
        let (answer, pauses) = pauses(&RetryPolicy::default(), vec![Err(redirect)]).await;
        assert!(matches!(answer, Err(HttpError::Redirect { .. })));
        assert!(pauses.is_empty(), "{pauses:?}");
    }

    #[tokio::test]
    async fn an_attempt_that_cannot_be_made_ends_the_retries() {
        let made = Cell::new(0);
        let attempt = || {
            made.set(made.get() + 1);
            ready(Err::<Answer, _>("no proof"))
        };
        let result = RetryPolicy::default().run("issuer", &ManualClock::at(0), attempt).await;
        assert_eq!(result.err(), Some("no proof"));
        assert_eq!(made.get(), 1);
    }
}

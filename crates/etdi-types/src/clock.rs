//! Time as an argument: only [`SystemClock`] reads the system clock.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::Duration;

use time::OffsetDateTime;

/// A source of the current time.
///
/// Everything in ETDI that depends on time takes a `Clock`, so that a test can set the time.
/// Implementations must be cheap to call and must not block.
pub trait Clock: Debug + Send + Sync {
    /// Returns the current instant, in UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// A clock that moves only when it is told to. For tests and simulations.
#[derive(Debug)]
pub struct ManualClock(Mutex<OffsetDateTime>);

impl ManualClock {
    /// Returns a clock that shows `unix_seconds` after 1970-01-01T00:00:00Z.
    ///
    /// Seconds outside the years −9999…9999 give the epoch itself.
    #[must_use]
    pub fn at(unix_seconds: i64) -> Self {
        let at =
            OffsetDateTime::from_unix_timestamp(unix_seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self(Mutex::new(at))
    }

    /// Moves the clock forward, to the end of the year 9999 at most.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *now = now.saturating_add(by.try_into().unwrap_or(time::Duration::MAX));
    }

    /// Sets the clock to `unix_seconds` after the epoch, also backwards. Seconds outside the years
    /// −9999…9999 are ignored.
    pub fn set(&self, unix_seconds: i64) {
        if let Ok(at) = OffsetDateTime::from_unix_timestamp(unix_seconds) {
            *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = at;
        }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> OffsetDateTime {
        (**self).now()
    }
}

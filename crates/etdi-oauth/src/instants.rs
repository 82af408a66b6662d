//! Arithmetic on times and durations that come from outside. The results stay within the calendar,
//! so no issuer's number can make this program panic.

use std::time::Duration;

use time::OffsetDateTime;

/// Returns the instant `duration` after `at`, or the last instant of the calendar.
pub(crate) fn after(at: OffsetDateTime, duration: Duration) -> OffsetDateTime {
    at.saturating_add(duration.try_into().unwrap_or(time::Duration::MAX))
}

/// Returns the instant `duration` before `at`, or the first instant of the calendar.
pub(crate) fn before(at: OffsetDateTime, duration: Duration) -> OffsetDateTime {
    at.saturating_sub(duration.try_into().unwrap_or(time::Duration::MAX))
}

/// Returns the time from `earlier` to `later`. `None` if `later` is the earlier one, as after a
/// clock that went back.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the difference of two instants of the calendar always fits"
)]
pub(crate) fn between(earlier: OffsetDateTime, later: OffsetDateTime) -> Option<Duration> {
    Duration::try_from(later - earlier).ok()
}

/// Returns the instant of a NumericDate (RFC 7519, section 2). A date beyond the calendar becomes
/// the first or the last instant of the calendar.
pub(crate) fn instant(date: f64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::saturating_seconds_f64(date))
}

/// Returns the NumericDate of an instant.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "the difference of two instants of the calendar always fits"
)]
pub(crate) fn date(at: OffsetDateTime) -> f64 {
    (at - OffsetDateTime::UNIX_EPOCH).as_seconds_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_leaves_the_calendar() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let (first, last) = (instant(f64::MIN), instant(f64::MAX));
        assert_eq!(after(now, Duration::MAX), last);
        assert_eq!(before(now, Duration::MAX), first);
        assert_eq!(after(last, Duration::from_secs(1)), last);
        assert_eq!(before(first, Duration::from_secs(1)), first);
        assert!(between(first, last).is_some());
        assert_eq!(between(last, first), None);
        assert_eq!(instant(f64::NAN), now);
        assert_eq!(date(instant(7.0)), 7.0);
    }
}

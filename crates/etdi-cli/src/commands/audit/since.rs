//! Points in time as people write them.

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

use crate::exit::CliError;

/// Parses a time (RFC 3339), a date (its first moment in UTC), or a length of time before `now`.
pub(super) fn parse(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, CliError> {
    let date = || Date::parse(text, format_description!("[year]-[month]-[day]"));
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .or_else(|| date().ok().map(|date| date.midnight().assume_utc()))
        .or_else(|| now.checked_sub(length(text)?))
        .ok_or_else(|| {
            CliError::new("cannot use --since: the value is not a time, a date or a length of time")
                .at(text)
                .next("write 2026-11-22, 2026-11-22T10:00:00Z, or how long ago: 90s, 30m, 24h, 7d")
        })
}

fn length(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    Some(Duration::seconds(i64::from(number) * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_dates_and_lengths_are_understood() {
        let now = OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
        assert_eq!(parse("2h", now).unwrap(), now - Duration::hours(2));
        assert_eq!(parse("1970-01-02", now).unwrap().unix_timestamp(), 86_400);
        assert_eq!(parse("1970-01-01T00:00:01Z", now).unwrap().unix_timestamp(), 1);
        for bad in ["", "h", "-1h", "1w", "yesterday", "99999999999d"] {
            assert!(parse(bad, now).is_err(), "{bad}");
        }
    }
}

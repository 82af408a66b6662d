//! Reads how long an issuer asks its clients to wait.

use std::time::Duration;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::http::HttpResponse;
use crate::instants::{between, instant};

/// The longest pause that is kept, whatever the issuer asks for. A misconfigured proxy could
/// otherwise lock a client out for years.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A smaller number in a header with a date is a number of seconds from now, because no date in it
/// is after 2001.
const FIRST_DATE: f64 = 1e9;

/// Reads `Retry-After` (RFC 9110, section 10.2.3), in seconds or as a date. With status 429, also
/// reads `x-ratelimit-reset` (Auth0) and `x-rate-limit-reset` (Okta), in seconds after the epoch;
/// with another status these headers do not ask for a pause.
///
/// The result is at most [`LONGEST_PAUSE`].
pub(crate) fn retry_after(response: &HttpResponse, now: OffsetDateTime) -> Option<Duration> {
    let pause = match response.header("retry-after") {
        Some(text) => seconds(text)
            .map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_PAUSE))
            .or_else(|| date(text).map(|at| until(at, now))),
        None if response.status == 429 => ["x-ratelimit-reset", "x-rate-limit-reset"]
            .into_iter()
            .find_map(|name| response.header(name))
            .and_then(seconds)
            .map(|reset| reset_after(reset, now)),
        None => None,
    };
    pause.map(|pause| pause.min(LONGEST_PAUSE))
}

/// Reads a number of seconds: digits, and in the headers of some proxies a fraction. The number may
/// be infinite.
fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| plain)
}

/// Reads a date in the three forms of RFC 9110, section 5.6.7, or with a numeric zone.
fn date(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let date = httpdate::parse_http_date(text).ok().filter(|at| *at >= SystemTime::UNIX_EPOCH);
    date.map(OffsetDateTime::from).or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok())
}

fn reset_after(reset: f64, now: OffsetDateTime) -> Duration {
    if reset < FIRST_DATE {
        return Duration::try_from_secs_f64(reset).unwrap_or(LONGEST_PAUSE);
    }
    until(instant(reset), now)
}

fn until(at: OffsetDateTime, now: OffsetDateTime) -> Duration {
    between(now, at).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    /// Sunday, 1994-11-06T08:48:37Z.
    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(784_111_717).unwrap()
    }

    fn response(status: u16, name: &'static str, value: &[u8]) -> HttpResponse {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        HttpResponse { status, headers, body: Vec::new().into() }
    }

    fn read(name: &'static str, value: &str) -> Option<u64> {
        retry_after(&response(429, name, value.as_bytes()), now()).map(|pause| pause.as_secs())
    }

    #[test]
    fn a_pause_is_read_in_every_form() {
        for (name, value, expected) in [
            ("retry-after", "60", Some(60)),
            ("retry-after", " 60 ", Some(60)),
            ("retry-after", "1.9", Some(1)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT", Some(60)),
            ("retry-after", "Sun Nov  6 08:49:37 1994", Some(60)),
            ("retry-after", "Sun, 06 Nov 1994 09:49:37 +0100", Some(60)),
            ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("x-ratelimit-reset", "30", Some(30)),
            ("x-other", "1", None),
        ] {
            assert_eq!(read(name, value), expected, "{name}: {value}");
        }
        let later = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        for name in ["x-ratelimit-reset", "x-rate-limit-reset"] {
            let limited = response(429, name, b"1800000030");
            assert_eq!(retry_after(&limited, later), Some(Duration::from_secs(30)), "{name}");
            let failed = response(503, name, b"1800000030");
            assert_eq!(retry_after(&failed, later), None, "{name}");
        }
    }

    #[test]
    fn a_text_that_names_no_time_is_ignored() {
        for value in ["soon", "-1", "1e9", "inf", "NaN", "", "1.2.3", ".", "60s", "0x10"] {
            assert_eq!(read("retry-after", value), None, "{value}");
            assert_eq!(read("x-ratelimit-reset", value), None, "{value}");
        }
    }

    #[test]
    fn a_pause_is_at_most_an_hour() {
        let longest = Some(LONGEST_PAUSE.as_secs());
        let digits = "9".repeat(400);
        for value in ["3601", "999999999", "999999999999", "18446744073709551616", &digits] {
            assert_eq!(read("retry-after", value), longest, "{value}");
            assert_eq!(read("x-ratelimit-reset", value), longest, "{value}");
        }
        assert_eq!(read("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"), longest);
    }

    proptest! {
        #[test]
        fn no_header_panics_or_asks_for_more_than_an_hour(
            name in prop_oneof![Just("retry-after"), Just("x-ratelimit-reset")],
            value in prop_oneof!["[ -~]{0,40}", "[0-9.]{1,400}"],
            seconds in any::<i32>(),
        ) {
            let now = instant(f64::from(seconds) * 1000.0);
            let pause = retry_after(&response(429, name, value.as_bytes()), now);
            prop_assert!(pause.is_none_or(|pause| pause <= LONGEST_PAUSE));
        }
    }
}

//! The lifetime of a JWKS (RFC 9111).

use std::time::Duration;

const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns `max-age` minus `Age`, but at least 5 minutes and at most 24 hours. Returns 5 minutes if
/// `max-age` is missing, or if the header has `no-store` or `no-cache`.
pub(super) fn lifetime(cache_control: Option<&str>, age: Option<&str>) -> Duration {
    let mut max_age = None;
    for directive in cache_control.unwrap_or_default().split(',') {
        let directive = directive.trim().to_ascii_lowercase();
        match directive.split_once('=') {
            None if matches!(directive.as_str(), "no-store" | "no-cache") => return SHORTEST,
            Some(("max-age", seconds)) => max_age = seconds.trim_matches('"').parse::<u64>().ok(),
            _ => {}
        }
    }
    let age = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let seconds = max_age.unwrap_or(0).saturating_sub(age);
    Duration::from_secs(seconds).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_is_clamped() {
        for (header, age, seconds) in [
            (None, None, 300),
            (Some("max-age=0"), None, 300),
            (Some("public, max-age=15, stale-while-revalidate=15"), None, 300),
            (Some("max-age=3600"), None, 3600),
            (Some("Public, Max-Age=\"3600\""), Some("600"), 3000),
            (Some("max-age=3600, no-store"), None, 300),
            (Some("no-cache, max-age=3600"), None, 300),
            (Some("max-age=31536000"), None, 86_400),
            (Some("max-age=-1"), None, 300),
            (Some("max-age=99999999999999999999999"), None, 300),
        ] {
            assert_eq!(lifetime(header, age), Duration::from_secs(seconds), "{header:?}");
        }
    }
}

//! Obtains a token, uses it from the cache, and renews it.

use std::time::Duration;

use etdi::{Clock, Expectations, OAuthProvider, SystemClock, TokenRequest};

use super::cast::Cast;
use crate::claims::Report;
use crate::scenarios::idp::REGISTRY;
use crate::servers::{CALL_SCOPE, TOOL};

/// The number of further callers that ask for the same token.
const CALLERS: usize = 10;

pub(super) async fn acquired_cached_renewed(
    report: &mut Report,
    cast: &Cast,
) -> anyhow::Result<()> {
    report.chapter("1. A host gets a token to call a tool with.")?;
    let request = TokenRequest::for_tool(format!("trustedsoft.example/{TOOL}")).scope(CALL_SCOPE);
    let first = cast.auth0.token(&request).await?;
    let expected = Expectations::audience(&cast.identity.audience).scope(CALL_SCOPE);
    let principal = cast.auth0.validate(&first, expected).await?;
    report.claim(
        "token-acquired",
        "the issuer grants the token, which is valid for the API and holds the scope",
        format!("issuer {}, scope {CALL_SCOPE}: true", cast.identity.issuer),
        format!(
            "issuer {}, scope {CALL_SCOPE}: {}",
            principal.issuer(),
            principal.scopes().contains(CALL_SCOPE)
        ),
    )?;
    let Some(issuer) = &cast.identity.embedded else { return Ok(()) };
    for _ in 0..CALLERS {
        cast.auth0.token(&request).await?;
    }
    report.claim(
        "token-cached",
        "ten more callers get the same token: the issuer is not asked again",
        "1 request",
        requests(issuer.requests(REGISTRY)),
    )?;
    // Move the clocks to two minutes before the token expires.
    let later = first.expires_at() - cast.clock.now() - time::Duration::minutes(2);
    issuer.set_clock_offset(later.whole_seconds())?;
    cast.clock.advance(Duration::try_from(later)?);
    let mut second = cast.auth0.token(&request).await?;
    // A caller waits at most a second for the new token, and goes on with the old one if it is valid.
    for _ in 0..10 {
        if second.expose() == first.expose() {
            second = cast.auth0.token(&request).await?;
        }
    }
    let lives_on = second.expires_at() > first.expires_at() + time::Duration::hours(1);
    report.claim(
        "token-renewed",
        "shortly before it expires, the token is replaced by one that expires later",
        "2 requests, expires later: true",
        format!("{}, expires later: {lives_on}", requests(issuer.requests(REGISTRY))),
    )?;
    issuer.set_clock_offset(0)?;
    cast.clock.set(SystemClock.now().unix_timestamp());
    cast.auth0.cleanup();
    Ok(())
}

fn requests(count: usize) -> String {
    if count == 1 { "1 request".to_owned() } else { format!("{count} requests") }
}

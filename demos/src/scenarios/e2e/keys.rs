//! The issuer changes its keys.

use std::time::Duration;

use etdi::client::ServerConnection;
use etdi::{OAuthProvider, TokenRequest};

use super::cast::Cast;
use crate::claims::{Report, Transport};
use crate::scenarios::stage::{FINDINGS, approve, call_again, judged};
use crate::servers::CALL_SCOPE;

/// A time after which the issuer's keys must be fetched again.
const A_WHILE: Duration = Duration::from_secs(10 * 60);

pub(super) async fn rotated_and_withdrawn(
    report: &mut Report,
    transport: Transport,
    cast: &Cast,
    server: &ServerConnection,
) -> anyhow::Result<()> {
    let Some(issuer) = &cast.identity.embedded else { return Ok(()) };
    report.chapter("6. The issuer changes its keys.")?;
    let state = &cast.server.state;
    let approved = approve(server).await?;
    let calls = state.calls();
    let old = cast.auth0.token(TokenRequest::new().scope(CALL_SCOPE)).await?;
    issuer.rotate_key()?;
    later(cast)?;
    call_again(server, &approved).await;
    // Empty the host's cache of tokens: on HTTP, the next call then has a token that the new key
    // signed.
    cast.auth0.cleanup();
    report.claim(
        "key-rotated",
        "the issuer signs with a new key and still publishes the old one: calls go on",
        format!("called, found {FINDINGS}; calls {}", calls + 2),
        format!("{}; calls {}", call_again(server, &approved).await, state.calls()),
    )?;
    issuer.withdraw_old_keys();
    later(cast)?;
    if transport == Transport::Http {
        report.claim(
            "withdrawn-key-of-a-token",
            "the issuer withdraws the old key: the server refuses a token that this key signed",
            format!("401, error=\"invalid_token\"; calls {}", calls + 2),
            format!("{}; calls {}", cast.server.post_call(&old).await?, state.calls()),
        )?;
    }
    cast.auth0.cleanup();
    report.claim(
        "withdrawn-key-of-an-attestation",
        "and the approved tool, attested under the old key, is not called any longer",
        format!("blocked: Revoked, Approved; calls {}", calls + 2),
        format!("{}; calls {}", call_again(server, &approved).await, state.calls()),
    )?;
    let shown = judged(server).await?.to_string();
    let who = shown.lines().find(|line| line.starts_with("who:")).unwrap_or_default();
    report.claim_contains(
        "withdrawn-key-is-named",
        "the reason names the key",
        &["revoked", "withdrawn its key \"key-1\""],
        who,
    )?;
    Ok(())
}

/// Moves the clocks of host and server.
fn later(cast: &Cast) -> anyhow::Result<()> {
    cast.clock.advance(A_WHILE);
    let state = &cast.server.state;
    let ahead = state.clock_offset() + i64::try_from(A_WHILE.as_secs())?;
    Ok(state.set_clock_offset(ahead)?)
}

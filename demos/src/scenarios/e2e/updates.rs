//! The events, a new version, and a second identity provider.

use etdi::client::ServerConnection;
use etdi::events::{EventRecord, EventType, Subscription};
use etdi::{Expectations, OAuthProvider, ProviderRegistry, TokenRequest};

use super::cast::Cast;
use crate::claims::Report;
use crate::scenarios::stage::{FINDINGS, approve, judged, unattended};
use crate::servers::CALL_SCOPE;

/// Checks the events of the host and of the server so far, in the order in which they happened.
pub(super) async fn events(
    report: &mut Report,
    cast: &Cast,
    host: &mut Subscription,
) -> anyhow::Result<()> {
    const SHOWN: [EventType; 6] = [
        EventType::ToolDiscovered,
        EventType::ToolVerified,
        EventType::ToolApproved,
        EventType::AuthSuccess,
        EventType::ToolInvoked,
        EventType::AuthFailure,
    ];
    let mut records: Vec<EventRecord> = cast.server.state.events();
    while let Some(record) = host.try_recv() {
        records.push(EventRecord::clone(&record));
    }
    records.retain(|record| SHOWN.contains(&record.event_type()));
    records.sort_by_key(|record| record.time);
    let mut told: Vec<_> =
        records.iter().map(|record| format!("{} {}", record.source, record.event_type())).collect();
    told.dedup();
    report.claim(
        "events",
        "host and server report the events in order",
        [
            "demo-host tool_discovered",
            "demo-host tool_verified",
            "demo-host tool_approved",
            "demo-host tool_verified",
            "etdi-server auth_success",
            "etdi-server tool_invoked",
            "demo-host tool_invoked",
            "etdi-server auth_failure",
        ]
        .join("\n"),
        told.join("\n"),
    )?;
    Ok(())
}

/// The publisher releases version 1.1.0.
pub(super) async fn new_version(
    report: &mut Report,
    cast: &Cast,
    server: &ServerConnection,
) -> anyhow::Result<()> {
    report.chapter("4. The publisher releases a new version.")?;
    let state = &cast.server.state;
    let (who, calls) = (cast.identity.who(), state.calls());
    state.set_offer("1.1.0")?;
    report.claim(
        "new-version-asks",
        "version 1.1.0, attested anew, asks again",
        format!("ApprovalRequired: {who}, Upgraded; calls {calls}"),
        format!("{}; calls {}", unattended(server).await?, state.calls()),
    )?;
    report.claim_contains(
        "new-version-diff",
        "and shows what changed",
        &["upgraded from 1.0.0", "/description", "with the place of each"],
        &judged(server).await?.to_string(),
    )?;
    approve(server).await?;
    report.claim(
        "new-version-works",
        "approved again, it works",
        format!("called, found {FINDINGS}; calls {}", calls + 1),
        format!("{}; calls {}", unattended(server).await?, state.calls()),
    )?;
    Ok(())
}

/// Calls from another company's host, with tokens of another kind of issuer.
pub(super) async fn second_provider(report: &mut Report, cast: &Cast) -> anyhow::Result<()> {
    report.chapter("5. A second identity provider, of another kind, beside Auth0.")?;
    let generic = cast.generic.clone();
    let registry = ProviderRegistry::new();
    registry.register(cast.auth0.clone())?;
    registry.register(generic.clone())?;
    let request = TokenRequest::new().scope(CALL_SCOPE);
    let expected = Expectations::audience(&cast.identity.audience).scope(CALL_SCOPE);
    let tokens = [cast.auth0.token(&request).await?, generic.token(&request).await?];
    let mut issuers = Vec::new();
    for token in &tokens {
        issuers.push(registry.validate(token, &expected).await?.issuer().to_owned());
    }
    report.claim(
        "two-providers",
        "each token is judged by the provider of its own issuer",
        format!("{}, {}", cast.identity.issuer, generic.issuer()),
        issuers.join(", "),
    )?;
    let host = cast.host(generic)?;
    let server = cast.server.connect(&host).await?;
    let (who, calls) = (cast.identity.who(), cast.server.state.calls());
    report.claim(
        "approvals-are-not-shared",
        "an approval for one host's principal does not count for the other host's principal",
        format!("ApprovalRequired: {who}, New; calls {calls}"),
        format!("{}; calls {}", unattended(&server).await?, cast.server.state.calls()),
    )?;
    approve(&server).await?;
    report.claim(
        "second-provider-calls",
        "approved, it is called with a token of the second issuer",
        format!("called, found {FINDINGS}; calls {}", calls + 1),
        format!("{}; calls {}", unattended(&server).await?, cast.server.state.calls()),
    )?;
    Ok(())
}

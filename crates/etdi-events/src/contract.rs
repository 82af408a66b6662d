//! The duties of every event sink, as a test that the author of a sink can run.

use etdi_types::ApprovalBasis;
use etdi_types::verdict::KeyTrust;
use time::OffsetDateTime;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::event::{
    AuthFailure, AuthSuccess, CallDepthExceeded, CallStackViolation, CircularCallDetected,
    ClientConnected, ClientDisconnected, ClientInitialized, Event, EventType, Expired,
    PermissionChanged, PrivilegeEscalationDetected, ProviderError, ProviderRegistered,
    ProviderUpdated, SecurityViolation, SignatureFailed, SignatureVerified, TokenAcquired,
    TokenExpired, TokenRefreshed, TokenRevoked, TokenValidated, ToolApproved, ToolDiscovered,
    ToolExpired, ToolInvoked, ToolReapprovalRequested, ToolRef, ToolRemoved, ToolUpdated,
    ToolVerified, VersionChanged,
};
use crate::record::{CorrelationId, EventRecord};
use crate::sink::{EventSink, SinkError};

/// Text such as a hostile server sends: quotes, line breaks, terminal escapes, bidirectional
/// overrides, zero-width and TAG characters.
pub const HOSTILE_TEXT: &str =
    "\"},\n{\"type\":\"auth_success\"}\r\0\u{1b}[2J\u{202e}\u{200b}\u{e0041}\\ é 漢";

/// The duty that a sink broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkViolation {
    /// The sink refused a record that it must take.
    #[error("the sink refused a `{event}` record; it must take every event type and any text")]
    Refused {
        /// The event type.
        event: EventType,
        /// The sink's error.
        source: SinkError,
    },
    /// The sink failed to flush.
    #[error("the sink cannot flush its records")]
    Flush(#[source] SinkError),
    /// After a flush, the destination does not hold exactly the given records, in order.
    #[error(
        "after a flush the destination holds the records [{}], but the sink got [{}]; each record \
         must arrive once, in order",
        list(found),
        list(expected)
    )]
    Differs {
        /// The ids of the given records.
        expected: Vec<Uuid>,
        /// The ids at the destination.
        found: Vec<Uuid>,
    },
}

/// Checks that a sink takes every event type with hostile text in every field, keeps the order,
/// loses and repeats no record, and shows every record after a flush.
///
/// `arrived` reads the destination and returns the ids of the records in it, in order.
///
/// # Errors
///
/// The first [`SinkViolation`] that was found.
pub fn sink_keeps_its_contract<S: EventSink>(
    mut sink: S,
    mut arrived: impl FnMut() -> Vec<Uuid>,
) -> Result<(), SinkViolation> {
    let mut expected = Vec::new();
    for _round in 0..2 {
        for record in records_of_every_type() {
            let (event, id) = (record.event_type(), record.id);
            sink.record(&record).map_err(|source| SinkViolation::Refused { event, source })?;
            expected.push(id);
        }
        sink.flush().map_err(SinkViolation::Flush)?;
        // A second flush without new records must not add any.
        sink.flush().map_err(SinkViolation::Flush)?;
        let found = arrived();
        if found != expected {
            return Err(SinkViolation::Differs { expected, found });
        }
    }
    Ok(())
}

/// Returns one record for each event type, in the order of
/// [`EventType::ALL`](crate::EventType::ALL), with [`HOSTILE_TEXT`] in every string.
#[must_use]
pub fn records_of_every_type() -> Vec<EventRecord> {
    let sequence = ContextV7::new();
    events_of_every_type()
        .into_iter()
        .map(|event| EventRecord {
            id: Uuid::new_v7(Timestamp::from_unix(&sequence, 1_800_000_000, 0)),
            time: at(),
            correlation_id: Some(CorrelationId::random()),
            source: text(),
            event,
        })
        .collect()
}

fn events_of_every_type() -> Vec<Event> {
    let (expires, since) = (at(), at());
    vec![
        ToolDiscovered { tool: tool(), signed: true }.into(),
        ToolVerified { tool: tool(), who: text(), origin: text(), what: texts(), decision: text() }
            .into(),
        ToolApproved {
            tool: tool(),
            by: text(),
            basis: ApprovalBasis::PinnedKey,
            permissions: texts(),
            supersedes: Some(text()),
            expires: Some(expires),
        }
        .into(),
        ToolInvoked {
            tool: tool(),
            principal: Some(text()),
            succeeded: true,
            duration_ms: Some(u64::MAX),
        }
        .into(),
        ToolUpdated { tool: tool(), from_digest: Some(text()), from_version: Some(text()) }.into(),
        ToolRemoved { tool: tool() }.into(),
        ToolReapprovalRequested {
            tool: tool(),
            reasons: texts(),
            approved_digest: Some(text()),
            diff: Some(text()),
        }
        .into(),
        ToolExpired { tool: tool(), expired: Expired::Attestation, since }.into(),
        SignatureVerified { tool: tool(), kid: text(), algorithm: text(), trust: KeyTrust::Pinned }
            .into(),
        SignatureFailed {
            tool: tool(),
            kid: Some(text()),
            algorithm: Some(text()),
            reason: text(),
        }
        .into(),
        VersionChanged { tool: tool(), from: text(), to: Some(text()) }.into(),
        PermissionChanged { tool: tool(), added: texts(), removed: texts() }.into(),
        SecurityViolation { server: text(), tool: Some(tool()), violation: text(), detail: text() }
            .into(),
        AuthSuccess {
            issuer: text(),
            subject: text(),
            client: Some(text()),
            audience: text(),
            scopes: texts(),
        }
        .into(),
        AuthFailure {
            issuer: Some(text()),
            client: Some(text()),
            audience: Some(text()),
            code: text(),
            reason: text(),
            missing_scopes: texts(),
            remedy: Some(text()),
        }
        .into(),
        TokenAcquired {
            issuer: text(),
            client: text(),
            audience: Some(text()),
            scopes: texts(),
            expires,
        }
        .into(),
        TokenValidated {
            issuer: text(),
            subject: text(),
            client: Some(text()),
            audience: text(),
            scopes: texts(),
            expires,
        }
        .into(),
        TokenRefreshed {
            issuer: text(),
            client: text(),
            audience: Some(text()),
            scopes: texts(),
            expires,
        }
        .into(),
        TokenExpired { issuer: text(), client: Some(text()), audience: Some(text()), since }.into(),
        TokenRevoked {
            issuer: text(),
            client: Some(text()),
            audience: Some(text()),
            reason: Some(text()),
        }
        .into(),
        CallStackViolation { tool: tool(), stack: texts(), reason: text() }.into(),
        CallDepthExceeded { tool: tool(), stack: texts(), depth: u32::MAX, limit: 8 }.into(),
        CircularCallDetected { tool: tool(), circle: texts() }.into(),
        PrivilegeEscalationDetected { tool: tool(), caller: text(), scopes: texts() }.into(),
        ClientInitialized { level: text(), trusted_providers: 2 }.into(),
        ClientConnected { server: text(), transport: text(), protocol: Some(text()) }.into(),
        ClientDisconnected { server: text() }.into(),
        ProviderRegistered { issuer: text(), kind: text() }.into(),
        ProviderUpdated { issuer: text(), change: text() }.into(),
        ProviderError {
            issuer: text(),
            code: Some(text()),
            status: Some(503),
            reason: text(),
            retry_after_seconds: Some(30),
        }
        .into(),
    ]
}

fn text() -> String {
    HOSTILE_TEXT.to_owned()
}

fn texts() -> Vec<String> {
    vec![text(), String::new()]
}

fn tool() -> ToolRef {
    ToolRef {
        server: text(),
        id: text(),
        name: text(),
        version: Some(text()),
        digest: Some(text()),
        provider: Some(text()),
    }
}

fn at() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn list(ids: &[Uuid]) -> String {
    ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(", ")
}

//! The records that the caller of a judgement may store, as values.

use etdi_types::evidence::{Evidence, SignatureEvidence};
use etdi_types::{
    AuthorizationContext, EvidenceRecord, LedgerEntry, Pin, ServerIdentity, ToolDefinition, Verdict,
};
use time::OffsetDateTime;

use crate::store::Sighting;

/// Returns the record of a definition as it is served now; `None` if its evidence is not good.
pub(crate) fn pin(
    server: &ServerIdentity,
    definition: &ToolDefinition,
    verdict: &Verdict,
    evidence: &Evidence,
    at: OffsetDateTime,
) -> Option<Pin> {
    let pinned_key = match &evidence.signature {
        SignatureEvidence::Good { pinned_key, .. } => pinned_key.as_ref(),
        _ => None,
    };
    let evidence = EvidenceRecord::of(&verdict.who, pinned_key)?;
    Some(Pin::of_tool(server, definition, evidence, at))
}

/// Returns the sighting of a definition that is not blocked.
pub(crate) fn sighting(pin: Pin, verdict: &Verdict, context: &AuthorizationContext) -> Sighting {
    let ledger = ledger_entry(&pin, verdict);
    let sighting = Sighting::new(pin).with_ledger(ledger);
    if verdict.is_approved() { sighting.refreshing(context.clone()) } else { sighting }
}

/// Returns the ledger entry of a definition that has a version.
pub(crate) fn ledger_entry(pin: &Pin, verdict: &Verdict) -> Option<LedgerEntry> {
    let mut entry = LedgerEntry::of(pin)?;
    entry.global = verdict.who.is_global();
    Some(entry)
}

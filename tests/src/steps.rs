//! Numbered writes to an approval store. Tests can give two stores the same steps, and see from a store
//! how many steps it took.

use std::ops::Range;

use etdi_client::{ApprovalStore, Sighting, StoreError};
use etdi_types::confusable::{id_key, name_key};
use etdi_types::{
    ApprovalBasis, ApprovalRecord, AuthorizationContext, Digest, EvidenceRecord, LedgerEntry, Pin,
    ServerIdentity, StdioCommand, Subject,
};
use time::{Duration, OffsetDateTime};

/// The number of tools in one listing.
const LISTED: usize = 12;

/// Takes a step: a listing, an approval, the approval of an upgrade, and so on. Every eighth step
/// forgets a tool.
pub async fn take(store: &dyn ApprovalStore, step: usize) -> Result<(), StoreError> {
    match step % 4 {
        0 => {
            let listing: Vec<_> = (0..LISTED).map(|n| sighting(step + n, "1.0.0")).collect();
            store.record(&listing).await
        }
        1 => {
            store.approve(approval(step, "1.0.0", "alice"), Some(entry(step, "1.0.0")), None).await
        }
        2 => {
            let (tool, approved) = (step - 1, pin(step - 1, "1.0.0").digest);
            let approval = approval(tool, "1.1.0", "bob");
            store.approve(approval, Some(entry(tool, "1.1.0")), Some(approved)).await
        }
        _ if step % 8 == 3 => {
            store.forget(&server(step - 2), &pin(step - 2, "1.0.0").id).await.map(drop)
        }
        _ => {
            let mut again = sighting(step - 2, "1.1.0");
            again.refreshes = Some(AuthorizationContext::None);
            again.pin.at += Duration::hours(1);
            store.record(&[again]).await
        }
    }
}

/// Returns every subject that these steps write about.
pub fn subjects(steps: Range<usize>) -> Vec<Subject> {
    let of = |tool: usize, version: &str| {
        let pin = pin(tool, version);
        let mut subject = Subject::of_server(&pin.server, &pin.id);
        subject.id_key = Some(id_key(&pin.id));
        subject.name_key = name_key(&pin.served_name);
        subject.served_name = pin.served_name;
        subject.provider = pin.provider;
        subject.version = pin.version;
        subject
    };
    let tools = steps.start.saturating_sub(2)..steps.end + LISTED;
    tools.flat_map(|tool| [of(tool, "1.0.0"), of(tool, "1.1.0")]).collect()
}

/// Returns a pin of the tool with this number. Each tool and version has its own text.
pub fn pin(tool: usize, version: &str) -> Pin {
    let definition = format!("{{\"description\":\"{}\"}}", format!("{tool} {version} ").repeat(40));
    let mut pin = Pin::new(
        server(tool),
        format!("trustedsoft.example/tool{tool}"),
        EvidenceRecord::Identified,
        Digest::of(definition.as_bytes()),
        definition,
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(1),
    );
    pin.served_name = format!("tool{tool}");
    pin.provider = Some("https://trustedsoft.example".to_owned());
    pin.version = Some(version.parse().unwrap());
    pin
}

/// Returns the server of this tool. The tools belong to three servers, in turns.
fn server(tool: usize) -> ServerIdentity {
    ServerIdentity::from(&StdioCommand::new(format!("server-{}", tool % 3)))
}

pub fn entry(tool: usize, version: &str) -> LedgerEntry {
    let mut entry = LedgerEntry::of(&pin(tool, version)).unwrap();
    entry.global = tool.is_multiple_of(2);
    entry
}

pub fn sighting(tool: usize, version: &str) -> Sighting {
    Sighting::new(pin(tool, version)).with_ledger(Some(entry(tool, version)))
}

pub fn approval(tool: usize, version: &str, by: &str) -> ApprovalRecord {
    let (context, basis) = (AuthorizationContext::None, ApprovalBasis::Question);
    let mut approval = ApprovalRecord::new(pin(tool, version), context, by, basis);
    approval.granted = vec!["documents:read".parse().unwrap()];
    approval.until = Some(OffsetDateTime::UNIX_EPOCH + Duration::days(30_000));
    approval
}

//! The contract of every [`ApprovalStore`], as checks that the author of a store runs.

use etdi_types::{
    ApprovalBasis, ApprovalRecord, AuthorizationContext, Digest, EvidenceRecord, Known,
    LedgerEntry, Pin, ServerIdentity, StdioCommand, Subject,
};
use time::OffsetDateTime;

use crate::store::{ApprovalStore, NewApproval, Sighting, StoreError};

/// A promise that a store breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the approval store does not keep its contract: {0}")]
pub struct Broken(String);

/// Checks the contract. The store must be **empty**.
///
/// ```
/// # async fn run() -> Result<(), etdi_judge::contract::Broken> {
/// etdi_judge::contract::check(&etdi_judge::MemoryApprovals::new()).await
/// # }
/// ```
///
/// # Errors
/// [`Broken`] names the first promise that does not hold.
pub async fn check(store: &dyn ApprovalStore) -> Result<(), Broken> {
    pins_and_ledger_are_written_once(store).await?;
    approvals_supersede_and_move_the_pin(store).await?;
    approvals_are_known_as_they_were_given(store).await?;
    one_of_two_approvals_wins(store).await?;
    approvals_are_found_elsewhere(store).await?;
    forgetting_forgets(store).await?;
    forgetting_forgets_one_tool(store).await
}

async fn pins_and_ledger_are_written_once(store: &dyn ApprovalStore) -> Result<(), Broken> {
    store.record(&[sighting("a.example/once", "1.0.0", "first")]).await.map_err(failed)?;
    store.record(&[sighting("a.example/once", "1.0.0", "second")]).await.map_err(failed)?;
    let known = known(store, "a.example/once", "1.0.0", "here").await?;
    holds(
        "the first pin stays",
        known.pins.len() == 1 && first(&known.pins)?.digest == digest("first"),
    )?;
    let entry = known.ledger.first().ok_or_else(|| Broken("a ledger entry was lost".to_owned()))?;
    holds("the first ledger entry stays", entry.digest == digest("first"))?;
    let mut renamed = subject("a.example/once", "1.0.0", "here");
    renamed.id = "a.example/other".to_owned();
    let by_name = one(store, &renamed).await?;
    holds("a pin is found by its served name", by_name.pins.len() == 1)
}

async fn approvals_supersede_and_move_the_pin(store: &dyn ApprovalStore) -> Result<(), Broken> {
    let id = "a.example/moves";
    store.record(&[sighting(id, "1.0.0", "one")]).await.map_err(failed)?;
    let before = store.revision().await.map_err(failed)?;
    store.approve(approval(id, "1.0.0", "one"), None, None).await.map_err(failed)?;
    holds("an approval changes the revision", before != store.revision().await.map_err(failed)?)?;
    store.approve(approval(id, "1.1.0", "two"), None, Some(digest("one"))).await.map_err(failed)?;
    let known = known(store, id, "1.1.0", "here").await?;
    let current: Vec<_> = known.approvals.iter().filter(|a| !a.superseded).collect();
    holds("only one approval is current", current.len() == 1)?;
    holds("the last approval is current", current.iter().all(|a| a.pin.digest == digest("two")))?;
    holds(
        "the superseded approval stays",
        known.approvals.iter().any(|a| a.superseded && a.pin.digest == digest("one")),
    )?;
    holds("an approval replaces the pin of its tool", first(&known.pins)?.digest == digest("two"))?;
    let later = OffsetDateTime::UNIX_EPOCH + time::Duration::hours(1);
    let mut again = sighting(id, "1.1.0", "two");
    again.pin.at = later;
    again.refreshes = Some(AuthorizationContext::None);
    store.record(&[again]).await.map_err(failed)?;
    let known = self::known(store, id, "1.1.0", "here").await?;
    let refreshed = known.approvals.iter().find(|a| !a.superseded);
    holds(
        "a sighting refreshes evidence_good_at",
        refreshed.is_some_and(|a| a.evidence_good_at == later),
    )
}

/// Checks that the store agrees with [`NewApproval::stored_in`]: a judgement after an approval uses
/// these records, and does not read the store again.
async fn approvals_are_known_as_they_were_given(store: &dyn ApprovalStore) -> Result<(), Broken> {
    let id = "a.example/given";
    let mut expected = None;
    for (version, text) in [("1.0.0", "one"), ("1.1.0", "two"), ("1.0.0", "one")] {
        let (record, ledger) = (approval(id, version, text), entry(id, version, text));
        let new = NewApproval::new(record.clone(), ledger.clone(), expected);
        let before = known(store, id, version, "here").await?;
        store.approve(record, ledger, expected).await.map_err(failed)?;
        let mut after = known(store, id, version, "here").await?;
        let mut given = new.stored_in(before);
        for known in [&mut after, &mut given] {
            known.approvals.sort_by_key(|approval| (approval.superseded, approval.pin.digest));
        }
        holds("known() returns an approval as it was given", after == given)?;
        expected = Some(digest(text));
    }
    Ok(())
}

async fn one_of_two_approvals_wins(store: &dyn ApprovalStore) -> Result<(), Broken> {
    let id = "a.example/race";
    store.approve(approval(id, "1.0.0", "one"), None, None).await.map_err(failed)?;
    let late = store.approve(approval(id, "2.0.0", "two"), None, None).await;
    let told =
        matches!(late, Err(StoreError::Conflict { approved: Some(d) }) if d == digest("one"));
    holds("the second of two approvals gets a conflict", told)?;
    let known = known(store, id, "1.0.0", "here").await?;
    holds("an approval with a conflict is not kept", known.approvals.len() == 1)
}

async fn approvals_are_found_elsewhere(store: &dyn ApprovalStore) -> Result<(), Broken> {
    let id = "a.example/look-alike";
    store.approve(approval(id, "1.0.0", "one"), None, None).await.map_err(failed)?;
    let same = one(store, &subject("a.example/look_alike", "1.0.0", "there")).await?;
    holds("a look-alike is found on another server", same.elsewhere.len() == 1)?;
    holds(
        "a look-alike is not a tool of this server",
        same.approvals.is_empty() && same.pins.is_empty(),
    )
}

async fn forgetting_forgets(store: &dyn ApprovalStore) -> Result<(), Broken> {
    let id = "a.example/forget";
    let entry = entry(id, "1.0.0", "one");
    store.approve(approval(id, "1.0.0", "one"), entry, None).await.map_err(failed)?;
    let before = known(store, id, "1.0.0", "here").await?;
    holds("an approval adds its ledger entry", before.ledger.len() == 1)?;
    let approved = (server("here"), "forget".to_owned());
    let names = store.approved_names().await.map_err(failed)?;
    holds("approved_names() has an approved tool", names.contains(&approved))?;
    holds("forget() finds a tool", store.forget(&server("here"), id).await.map_err(failed)?)?;
    let known = known(store, id, "1.0.0", "here").await?;
    holds("forget() removes every record", known == Known::default())?;
    let names = store.approved_names().await.map_err(failed)?;
    holds("approved_names() lacks a forgotten tool", !names.contains(&approved))?;
    let mut of_server = sighting("executable:here", "1.0.0", "one");
    of_server.pin.served_name = String::new();
    of_server.ledger = None;
    store.record(std::slice::from_ref(&of_server)).await.map_err(failed)?;
    let names = ["executable:here", ""];
    for name in names {
        let forgot = store.forget(&server("here"), name).await.map_err(failed)?;
        holds("forget() keeps a record of the server as a whole", !forgot)?;
    }
    holds(
        "forget() finds a tool only once",
        !store.forget(&server("here"), id).await.map_err(failed)?,
    )
}

/// A server may serve one tool under the id of another.
async fn forgetting_forgets_one_tool(store: &dyn ApprovalStore) -> Result<(), Broken> {
    let (id, other) = ("a.example/one-of-two", "a.example/other-of-two");
    let mut named = approval(other, "1.0.0", "other");
    id.clone_into(&mut named.pin.served_name);
    store.approve(approval(id, "1.0.0", "one"), None, None).await.map_err(failed)?;
    store.approve(named, None, None).await.map_err(failed)?;
    holds(
        "forget() finds a tool by its id",
        store.forget(&server("here"), id).await.map_err(failed)?,
    )?;
    let gone = known(store, id, "1.0.0", "here").await?;
    holds("forget() removes the tool", gone.approval(id, &AuthorizationContext::None).is_none())?;
    let mut by_name = subject(other, "1.0.0", "here");
    id.clone_into(&mut by_name.served_name);
    let kept = one(store, &by_name).await?;
    holds(
        "forget() keeps another tool that is served under the id",
        kept.approval(other, &AuthorizationContext::None).is_some() && kept.pins.len() == 1,
    )
}

fn holds(promise: &str, kept: bool) -> Result<(), Broken> {
    if kept { Ok(()) } else { Err(Broken(promise.to_owned())) }
}

fn failed(error: StoreError) -> Broken {
    Broken(format!("a method failed: {error}"))
}

fn first(pins: &[Pin]) -> Result<&Pin, Broken> {
    pins.first().ok_or_else(|| Broken("a pin was lost".to_owned()))
}

async fn known(
    store: &dyn ApprovalStore,
    id: &str,
    version: &str,
    at: &str,
) -> Result<Known, Broken> {
    one(store, &subject(id, version, at)).await
}

async fn one(store: &dyn ApprovalStore, subject: &Subject) -> Result<Known, Broken> {
    let mut known = store.known(std::slice::from_ref(subject)).await.map_err(failed)?;
    match (known.pop(), known.is_empty()) {
        (Some(known), true) => Ok(known),
        _ => Err(Broken("known() answers once for each subject".to_owned())),
    }
}

fn server(name: &str) -> ServerIdentity {
    ServerIdentity::from(&StdioCommand::new(name))
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn subject(id: &str, version: &str, at: &str) -> Subject {
    let name = id.rsplit('/').next().unwrap_or(id);
    let mut subject = Subject::of_server(&server(at), id);
    subject.served_name = name.to_owned();
    subject.provider = Some("https://a.example".to_owned());
    subject.version = version.parse().ok();
    subject.id_key = Some(etdi_types::confusable::id_key(id));
    subject.name_key = etdi_types::confusable::name_key(name);
    subject
}

fn pin(id: &str, version: &str, text: &str) -> Pin {
    let subject = subject(id, version, "here");
    let (evidence, at) = (EvidenceRecord::Identified, OffsetDateTime::UNIX_EPOCH);
    let mut pin = Pin::new(subject.server, subject.id, evidence, digest(text), text, at);
    pin.served_name = subject.served_name;
    pin.provider = subject.provider;
    pin.version = subject.version;
    pin
}

/// Makes a ledger entry; `None` for a version that does not parse. The checks above pass only
/// versions that parse.
fn entry(id: &str, version: &str, text: &str) -> Option<LedgerEntry> {
    LedgerEntry::of(&pin(id, version, text))
}

fn sighting(id: &str, version: &str, text: &str) -> Sighting {
    Sighting::new(pin(id, version, text)).with_ledger(entry(id, version, text))
}

fn approval(id: &str, version: &str, text: &str) -> ApprovalRecord {
    let context = AuthorizationContext::None;
    ApprovalRecord::new(pin(id, version, text), context, "contract", ApprovalBasis::Override)
}

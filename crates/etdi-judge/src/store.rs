//! The store of pins, approvals and the ledger.

pub mod contract;
pub(crate) mod memory;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;
use etdi_types::records::PinnedKey;
use etdi_types::text::escaped;
use etdi_types::{
    ApprovalRecord, AuthorizationContext, Digest, Known, LedgerEntry, Pin, ServerIdentity, Subject,
};

/// The limit of unproven ledger entries, and of pins without an approval, per server. The oldest
/// are deleted first, so that a server can push out only its own records.
pub(crate) const UNPROVEN_PER_SERVER: usize = 20_000;

/// The limit of bytes in the definitions of these ledger entries, and of these pins, per server:
/// twice the limit of a listing.
pub(crate) const UNPROVEN_BYTES_PER_SERVER: usize = 128 << 20;

/// The records that a consistent listing writes for a tool that is not blocked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sighting {
    /// The pin. Kept if the store has no pin of this server and tool id.
    pub pin: Pin,
    /// The ledger entry. Kept if the store has no entry of this server, tool id and version. If the
    /// store has an entry of the same digest, and this one is global, the stored entry becomes
    /// global.
    pub ledger: Option<LedgerEntry>,
    /// The context of an approval to refresh, because the evidence is good now. If this digest is
    /// approved in this context, the approval's `evidence_good_at` moves to the pin's time.
    pub refreshes: Option<AuthorizationContext>,
}

impl Sighting {
    /// Makes a sighting that keeps only a pin.
    #[must_use]
    pub fn new(pin: Pin) -> Self {
        Self { pin, ledger: None, refreshes: None }
    }

    /// Keeps this ledger entry as well.
    #[must_use]
    pub fn with_ledger(self, ledger: Option<LedgerEntry>) -> Self {
        Self { ledger, ..self }
    }

    /// Notes that the evidence is good now, for the approval in `context`.
    #[must_use]
    pub fn refreshing(self, context: AuthorizationContext) -> Self {
        Self { refreshes: Some(context), ..self }
    }
}

/// An approval that is not stored yet: the arguments of
/// [`ApprovalStore::approve`](crate::ApprovalStore::approve).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewApproval {
    /// The approval.
    pub record: ApprovalRecord,
    /// The ledger entry of a definition that has a version.
    pub ledger: Option<LedgerEntry>,
    /// The digest that was approved when the approval was made.
    pub expected: Option<Digest>,
}

impl NewApproval {
    /// Makes an approval that replaces the one of the digest `expected`.
    #[must_use]
    pub fn new(
        record: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Self {
        Self { record, ledger, expected }
    }

    /// Returns the records that a store holds for the tool after it stores this approval, if it
    /// held `known` before. A judgement after an approval then needs no second look at the store;
    /// [`contract::check`](crate::contract::check) checks every store for this.
    #[must_use]
    pub fn stored_in(&self, mut known: Known) -> Known {
        let (record, pin) = (&self.record, &self.record.pin);
        let is_same = |earlier: &ApprovalRecord| {
            earlier.pin.server == pin.server
                && earlier.pin.id == pin.id
                && earlier.context == record.context
        };
        known.approvals.retain(|earlier| !is_same(earlier) || earlier.pin.digest != pin.digest);
        for earlier in &mut known.approvals {
            let is_unsigned = pin.provider.is_some() && earlier.pin.provider.is_none();
            if is_same(earlier) || (is_unsigned && earlier.context == record.context) {
                earlier.superseded = true;
            }
        }
        known.approvals.push(record.clone());
        match known.pins.iter_mut().find(|earlier| earlier.id == pin.id) {
            Some(earlier) => *earlier = pin.clone(),
            None => known.pins.push(pin.clone()),
        }
        if let Some(entry) = &self.ledger {
            match known.ledger.iter_mut().find(|earlier| earlier.server == entry.server) {
                Some(earlier) => earlier.global |= entry.global && earlier.digest == entry.digest,
                None => known.ledger.insert(0, entry.clone()),
            }
        }
        known.pinned_keys.extend(PinnedKey::of(pin));
        known
    }
}

/// A store of pins, approvals and ledger entries.
///
/// An implementation must be atomic: if a method succeeds, everything was kept, and if it fails, no
/// part was kept. The caller treats every error as a refusal and lets no tool through.
/// [`contract::check`](crate::contract::check) tests an implementation.
///
/// A later version may add methods. Each new method has a default that returns
/// [`StoreError::Unavailable`]. An older implementation then still compiles, and lets no tool
/// through where the new method is needed.
#[async_trait]
pub trait ApprovalStore: Debug + Send + Sync + 'static {
    /// Returns a number that changes whenever an answer of [`known`](Self::known) may change: after
    /// every approval, every forgotten tool, every new pin or ledger entry, whichever process wrote
    /// it. A new time of good evidence alone does not change the number.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    async fn revision(&self) -> Result<u64, StoreError>;

    /// Returns the records of each subject, in the order of the subjects.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    async fn known(&self, subjects: &[Subject]) -> Result<Vec<Known>, StoreError>;

    /// Returns the served name of every approved tool, with its server. Superseded approvals are
    /// left out. A changed definition must not begin to mention these names.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    async fn approved_names(&self) -> Result<Vec<(ServerIdentity, String)>, StoreError>;

    /// Keeps the missing records of each sighting. Never replaces a pin or a ledger entry.
    ///
    /// # Errors
    /// [`StoreError`] if the records cannot be kept.
    async fn record(&self, sightings: &[Sighting]) -> Result<(), StoreError>;

    /// Records an approval. It supersedes the approval of the same server, tool id and context, and
    /// for a signed tool also the approval of the unsigned tool of the same name. It replaces the
    /// tool's pin, and adds the ledger entry if that is missing.
    ///
    /// `expected` is the digest that was approved for this server, tool id and context when the
    /// person was asked; `None` if there was no approval.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another digest is approved by now: the approval is not kept
    /// then.
    async fn approve(
        &self,
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError>;

    /// Forgets every record of the tool with this id, and of no other tool. Only this ends the
    /// verdicts `Tampered` and `Replaced`, and only a person may decide it. Returns whether there
    /// was a record. To find a tool by its served name, use [`Judge::forget`](crate::Judge::forget).
    ///
    /// # Errors
    /// [`StoreError`] if the tool cannot be forgotten.
    async fn forget(&self, server: &ServerIdentity, id: &str) -> Result<bool, StoreError>;
}

/// The error of a store that cannot answer or keep.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The approval changed in the meantime: another definition was approved, or the approval was
    /// withdrawn.
    #[error(
        "the approval changed in the meantime ({}); look at the tool again",
        approved.map_or_else(|| "it was withdrawn".to_owned(), |digest| format!("approved now: {digest}"))
    )]
    Conflict {
        /// The digest that is approved now.
        approved: Option<Digest>,
    },
    /// The word is the id of one tool of the server and the served name of another. Neither tool was
    /// forgotten. A server chooses the names, and could make a person forget the wrong tool.
    #[error(
        "cannot forget the tool: \"{}\" is the id of one tool and the name of another; give the name \
         of the first, or the id of the other",
        escaped(.0)
    )]
    TwoTools(String),
    /// The store itself failed.
    #[error("the approval store failed, so no tool is let through: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

//! Where pins, approvals and the ledger are kept.

pub mod contract;
pub(crate) mod memory;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;
use etdi_types::records::PinnedKey;
use etdi_types::{
    ApprovalRecord, AuthorizationContext, Digest, Known, LedgerEntry, Pin, ServerIdentity, Subject,
};

/// How many unproven ledger entries, and how many pins without an approval, are kept per server.
/// The oldest go first, so that a server can push out nothing but its own.
pub(crate) const UNPROVEN_PER_SERVER: usize = 20_000;

/// How many bytes of definitions each of these may have per server: twice those of a listing.
pub(crate) const UNPROVEN_BYTES_PER_SERVER: usize = 128 << 20;

/// What a consistent listing writes for a tool that is not blocked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Sighting {
    /// Kept if the store has no pin of this server and tool id.
    pub pin: Pin,
    /// Kept if the store has no entry of this server, tool id and version. A global entry of the
    /// same digest makes an entry that is there global.
    pub ledger: Option<LedgerEntry>,
    /// The evidence is good now: if this digest is approved in this context, the approval's
    /// `evidence_good_at` moves to the pin's time.
    pub refreshes: Option<AuthorizationContext>,
}

impl Sighting {
    /// A sighting that keeps a pin and nothing else.
    #[must_use]
    pub fn new(pin: Pin) -> Self {
        Self { pin, ledger: None, refreshes: None }
    }

    /// Keeps this ledger entry as well.
    #[must_use]
    pub fn with_ledger(self, ledger: Option<LedgerEntry>) -> Self {
        Self { ledger, ..self }
    }

    /// Tells that the evidence is good now, for what is approved in `context`.
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
    /// An approval that takes the place of the one of `expected`.
    #[must_use]
    pub fn new(
        record: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Self {
        Self { record, ledger, expected }
    }

    /// Returns what a store knows of the tool once this is stored, if it knew `known` before. A
    /// judgement after an approval needs no second look at the store;
    /// [`contract::check`](crate::contract::check) holds every store to it.
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
/// An implementation must be atomic: what a method reports was kept whole, and what it did not
/// report was not kept at all. An error is a no: the caller lets nothing through on one.
/// [`contract::check`](crate::contract::check) tests an implementation.
///
/// A later version may add methods. Each comes with a default that returns
/// [`StoreError::Unavailable`], so that an older implementation still compiles, and lets nothing
/// through where the new method is needed.
#[async_trait]
pub trait ApprovalStore: Debug + Send + Sync + 'static {
    /// A number that is another one whenever what [`known`](Self::known) answers may be: after
    /// every approval, every forgotten tool, every new pin or ledger entry, whoever wrote it. When
    /// evidence was last good does not count.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    async fn revision(&self) -> Result<u64, StoreError>;

    /// What is known of each subject, in their order.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    async fn known(&self, subjects: &[Subject]) -> Result<Vec<Known>, StoreError>;

    /// The served name of every tool that is approved, with its server, superseded approvals left
    /// out: what a changed definition must not begin to mention.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot tell.
    async fn approved_names(&self) -> Result<Vec<(ServerIdentity, String)>, StoreError>;

    /// Keeps what is missing of each sighting; never replaces a pin or a ledger entry.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be kept.
    async fn record(&self, sightings: &[Sighting]) -> Result<(), StoreError>;

    /// Records an approval: it supersedes the one of the same server, tool id and context (or, for
    /// a signed tool, of the unsigned tool of the same name), moves the pin, and adds the ledger
    /// entry if it is missing.
    ///
    /// `expected` is the digest that was approved for this server, tool id and context when the
    /// person was asked; `None` if there was none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another digest is approved by now: nothing is kept then.
    async fn approve(
        &self,
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError>;

    /// Forgets everything about a tool of a server, by its id or its served name: the only way out
    /// of `Tampered` and `Replaced`. Only a person may decide this. Says whether there was anything.
    ///
    /// # Errors
    /// [`StoreError`] if it could not be forgotten.
    async fn forget(&self, server: &ServerIdentity, tool: &str) -> Result<bool, StoreError>;
}

/// A store that cannot answer or keep.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else approved another definition in the meantime.
    #[error(
        "another definition was approved in the meantime ({}); look at the tool again",
        approved.map_or_else(|| "the approval was withdrawn".to_owned(), |digest| digest.to_string())
    )]
    Conflict {
        /// The digest that is approved now.
        approved: Option<Digest>,
    },
    /// The store itself fails.
    #[error("the approval store cannot be used, so nothing is let through: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

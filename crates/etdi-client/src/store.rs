//! Where pins, approvals and the ledger are kept.

use std::fmt::Debug;

use async_trait::async_trait;
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

/// A store of pins, approvals and ledger entries.
///
/// An implementation must be atomic: what a method reports was kept whole, and what it did not
/// report was not kept at all. An error is a no: the caller lets nothing through on one.
/// [`contract::check`](crate::contract::check) tests an implementation.
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

//! The settings that all judges of a host share.

use std::sync::Arc;
use std::time::Duration;

use etdi_events::Emitter;
use etdi_review::ReviewPolicy;
use etdi_types::{Clock, SecurityLevel, SystemClock, TrustConfig};

use crate::judge::evidence::{EvidenceGatherer, Gather};
use crate::judge::names::ListedNames;
use crate::judge::report;
use crate::store::ApprovalStore;
use crate::store::memory::MemoryApprovals;

/// The settings that all judges of a host share: the providers that it trusts, the store of its
/// approvals, and its level.
#[derive(Debug)]
#[must_use]
pub struct Settings {
    pub(crate) trust: TrustConfig,
    pub(crate) gatherer: Arc<dyn Gather>,
    pub(crate) store: Arc<dyn ApprovalStore>,
    pub(crate) level: SecurityLevel,
    pub(crate) policy: ReviewPolicy,
    pub(crate) listed: ListedNames,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) events: Option<Emitter>,
    max_age: Option<Duration>,
}

impl Settings {
    /// Makes settings that trust the entries of `trust`, at level Enhanced, with approvals in
    /// memory. Every change of an approved tool is asked about.
    pub fn new(trust: TrustConfig, gatherer: EvidenceGatherer) -> Self {
        Self {
            trust,
            gatherer: Arc::new(gatherer),
            store: Arc::new(MemoryApprovals::new()),
            level: SecurityLevel::default(),
            policy: ReviewPolicy::default(),
            listed: ListedNames::default(),
            clock: Arc::new(SystemClock),
            events: None,
            max_age: None,
        }
    }

    /// Keeps approvals in `store`.
    pub fn with_store(self, store: Arc<dyn ApprovalStore>) -> Self {
        Self { store, ..self }
    }

    /// Applies the decision table's column for `level`.
    pub fn with_level(self, level: SecurityLevel) -> Self {
        Self { level, ..self }
    }

    /// Applies this policy to changes of approved tools.
    pub fn with_policy(self, policy: ReviewPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Uses the time of `clock` for judgements.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Reports events to `events`.
    pub fn with_events(self, events: Emitter) -> Self {
        Self { events: Some(events), ..self }
    }

    /// Sets the greatest age that a listing may have at a call, at every level.
    pub fn with_definition_max_age(self, max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..self }
    }

    /// Returns the greatest age that a listing may have when one of its tools is called.
    #[must_use]
    pub fn definition_max_age(&self) -> Duration {
        self.max_age.unwrap_or_else(|| self.level.definition_max_age())
    }

    /// Returns the level.
    #[must_use]
    pub fn level(&self) -> SecurityLevel {
        self.level
    }

    /// Returns the clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &dyn ApprovalStore {
        &*self.store
    }

    /// Reports that a client with these settings has started.
    pub fn report_start(&self) {
        if let Some(events) = &self.events {
            report::initialized(events, self.level, self.trust.providers().len());
        }
    }
}

//! Stores the records of a judgement, and makes the decision that follows.

use std::collections::BTreeSet;
use std::sync::Arc;

use etdi_types::{ApprovalBasis, ApprovalRecord, Digest, EvidenceRecord, Known, Pin, Subject};

use crate::judge::names::OtherTools;
use crate::judge::policy::Ruling;
use crate::judge::{Facts, Judge, Judging};
use crate::store::{Sighting, StoreError};
use crate::tool::JudgedTool;
use crate::tool::decision::{Decision, Refusal};
use crate::tool::listed::{Listed, Snapshot};

impl Judge {
    /// Judges every tool of a listing, stores the missing records, and reports. The result includes
    /// blocked tools.
    ///
    /// # Errors
    /// [`StoreError`]: do not use any tool.
    pub async fn discover(&self, snapshot: &Snapshot) -> Result<Vec<JudgedTool>, StoreError> {
        let judged = self.judge_all(snapshot).await?;
        let sightings: Vec<Sighting> =
            judged.iter().filter_map(|judging| judging.sighting.clone()).collect();
        let mut tools = Vec::with_capacity(judged.len());
        for judging in judged {
            let tool = self.accept(judging).await?.tool;
            self.reporter().judged(&tool);
            tools.push(tool);
        }
        self.settings().store().record(&sightings).await?;
        Ok(tools)
    }

    /// Returns the decision about every tool of a listing, as [`discover`](Self::discover) judges
    /// it.
    ///
    /// # Errors
    /// [`StoreError`]: do not use any tool.
    pub async fn decide_all(&self, snapshot: &Snapshot) -> Result<Vec<Decision>, StoreError> {
        Ok(self.discover(snapshot).await?.iter().map(Decision::on).collect())
    }

    /// Returns the decision about a tool that was judged on this connection, by the records that
    /// are stored now. A tool of another connection is blocked.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn decide(&self, tool: &JudgedTool) -> Result<Decision, StoreError> {
        if tool.connection != *self.connection() {
            return Ok(Decision::Block(Refusal::of(tool.clone())));
        }
        self.decide_listed(&tool.listed).await
    }

    /// Returns the decision about a tool of a listing, by the records that are stored now.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn decide_listed(&self, listed: &Arc<Listed>) -> Result<Decision, StoreError> {
        let judging = self.judge_listed(listed).await?;
        Ok(Decision::on(&self.keep(judging).await?))
    }

    /// Stores the records of a judgement, and returns the tool as it is judged after that.
    ///
    /// A judgement is remembered only after its records are stored: if the store cannot keep the
    /// sighting, the next judgement of the tool fails as well.
    ///
    /// # Errors
    /// [`StoreError`]: do not use any tool.
    pub async fn keep(&self, judging: Judging) -> Result<JudgedTool, StoreError> {
        Ok(self.settle(judging).await?.tool)
    }

    pub(crate) async fn settle(&self, judging: Judging) -> Result<Judging, StoreError> {
        let settings = self.settings();
        if let Some(sighting) = &judging.sighting {
            settings.store().record(std::slice::from_ref(sighting)).await?;
        }
        if let (Ruling::Stands, Some((revision, now)), Some(facts), Some(judgement)) =
            (&judging.ruling, judging.asked, &judging.facts, &judging.tool.judgement)
        {
            judging.tool.listed.remember(revision, now, &facts.known, &settings.trust, judgement);
        }
        self.accept(judging).await
    }

    /// Stores an approval that the policy made, and judges the tool again.
    async fn accept(&self, judging: Judging) -> Result<Judging, StoreError> {
        let (Ruling::Accept(new), Some(facts)) = (&judging.ruling, &judging.facts) else {
            return Ok(judging);
        };
        let tool = &judging.tool;
        let Some(definition) = tool.definition() else { return Ok(judging) };
        let stored = (new.record.clone(), new.ledger.clone(), new.expected);
        match self.settings().store().approve(stored.0, stored.1, stored.2).await {
            Ok(()) => {
                self.reporter().changed(tool);
                self.reporter().approved(tool, &new.record, new.expected);
            }
            // A person decided in the meantime, and that decision counts.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let known = self.known(Subject::new(self.server(), definition)).await?;
        let facts = Facts { known, evidence: facts.evidence.clone() };
        let again = self.judge_by(&tool.listed, definition, facts, &OtherTools::default()).await?;
        Ok(Judging { ruling: Ruling::Stands, sighting: None, ..again })
    }

    /// Forgets every record of a tool, by its id or its served name. Only this ends the verdicts
    /// `Tampered` and `Replaced`, and only a person may decide it. A name stands for every id that
    /// was served under it. Returns whether there was a record.
    ///
    /// # Errors
    /// [`StoreError::TwoTools`] if the word is the id of one tool and the name of another; another
    /// [`StoreError`] if the tool cannot be forgotten.
    pub async fn forget(&self, tool: &str) -> Result<bool, StoreError> {
        let mut subject = Subject::of_server(self.server(), tool);
        tool.clone_into(&mut subject.served_name);
        let known = self.known(subject).await?;
        let approved = known.approvals.into_iter().map(|approval| approval.pin);
        // A record of the server as a whole has no served name, and is not a tool.
        let pins = known.pins.into_iter().chain(approved).filter(|pin| !pin.served_name.is_empty());
        let mut ids: BTreeSet<String> = pins.map(|pin| pin.id).collect();
        let is_id = ids.remove(tool);
        if is_id && !ids.is_empty() {
            return Err(StoreError::TwoTools(tool.to_owned()));
        }
        if ids.is_empty() {
            ids.insert(tool.to_owned());
        }
        let mut any = false;
        for id in ids {
            any |= self.settings().store().forget(self.server(), &id).await?;
        }
        Ok(any)
    }

    /// Returns the records of the server as a whole under `id`, which is not the id of a tool.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot answer.
    pub async fn server_record(&self, id: &str) -> Result<Known, StoreError> {
        self.known(Subject::of_server(self.server(), id)).await
    }

    /// Returns a new record of the server as a whole, with the time now.
    #[must_use]
    pub fn server_pin(&self, id: String, digest: Digest, text: Arc<str>) -> Pin {
        Pin::new(self.server().clone(), id, EvidenceRecord::None, digest, text, self.now())
    }

    /// Stores a person's approval of a record of the server as a whole. `expected` is the digest
    /// that the person saw as approved before.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if another digest is approved by now.
    pub async fn approve_server_pin(
        &self,
        pin: Pin,
        by: impl Into<String>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError> {
        let (context, basis) = (self.context().clone(), ApprovalBasis::Question);
        let approval = ApprovalRecord::new(pin, context, by, basis);
        self.settings().store().approve(approval, None, expected).await
    }
}

//! From a listing to verdicts and decisions, and what a consistent listing writes.

use std::sync::Arc;

use etdi_types::decision::Action;
use etdi_types::evidence::{Evidence, SignatureEvidence};
use etdi_types::judge::Case;
use etdi_types::{
    EvidenceRecord, Known, LedgerEntry, Pin, Subject, ToolDefinition, Verdict, judge,
};

use crate::connection::ServerConnection;
use crate::error::DiscoverError;
use crate::listing::{Listed, Snapshot};
use crate::policy::{OtherTools, Ruling};
use crate::store::{Sighting, StoreError};
use crate::tool::{JudgedTool, Judgement};

impl ServerConnection {
    /// Judges every tool of a listing, records what is missing, and reports.
    pub(crate) async fn judge_all(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Vec<JudgedTool>, DiscoverError> {
        let subjects: Vec<Subject> =
            snapshot.tools.iter().filter_map(|listed| listed.subject(self.server())).collect();
        let mut known = self.settings.store.known(&subjects).await?.into_iter();
        let others = OtherTools::default();
        let mut judged = Vec::with_capacity(snapshot.tools.len());
        let mut sightings = Vec::new();
        for listed in &snapshot.tools {
            let tool = match &listed.definition {
                Ok(definition) => {
                    // A store that answers for fewer subjects than it was asked about knows
                    // nothing of the rest; then the tool looks new and is asked about.
                    let known = known.next().unwrap_or_default();
                    let evidence = listed.evidence(definition, &self.settings, &known).await;
                    let (tool, sighting) =
                        self.judge_one(listed, definition, &known, &evidence, &others).await?;
                    sightings.extend(sighting);
                    self.accept(tool, &known, &evidence, &others).await?
                }
                Err(_) => self.tool(listed, None),
            };
            self.reporter.judged(&tool);
            judged.push(tool);
        }
        self.settings.store.record(&sightings).await?;
        Ok(judged)
    }

    /// Judges one tool of a listing, for a decision, a call or an approval.
    pub(crate) async fn judge_listed(
        &self,
        listed: &Arc<Listed>,
    ) -> Result<JudgedTool, DiscoverError> {
        let Ok(definition) = &listed.definition else { return Ok(self.tool(listed, None)) };
        let store = &self.settings.store;
        // The revision first: what is written in between is in `known`, and makes another one.
        let revision = store.revision().await?;
        let now = self.settings.clock.now();
        if let Some(judgement) = listed.recall(revision, now) {
            return Ok(self.tool(listed, Some(judgement)));
        }
        let known = self.known(Subject::new(self.server(), definition)).await?;
        let evidence = listed.evidence(definition, &self.settings, &known).await;
        let others = OtherTools::default();
        let (tool, sighting) =
            self.judge_one(listed, definition, &known, &evidence, &others).await?;
        store.record(sighting.as_slice()).await?;
        if tool.is_accepted() {
            // What is recorded now makes another revision.
            return self.accept(tool, &known, &evidence, &others).await;
        }
        if let Some(judgement) = &tool.judgement {
            listed.remember(revision, now, &known, &self.settings.trust, judgement);
        }
        Ok(tool)
    }

    pub(crate) async fn judge_one(
        &self,
        listed: &Arc<Listed>,
        definition: &ToolDefinition,
        known: &Known,
        evidence: &Evidence,
        others: &OtherTools,
    ) -> Result<(JudgedTool, Option<Sighting>), StoreError> {
        let tool = self.judged(listed, definition, known, evidence, others).await?;
        let sighting = match tool.verdict() {
            Some(verdict) if tool.action() < Action::Block => {
                self.sighting(definition, verdict, evidence)
            }
            _ => None,
        };
        Ok((tool, sighting))
    }

    /// The verdict on a tool, and what it comes to at this level and under the policy.
    pub(crate) async fn judged(
        &self,
        listed: &Arc<Listed>,
        definition: &ToolDefinition,
        known: &Known,
        evidence: &Evidence,
        others: &OtherTools,
    ) -> Result<JudgedTool, StoreError> {
        let verdict = self.verdict(definition, evidence, known);
        let id = etdi_types::records::tool_id(self.server(), definition);
        let approval = known.approval(&id, &self.context);
        let ruling = self.ruling(definition, &verdict, approval, others).await?;
        let Ruling { outcome, accepted } = ruling;
        let judgement = Judgement {
            verdict,
            outcome,
            accepted,
            approved: approval.map(|approval| approval.pin.digest),
            granted: approval.map(|approval| approval.granted.clone()).unwrap_or_default(),
        };
        Ok(self.tool(listed, Some(Arc::new(judgement))))
    }

    fn tool(&self, listed: &Arc<Listed>, judgement: Option<Arc<Judgement>>) -> JudgedTool {
        JudgedTool { connection: self.id.clone(), listed: listed.clone(), judgement }
    }

    fn verdict(&self, definition: &ToolDefinition, evidence: &Evidence, known: &Known) -> Verdict {
        judge(Case {
            definition,
            evidence,
            server: self.server(),
            context: &self.context,
            trust: &self.settings.trust,
            known,
            scopes: None,
            now: self.settings.clock.now(),
        })
    }

    fn sighting(
        &self,
        definition: &ToolDefinition,
        verdict: &Verdict,
        evidence: &Evidence,
    ) -> Option<Sighting> {
        let pin = self.pin(definition, verdict, evidence)?;
        Some(Sighting {
            ledger: ledger_entry(&pin, verdict),
            refreshes: verdict.is_approved().then(|| self.context.clone()),
            pin,
        })
    }

    /// The record of a definition as it is served now; `None` if its evidence is not good.
    pub(crate) fn pin(
        &self,
        definition: &ToolDefinition,
        verdict: &Verdict,
        evidence: &Evidence,
    ) -> Option<Pin> {
        let pinned_key = match &evidence.signature {
            SignatureEvidence::Good { pinned_key, .. } => pinned_key.as_ref(),
            _ => None,
        };
        let record = EvidenceRecord::of(&verdict.who, pinned_key)?;
        Some(Pin::of_tool(self.server(), definition, record, self.settings.clock.now()))
    }
}

/// The ledger entry of a definition that has a version.
pub(crate) fn ledger_entry(pin: &Pin, verdict: &Verdict) -> Option<LedgerEntry> {
    let mut entry = LedgerEntry::of(pin)?;
    entry.global = verdict.who.is_global();
    Some(entry)
}

//! From a listing to verdicts and decisions, and what a consistent listing writes.

use std::sync::Arc;

use etdi_types::decision::Action;
use etdi_types::evidence::{Evidence, SignatureEvidence};
use etdi_types::judge::Case as Judging;
use etdi_types::{
    Digest, EvidenceRecord, Known, LedgerEntry, Pin, Subject, ToolDefinition, Verdict, decide,
    judge,
};
use rmcp::model::Tool;

use crate::connection::ServerConnection;
use crate::error::DiscoverError;
use crate::listing::{Listed, Snapshot, evidence};
use crate::store::Sighting;
use crate::tool::{Case, Judged, JudgedTool, Problem};

impl ServerConnection {
    /// Judges every tool of a listing, records what is missing, and reports.
    pub(crate) async fn judge_all(
        &self,
        snapshot: &Snapshot,
    ) -> Result<Vec<JudgedTool>, DiscoverError> {
        let server = &self.id.server;
        let subjects: Vec<Subject> =
            snapshot.tools.iter().filter_map(|listed| listed.subject(server)).collect();
        let mut known = self.settings.store.known(&subjects).await?.into_iter();
        let mut judged = Vec::with_capacity(snapshot.tools.len());
        let mut sightings = Vec::new();
        for listed in &snapshot.tools {
            let tool = match &listed.definition {
                Ok(definition) => {
                    // A store that answers for fewer subjects than it was asked about knows
                    // nothing of the rest; then the tool looks new and is asked about.
                    let known = known.next().unwrap_or_default();
                    let evidence = listed.evidence(&self.settings.trust, &known);
                    self.judge_one(listed, definition, &evidence, &known, &mut sightings)
                }
                Err(problem) => self.refused(listed, problem.clone()),
            };
            self.reporter.judged(&tool, server);
            judged.push(tool);
        }
        self.settings.store.record(&sightings).await?;
        Ok(judged)
    }

    /// Judges one tool of a listing, for a call or an approval.
    pub(crate) async fn judge_listed(&self, listed: &Listed) -> Result<JudgedTool, DiscoverError> {
        let definition = match &listed.definition {
            Ok(definition) => definition,
            Err(problem) => return Ok(self.refused(listed, problem.clone())),
        };
        let known = self.known(definition).await?;
        let evidence = listed.evidence(&self.settings.trust, &known);
        let mut sightings = Vec::new();
        let tool = self.judge_one(listed, definition, &evidence, &known, &mut sightings);
        self.settings.store.record(&sightings).await?;
        Ok(tool)
    }

    /// Judges a definition that was judged before, by what is stored now. Writes nothing.
    pub(crate) async fn judge_again(
        &self,
        name: &str,
        definition: &ToolDefinition,
    ) -> Result<JudgedTool, DiscoverError> {
        let known = self.known(definition).await?;
        let evidence = evidence(definition, &self.settings.trust, &known);
        let verdict = self.verdict(definition, &evidence, &known);
        let tool = serde_json::from_str(definition.raw()).ok();
        Ok(self.judged(name, definition, verdict, &known, tool))
    }

    async fn known(&self, definition: &ToolDefinition) -> Result<Known, DiscoverError> {
        let subject = Subject::new(&self.id.server, definition);
        Ok(self.settings.store.known(&[subject]).await?.pop().unwrap_or_default())
    }

    fn judge_one(
        &self,
        listed: &Listed,
        definition: &ToolDefinition,
        evidence: &Evidence,
        known: &Known,
        sightings: &mut Vec<Sighting>,
    ) -> JudgedTool {
        let verdict = self.verdict(definition, evidence, known);
        let judged =
            self.judged(&listed.name, definition, verdict, known, listed.tool.clone());
        if judged.action() < Action::Block {
            sightings.extend(self.sighting(definition, &judged, evidence));
        }
        judged
    }

    fn verdict(&self, definition: &ToolDefinition, evidence: &Evidence, known: &Known) -> Verdict {
        judge(Judging {
            definition,
            evidence,
            server: &self.id.server,
            context: &self.settings.context,
            trust: &self.settings.trust,
            known,
            scopes: None,
            now: self.settings.clock.now(),
        })
    }

    fn judged(
        &self,
        name: &str,
        definition: &ToolDefinition,
        verdict: Verdict,
        known: &Known,
        tool: Option<Tool>,
    ) -> JudgedTool {
        let id = etdi_types::records::tool_id(&self.id.server, definition);
        JudgedTool(Arc::new(Judged {
            connection: self.id.clone(),
            name: name.to_owned(),
            case: Ok(Case {
                definition: definition.clone(),
                outcome: decide(self.settings.level, &verdict),
                verdict,
                approved: self.approved_digest(known, &id),
                tool,
            }),
        }))
    }

    fn approved_digest(&self, known: &Known, id: &str) -> Option<Digest> {
        let current = known.approvals.iter().find(|approval| {
            !approval.superseded
                && approval.pin.id == id
                && approval.context == self.settings.context
        });
        current.map(|approval| approval.pin.digest)
    }

    fn refused(&self, listed: &Listed, problem: Problem) -> JudgedTool {
        JudgedTool(Arc::new(Judged {
            connection: self.id.clone(),
            name: listed.name.clone(),
            case: Err(problem),
        }))
    }

    fn sighting(
        &self,
        definition: &ToolDefinition,
        judged: &JudgedTool,
        evidence: &Evidence,
    ) -> Option<Sighting> {
        let verdict = judged.verdict()?;
        let pin = self.pin(definition, verdict, evidence)?;
        Some(Sighting {
            ledger: ledger_entry(&pin, verdict),
            refreshes: verdict.is_approved().then(|| self.settings.context.clone()),
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
        let subject = Subject::new(&self.id.server, definition);
        Some(Pin {
            evidence: EvidenceRecord::of(&verdict.who, pinned_key)?,
            server: subject.server,
            id: subject.id,
            served_name: subject.served_name,
            provider: subject.provider,
            version: subject.version,
            digest: definition.digest(),
            definition: definition.canonical().clone(),
            at: self.settings.clock.now(),
        })
    }
}

/// The ledger entry of a definition that has a version.
pub(crate) fn ledger_entry(pin: &Pin, verdict: &Verdict) -> Option<LedgerEntry> {
    Some(LedgerEntry {
        server: pin.server.clone(),
        provider: pin.provider.clone()?,
        id: pin.id.clone(),
        version: pin.version.clone()?,
        digest: pin.digest,
        definition: pin.definition.clone(),
        global: verdict.who.is_global(),
    })
}

//! Judges the tools of one server: the evidence that is gathered, the verdict, and the outcome.
//!
//! This module does not write. A [`Judging`] holds the records that its caller may store, and
//! [`Judge::keep`](Judge::keep) stores them.

pub(crate) mod approve;
pub(crate) mod evidence;
pub(crate) mod keep;
pub(crate) mod names;
pub(crate) mod policy;
pub(crate) mod records;
pub(crate) mod report;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use etdi_review::ReviewPolicy;
use etdi_review::hygiene::ToolNames;
use etdi_types::decision::Action;
use etdi_types::evidence::Evidence;
use etdi_types::judge::Case;
use etdi_types::records::tool_id;
use etdi_types::{
    ApprovalRecord, AuthorizationContext, Known, Outcome, ServerIdentity, Subject, ToolDefinition,
    Verdict, decide,
};
use time::OffsetDateTime;

use crate::judge::names::OtherTools;
use crate::judge::policy::Ruling;
use crate::judge::report::Reporter;
use crate::judge::settings::Settings;
use crate::store::{NewApproval, Sighting, StoreError};
use crate::tool::JudgedTool;
use crate::tool::connection_id::ConnectionId;
use crate::tool::listed::{Judgement, Listed, Snapshot};

/// A judge of the tools of one connection to one server. It has no transport: the caller reads
/// `tools/list`, and calls the tools that were let through.
pub struct Judge {
    id: ConnectionId,
    /// The context that calls are made for.
    context: AuthorizationContext,
    settings: Arc<Settings>,
    reporter: Reporter,
}

/// One judged tool, with the records that the caller may store. They are not stored yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct Judging {
    /// The tool with its verdict.
    pub tool: JudgedTool,
    /// The ruling of the review policy.
    pub ruling: Ruling,
    /// The records that a consistent listing adds, if the tool is not blocked.
    pub sighting: Option<Sighting>,
    /// The facts that the tool was judged by. `None` for a remembered judgement, and for a tool
    /// without a verdict.
    pub(crate) facts: Option<Facts>,
    /// The revision of the store, and the time when it was read, if this judgement may be
    /// remembered.
    pub(crate) asked: Option<(u64, OffsetDateTime)>,
}

/// The facts that a tool was judged by.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) known: Known,
    pub(crate) evidence: Evidence,
}

/// A verdict, and its outcome by the decision table.
struct Weighed {
    verdict: Verdict,
    outcome: Outcome,
    now: OffsetDateTime,
}

impl Judge {
    /// Makes the judge of a new connection to `server`, for calls that are made for `context`.
    #[must_use]
    pub fn new(
        server: ServerIdentity,
        context: AuthorizationContext,
        settings: Arc<Settings>,
    ) -> Self {
        let reporter = Reporter::new(settings.events.clone(), server.clone());
        Self { id: ConnectionId::new(server), context, settings, reporter }
    }

    /// Returns the connection that this judge is for.
    #[must_use]
    pub fn connection(&self) -> &ConnectionId {
        &self.id
    }

    /// Returns the server's identity, under which its pins and approvals are kept.
    #[must_use]
    pub fn server(&self) -> &ServerIdentity {
        self.id.server()
    }

    /// Returns the context that calls are made for.
    #[must_use]
    pub fn context(&self) -> &AuthorizationContext {
        &self.context
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the reporter, for events that only the holder of the connection sees.
    #[must_use]
    pub fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    /// Notes a listing that was read. Reports the tools that came and went since the `earlier` one.
    /// Later reviews count the names of the listing as other tools.
    pub fn note_listing(&self, earlier: Option<&Snapshot>, now: &Snapshot) {
        self.reporter.listed(earlier, now);
        self.settings.listed.note(self.server(), now);
    }

    /// Judges one tool by the given facts. Does no I/O, and stores no record.
    ///
    /// `known` holds the records of a store about the tool, and `names` holds the names of other
    /// tools for a review.
    pub fn judge(
        &self,
        listed: &Arc<Listed>,
        known: &Known,
        evidence: &Evidence,
        names: &ToolNames,
    ) -> Judging {
        let Ok(definition) = listed.definition() else { return self.refused(listed) };
        let facts = Facts { known: known.clone(), evidence: evidence.clone() };
        let weighed = self.weigh(definition, &facts);
        self.ruled(listed, definition, facts, weighed, names)
    }

    /// Judges every tool of a listing by the records in the store and the evidence that can be
    /// gathered.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot answer.
    pub async fn judge_all(&self, snapshot: &Snapshot) -> Result<Vec<Judging>, StoreError> {
        let tools = snapshot.tools();
        let subjects: Vec<Subject> =
            tools.iter().filter_map(|listed| listed.subject(self.server())).collect();
        let mut known = self.settings.store.known(&subjects).await?.into_iter();
        let others = OtherTools::default();
        let mut judged = Vec::with_capacity(tools.len());
        for listed in tools {
            judged.push(match listed.definition() {
                // If a store returns fewer answers than subjects, the rest has no records. Those
                // tools then look new and are asked about.
                Ok(definition) => {
                    let known = known.next().unwrap_or_default();
                    let facts = self.gather(listed, definition, known).await;
                    self.judge_by(listed, definition, facts, &others).await?
                }
                Err(_) => self.refused(listed),
            });
        }
        Ok(judged)
    }

    /// Judges one tool of a listing, or returns an earlier judgement of it that still holds.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot answer.
    pub async fn judge_listed(&self, listed: &Arc<Listed>) -> Result<Judging, StoreError> {
        if listed.definition().is_err() {
            return Ok(self.refused(listed));
        }
        // Read the revision first. If a record is written after that, `known` holds it, and the
        // revision under which the judgement is remembered is out of date.
        let revision = self.settings.store.revision().await?;
        let now = self.now();
        if let Some(judgement) = listed.recall(revision, now) {
            return Ok(self.plain(listed, Some(judgement)));
        }
        Ok(Judging { asked: Some((revision, now)), ..self.judge_afresh(listed).await? })
    }

    /// Judges one tool without using a remembered judgement. Reads the store once, and gathers the
    /// evidence once.
    pub(crate) async fn judge_afresh(&self, listed: &Arc<Listed>) -> Result<Judging, StoreError> {
        let Ok(definition) = listed.definition() else { return Ok(self.refused(listed)) };
        let known = self.known(Subject::new(self.server(), definition)).await?;
        let facts = self.gather(listed, definition, known).await;
        self.judge_by(listed, definition, facts, &OtherTools::default()).await
    }

    /// Judges one tool by the given facts, and reads the names of other tools if a review needs
    /// them.
    pub(crate) async fn judge_by(
        &self,
        listed: &Arc<Listed>,
        definition: &ToolDefinition,
        facts: Facts,
        others: &OtherTools,
    ) -> Result<Judging, StoreError> {
        let settings = &self.settings;
        let weighed = self.weigh(definition, &facts);
        let none = ToolNames::none();
        let names = match self.replaced(definition, &facts, &weighed) {
            Some(_) => others.seen_from(self.server(), &settings.listed, &*settings.store).await?,
            None => &none,
        };
        Ok(self.ruled(listed, definition, facts, weighed, names))
    }

    /// Returns the records of `subject` in the store.
    pub(crate) async fn known(&self, subject: Subject) -> Result<Known, StoreError> {
        Ok(self.settings.store.known(&[subject]).await?.pop().unwrap_or_default())
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.settings.clock.now()
    }

    async fn gather(&self, listed: &Listed, definition: &ToolDefinition, known: Known) -> Facts {
        let settings = &self.settings;
        let gather = || settings.gatherer.gather(definition, &settings.trust, &known);
        let evidence = listed.evidence(&settings.trust, gather).await;
        Facts { known, evidence }
    }

    fn weigh(&self, definition: &ToolDefinition, facts: &Facts) -> Weighed {
        let now = self.now();
        let verdict = etdi_types::judge(Case {
            definition,
            evidence: &facts.evidence,
            server: self.server(),
            context: &self.context,
            trust: &self.settings.trust,
            known: &facts.known,
            scopes: None,
            now,
        });
        Weighed { outcome: decide(self.settings.level, &verdict), verdict, now }
    }

    /// Returns the current approval of this tool, whichever digest it has.
    fn approval<'k>(
        &self,
        definition: &ToolDefinition,
        facts: &'k Facts,
    ) -> Option<&'k ApprovalRecord> {
        facts.known.approval(&tool_id(self.server(), definition), &self.context)
    }

    /// Returns the approval that the tool would replace, if the review policy may decide about
    /// that.
    fn replaced<'k>(
        &self,
        definition: &ToolDefinition,
        facts: &'k Facts,
        weighed: &Weighed,
    ) -> Option<&'k ApprovalRecord> {
        let is_asked = weighed.outcome.action == Action::Ask;
        let has_policy = self.settings.policy != ReviewPolicy::default();
        self.approval(definition, facts).filter(|_| is_asked && has_policy)
    }

    /// Returns the judgement of a weighed tool, with the ruling of the policy and the records that
    /// may be stored.
    fn ruled(
        &self,
        listed: &Arc<Listed>,
        definition: &ToolDefinition,
        facts: Facts,
        weighed: Weighed,
        names: &ToolNames,
    ) -> Judging {
        let replaced = self.replaced(definition, &facts, &weighed);
        let Weighed { verdict, mut outcome, now } = weighed;
        let pin = records::pin(self.server(), definition, &verdict, &facts.evidence, now);
        let mut ruling = Ruling::Stands;
        if let Some(earlier) = replaced {
            let (policy, level) = (self.settings.policy, self.settings.level);
            let review = policy::review(definition, &verdict, &earlier.pin, names);
            let ruled = policy.decide(level, &verdict, &review);
            match ruled.action {
                Action::Allow | Action::Warn => {
                    let pin = pin.clone();
                    let record = pin.and_then(|pin| policy::accepted(definition, pin, earlier));
                    ruling = record.map_or(Ruling::Stands, |record| {
                        let ledger = records::ledger_entry(&record.pin, &verdict);
                        let expected = Some(earlier.pin.digest);
                        Ruling::Accept(Box::new(NewApproval::new(record, ledger, expected)))
                    });
                }
                Action::Ask | Action::Block => outcome = ruled,
            }
        }
        let sighting = pin
            .filter(|_| outcome.action < Action::Block)
            .map(|pin| records::sighting(pin, &verdict, &self.context));
        let approval = self.approval(definition, &facts);
        let judgement = Judgement {
            approved: approval.map(|approval| approval.pin.digest),
            granted: approval.map(|approval| approval.granted.clone()).unwrap_or_default(),
            verdict,
            outcome,
        };
        let plain = self.plain(listed, Some(Arc::new(judgement)));
        Judging { ruling, sighting, facts: Some(facts), ..plain }
    }

    fn refused(&self, listed: &Arc<Listed>) -> Judging {
        self.plain(listed, None)
    }

    fn plain(&self, listed: &Arc<Listed>, judgement: Option<Arc<Judgement>>) -> Judging {
        let connection = self.id.clone();
        Judging {
            tool: JudgedTool { connection, listed: listed.clone(), judgement },
            ruling: Ruling::Stands,
            sighting: None,
            facts: None,
            asked: None,
        }
    }
}

impl Debug for Judge {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").field("server", self.server()).finish_non_exhaustive()
    }
}

//! The host's review policy: which changes of an approved tool are refused, asked about, or approved
//! without a person.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use etdi_review::hygiene::ToolNames;
use etdi_review::{Review, ReviewPolicy};
use etdi_types::decision::Action;
use etdi_types::evidence::Evidence;
use etdi_types::{
    ApprovalBasis, ApprovalRecord, EvidenceRecord, Known, Outcome, Permission, ServerIdentity,
    Subject, ToolDefinition, Verdict, decide,
};

use tokio::sync::OnceCell;

use crate::connection::ServerConnection;
use crate::error::DiscoverError;
use crate::judging::ledger_entry;
use crate::listing::Snapshot;
use crate::store::StoreError;
use crate::tool::JudgedTool;

/// Who stands in the record of an approval that no person made.
const NOBODY: &str = "review policy";

/// The tools that the connections of a client listed last: names that a changed definition must not
/// begin to mention.
#[derive(Debug, Default)]
pub(crate) struct ListedNames(Mutex<BTreeMap<ServerIdentity, Vec<String>>>);

impl ListedNames {
    pub(crate) fn note(&self, server: &ServerIdentity, snapshot: &Snapshot) {
        let names = snapshot.tools.iter().map(|listed| listed.name.clone()).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(server.clone(), names);
    }

    fn seen_from(&self, server: &ServerIdentity) -> ToolNames {
        let listed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listed.iter().fold(ToolNames::none(), |names, (at, tools)| {
            with(names, at == server, tools.iter().map(String::as_str))
        })
    }
}

fn with<'n>(
    names: ToolNames,
    are_siblings: bool,
    tools: impl IntoIterator<Item = &'n str>,
) -> ToolNames {
    if are_siblings { names.and_siblings(tools) } else { names.and_others(tools) }
}

/// What a verdict comes to under the policy.
#[derive(Clone, Debug)]
pub(crate) struct Ruling {
    /// Where the policy accepts, this still says to ask: an acceptance counts once it is recorded.
    pub(crate) outcome: Outcome,
    /// Whether the policy accepts what a person would be asked about.
    pub(crate) accepted: bool,
}

/// The tools that a review counts as others, once one needs them: most judgements need none, and the
/// store may hold many.
#[derive(Debug, Default)]
pub(crate) struct OtherTools(OnceCell<ToolNames>);

impl OtherTools {
    async fn seen_from(&self, connection: &ServerConnection) -> Result<&ToolNames, StoreError> {
        self.0.get_or_try_init(|| connection.other_tools()).await
    }
}

impl ServerConnection {
    /// The tools that were listed last, and those that are approved, listed or not.
    async fn other_tools(&self) -> Result<ToolNames, StoreError> {
        let approved = self.settings.store.approved_names().await?;
        let listed = self.settings.listed.seen_from(self.server());
        Ok(approved
            .iter()
            .fold(listed, |names, (at, name)| with(names, at == self.server(), [name.as_str()])))
    }

    /// Applies the policy to what would be asked about.
    pub(crate) async fn ruling(
        &self,
        definition: &ToolDefinition,
        verdict: &Verdict,
        approval: Option<&ApprovalRecord>,
        others: &OtherTools,
    ) -> Result<Ruling, StoreError> {
        let (policy, level) = (self.settings.policy, self.settings.level);
        let outcome = decide(level, verdict);
        let approved = approval.map(|approval| &approval.pin);
        let (Action::Ask, Some(approved)) = (outcome.action, approved) else {
            return Ok(Ruling { outcome, accepted: false });
        };
        if policy == ReviewPolicy::default() {
            return Ok(Ruling { outcome, accepted: false });
        }
        let names = others.seen_from(self).await?;
        let mut review = Review::of(&approved.definition, definition.canonical(), names);
        if let Some(evidence) = EvidenceRecord::of(&verdict.who, None) {
            review = review.with_evidence(&approved.evidence, &evidence);
        }
        let ruled = policy.decide(level, verdict, &review);
        Ok(match ruled.action {
            Action::Allow | Action::Warn => Ruling { outcome, accepted: true },
            Action::Ask | Action::Block => Ruling { outcome: ruled, accepted: false },
        })
    }

    /// Approves the tool if the policy accepts what changed in it, and judges it again.
    pub(crate) async fn accept(
        &self,
        tool: JudgedTool,
        known: &Known,
        evidence: &Evidence,
        others: &OtherTools,
    ) -> Result<JudgedTool, DiscoverError> {
        let Some(definition) = tool.definition().filter(|_| tool.is_accepted()) else {
            return Ok(tool);
        };
        let Some(record) = self.accepted(&tool, known, evidence) else { return Ok(tool) };
        let ledger = tool.verdict().and_then(|verdict| ledger_entry(&record.pin, verdict));
        match self.settings.store.approve(record.clone(), ledger, tool.approved()).await {
            Ok(()) => {
                self.reporter.changed(&tool);
                self.reporter.approved(&tool, &record, tool.approved());
            }
            // Somebody decided in the meantime, and that counts.
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let known = self.known(Subject::new(self.server(), definition)).await?;
        Ok(self.judge_one(&tool.listed, definition, &known, evidence, others).await?.0)
    }

    /// The approval that the policy makes: with what the earlier one granted, until that one ends;
    /// `None` if more is required.
    fn accepted(
        &self,
        tool: &JudgedTool,
        known: &Known,
        evidence: &Evidence,
    ) -> Option<ApprovalRecord> {
        let (definition, verdict) = (tool.definition()?, tool.verdict()?);
        let pin = self.pin(definition, verdict, evidence)?;
        let approval = known.approval(&pin.id, &self.context)?;
        let permissions = definition.signed().map(|part| part.permissions.as_slice());
        let permissions = permissions.unwrap_or_default();
        let granted = |asked: &&Permission| approval.granted.contains(&asked.scope);
        if permissions.iter().any(|asked| asked.required && !granted(&asked)) {
            return None;
        }
        let granted = permissions.iter().filter(granted).map(|asked| asked.scope.clone());
        let (context, basis) = (self.context.clone(), ApprovalBasis::Policy);
        let mut record = ApprovalRecord::new(pin, context, NOBODY, basis);
        record.granted = granted.collect();
        record.until = approval.until;
        Some(record)
    }
}

//! The review policy of the host: the changes of an approved tool that are refused, asked about, or
//! approved without a person.

use etdi_review::Review;
use etdi_review::hygiene::ToolNames;
use etdi_types::{
    ApprovalBasis, ApprovalRecord, EvidenceRecord, Permission, Pin, ToolDefinition, Verdict,
};

use crate::store::NewApproval;

/// Value of `approved_by` for approvals made by policy.
const POLICY: &str = "review policy";

/// The ruling of the review policy on a tool that would otherwise be asked about.
#[derive(Clone, Debug, PartialEq)]
pub enum Ruling {
    /// The outcome of the tool does not change.
    Stands,
    /// The policy approves the tool. The approval counts once the caller has stored it; until then
    /// the outcome is to ask.
    Accept(Box<NewApproval>),
}

/// Returns the review of the changes since `approved`.
pub(crate) fn review(
    definition: &ToolDefinition,
    verdict: &Verdict,
    approved: &Pin,
    names: &ToolNames,
) -> Review {
    let review = Review::of(&approved.definition, definition.canonical(), names);
    match EvidenceRecord::of(&verdict.who, None) {
        Some(evidence) => review.with_evidence(&approved.evidence, &evidence),
        None => review,
    }
}

/// Returns the approval that the policy makes of `pin`, with the same grants and the same end as
/// the earlier approval. `None` if the definition requires more permissions.
pub(crate) fn accepted(
    definition: &ToolDefinition,
    pin: Pin,
    earlier: &ApprovalRecord,
) -> Option<ApprovalRecord> {
    let permissions = definition.signed().map(|part| part.permissions.as_slice());
    let permissions = permissions.unwrap_or_default();
    let granted = |asked: &&Permission| earlier.granted.contains(&asked.scope);
    if permissions.iter().any(|asked| asked.required && !granted(&asked)) {
        return None;
    }
    let granted = permissions.iter().filter(granted).map(|asked| asked.scope.clone());
    let (context, basis) = (earlier.context.clone(), ApprovalBasis::Policy);
    let mut record = ApprovalRecord::new(pin, context, POLICY, basis);
    record.granted = granted.collect();
    record.until = earlier.until;
    Some(record)
}

//! The decision of a host about a tool: call it, ask a person, or block it.

use std::fmt::{self, Display, Formatter};

use etdi_types::decision::{Action, Row};
use etdi_types::verdict::UnknownReason;
use etdi_types::{ApprovalBasis, ApprovalRecord, Digest, Scope, Who};
use time::OffsetDateTime;

use crate::tool::{ApprovedTool, JudgedTool};

/// The decision on one tool. A host must handle each of the three variants.
#[derive(Clone, Debug)]
pub enum Decision {
    /// The tool may be shown to the model and called. Warnings are in
    /// [`notices`](ApprovedTool::notices).
    Allow(ApprovedTool),
    /// A person must approve the tool first.
    Ask(ApprovalRequest),
    /// The tool must not be used.
    Block(Refusal),
}

impl Decision {
    pub(crate) fn on(judged: &JudgedTool) -> Self {
        match (ApprovedTool::mint(judged), judged.action()) {
            (Some(approved), _) => Self::Allow(approved),
            (None, Action::Ask) => Self::Ask(ApprovalRequest::of(judged, ApprovalBasis::Question)),
            (None, _) => Self::Block(Refusal { tool: judged.clone() }),
        }
    }
}

/// A question to a person. It holds the definition that it shows, and the digest of that
/// definition.
#[derive(Clone, Debug)]
pub struct ApprovalRequest {
    tool: JudgedTool,
    basis: ApprovalBasis,
    terms: Option<Terms>,
}

/// The terms of an earlier approval, which a new one keeps unless the person gives others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Terms {
    /// The granted permissions.
    pub granted: Vec<Scope>,
    /// The end; `None` for an approval without an end.
    pub until: Option<OffsetDateTime>,
}

impl ApprovalRequest {
    fn of(tool: &JudgedTool, basis: ApprovalBasis) -> Self {
        Self { tool: tool.clone(), basis, terms: None }
    }

    /// Returns the tool that the question is about.
    #[must_use]
    pub fn tool(&self) -> &JudgedTool {
        &self.tool
    }

    /// Returns the digest that an approval will be bound to.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.tool.definition().map(|definition| definition.digest())
    }

    /// Returns whether the question asks to override a refusal.
    #[must_use]
    pub fn overrides_a_refusal(&self) -> bool {
        self.basis == ApprovalBasis::Override
    }

    /// Returns the same question, as one of several that are answered together because the launch
    /// command of a server changed. The approval keeps the terms of `earlier`, the approval of the
    /// same definition for the earlier command, unless the person gives others.
    #[must_use]
    pub fn of_relaunch(self, earlier: &ApprovalRecord) -> Self {
        let terms = Terms { granted: earlier.granted.clone(), until: earlier.until };
        Self { basis: ApprovalBasis::Relaunch, terms: Some(terms), ..self }
    }

    /// Returns the terms of the earlier approval that this one would keep; `None` without
    /// such an approval.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        self.terms.as_ref()
    }

    /// Returns the basis that an approval of this request will have.
    pub(crate) fn basis(&self) -> ApprovalBasis {
        if self.needs_key() { ApprovalBasis::PinnedKey } else { self.basis }
    }

    pub(crate) fn needs_key(&self) -> bool {
        is_untrusted_key(&self.tool)
    }

    /// Returns whether this request still asks for the approval of a tool that is now judged as
    /// `judged`.
    pub(crate) fn covers(&self, judged: &JudgedTool) -> bool {
        match judged.action() {
            Action::Allow | Action::Warn | Action::Ask => true,
            Action::Block => self.overrides_a_refusal() && is_overridable(judged),
        }
    }
}

impl Display for ApprovalRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.tool, f)
    }
}

/// A refusal, with its reason.
#[derive(Clone, Debug)]
pub struct Refusal {
    tool: JudgedTool,
}

impl Refusal {
    pub(crate) fn of(tool: JudgedTool) -> Self {
        Self { tool }
    }

    /// Returns the tool that was refused.
    #[must_use]
    pub fn tool(&self) -> &JudgedTool {
        &self.tool
    }

    /// Returns a question that lets a person override the refusal. Only three refusals have such a
    /// question: an old version that came back, a key that is not configured, and an approval that
    /// granted less than the tool requires.
    #[must_use]
    pub fn override_request(&self) -> Option<ApprovalRequest> {
        is_overridable(&self.tool).then(|| ApprovalRequest::of(&self.tool, ApprovalBasis::Override))
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.tool, f)
    }
}

fn is_overridable(tool: &JudgedTool) -> bool {
    let Some(outcome) = tool.outcome() else { return false };
    let rows: &[Row] = if is_untrusted_key(tool) {
        &[Row::RolledBack, Row::MissingScopes, Row::Unchecked]
    } else {
        &[Row::RolledBack, Row::MissingScopes]
    };
    outcome.blocks_only_for(rows)
}

fn is_untrusted_key(tool: &JudgedTool) -> bool {
    matches!(
        tool.verdict().map(|verdict| &verdict.who),
        Some(Who::Unknown { why: UnknownReason::UntrustedKey { .. } })
    )
}

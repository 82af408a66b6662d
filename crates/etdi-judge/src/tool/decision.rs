//! What a host does with a tool: call it, ask about it, or leave it.

use std::fmt::{self, Display, Formatter};

use etdi_types::decision::{Action, Row};
use etdi_types::verdict::UnknownReason;
use etdi_types::{ApprovalBasis, Digest, Who};

use crate::tool::{ApprovedTool, JudgedTool};

/// The decision on one tool. The three arms are the security model.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It may be shown to the model and called. A warning is in
    /// [`notices`](ApprovedTool::notices).
    Allow(ApprovedTool),
    /// A person must say yes first.
    Ask(ApprovalRequest),
    /// It must not be used.
    Block(Refusal),
}

impl Decision {
    pub(crate) fn on(judged: &JudgedTool) -> Self {
        match (ApprovedTool::mint(judged), judged.action()) {
            (Some(approved), _) => Self::Allow(approved),
            (None, Action::Ask) => {
                Self::Ask(ApprovalRequest { tool: judged.clone(), basis: ApprovalBasis::Question })
            }
            (None, _) => Self::Block(Refusal { tool: judged.clone() }),
        }
    }
}

/// A question to a person. It holds the definition, and the digest, that it shows.
#[derive(Clone, Debug)]
pub struct ApprovalRequest {
    tool: JudgedTool,
    basis: ApprovalBasis,
}

impl ApprovalRequest {
    /// The tool that it asks about.
    #[must_use]
    pub fn tool(&self) -> &JudgedTool {
        &self.tool
    }

    /// The digest that an approval will be bound to.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.tool.definition().map(|definition| definition.digest())
    }

    /// Whether this asks to go against a refusal.
    #[must_use]
    pub fn overrides_a_refusal(&self) -> bool {
        self.basis == ApprovalBasis::Override
    }

    /// The same question, as one of those that are answered together after another launch.
    #[must_use]
    pub fn of_relaunch(self) -> Self {
        Self { basis: ApprovalBasis::Relaunch, ..self }
    }

    /// How an approval of this comes about.
    pub(crate) fn basis(&self) -> ApprovalBasis {
        if self.needs_key() { ApprovalBasis::PinnedKey } else { self.basis }
    }

    pub(crate) fn needs_key(&self) -> bool {
        is_untrusted_key(&self.tool)
    }

    /// Whether approving a tool that now stands like `judged` is what was asked for.
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

/// A no, and why.
#[derive(Clone, Debug)]
pub struct Refusal {
    tool: JudgedTool,
}

impl Refusal {
    pub(crate) fn of(tool: JudgedTool) -> Self {
        Self { tool }
    }

    /// The tool that was refused.
    #[must_use]
    pub fn tool(&self) -> &JudgedTool {
        &self.tool
    }

    /// A question that a person may answer against the refusal. There is one for an old version
    /// that came back, for a key that nothing configures, and where an approval granted less than
    /// the tool requires; for nothing else.
    #[must_use]
    pub fn override_request(&self) -> Option<ApprovalRequest> {
        is_overridable(&self.tool)
            .then(|| ApprovalRequest { tool: self.tool.clone(), basis: ApprovalBasis::Override })
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

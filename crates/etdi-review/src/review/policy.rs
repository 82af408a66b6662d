//! The review policy: configuration that decides about reviews, together with the decision table.

use etdi_types::decision::{Action, Outcome, Row, decide};
use etdi_types::level::SecurityLevel;
use etdi_types::verdict::{Verdict, What};
use serde::{Deserialize, Serialize};

use super::{Class, Review};

/// The handling of a change that would otherwise be asked about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// Do not ask: the code that applies the policy approves the definition, and records that a
    /// policy did.
    Accept,
    /// Ask a person.
    #[default]
    Ask,
    /// Refuse.
    Block,
}

/// The handling of changes, by class. The default asks about every change: a change is accepted
/// only if the policy is configured to accept it.
///
/// A policy can only replace an *ask* about a changed definition. It never weakens a block, accepts
/// a tool that is seen for the first time, or grants a permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ReviewPolicy {
    /// For reviews with a critical change.
    pub critical: Handling,
    /// For reviews with a notable change.
    pub notable: Handling,
    /// For reviews with a change of wording.
    pub wording: Handling,
}

impl ReviewPolicy {
    /// Returns a policy that handles every class in the same way.
    #[must_use]
    pub const fn all(handling: Handling) -> Self {
        Self { critical: handling, notable: handling, wording: handling }
    }

    /// Returns the same policy with another handling of one class.
    #[must_use]
    pub const fn with(mut self, class: Class, handling: Handling) -> Self {
        match class {
            Class::Critical => self.critical = handling,
            Class::Notable => self.notable = handling,
            Class::Wording => self.wording = handling,
        }
        self
    }

    /// Returns the handling of a class.
    #[must_use]
    pub fn handling(&self, class: Class) -> Handling {
        match class {
            Class::Critical => self.critical,
            Class::Notable => self.notable,
            Class::Wording => self.wording,
        }
    }

    /// Returns the strictest handling of all classes in the review. Returns [`Handling::Ask`] for
    /// an empty review: a person should look at a question that shows no change.
    #[must_use]
    pub fn outcome(&self, review: &Review) -> Handling {
        let handlings = review.changes().iter().map(|change| self.handling(change.class));
        handlings.max().unwrap_or(Handling::Ask)
    }

    /// Decides with this policy: the result of [`decide`], except that the rows of `Upgraded` and
    /// `Changed` follow the policy if they ask. `review` must be about the change from the approved
    /// definition to the judged one.
    ///
    /// Every other row still asks: for a tool that was never approved, that is served under another
    /// name, that shadows another tool, or whose approval has expired. An [`Action::Allow`] or
    /// [`Action::Warn`] that comes from an acceptance is valid once it is recorded as an approval,
    /// with exactly the permissions that the earlier approval granted.
    #[must_use]
    pub fn decide(&self, level: SecurityLevel, verdict: &Verdict, review: &Review) -> Outcome {
        let mut outcome = decide(level, verdict);
        let asks_for_more = verdict
            .what
            .iter()
            .any(|what| !matches!(what, What::Upgraded { .. } | What::Changed { .. }));
        if outcome.action != Action::Ask || asks_for_more {
            return outcome;
        }
        let to = match self.outcome(review) {
            Handling::Accept => Action::Allow,
            Handling::Ask => Action::Ask,
            Handling::Block => Action::Block,
        };
        for (row, action) in &mut outcome.rows {
            if matches!(row, Row::Unapproved | Row::Changed) && *action == Action::Ask {
                *action = to;
            }
        }
        outcome.action =
            outcome.rows.iter().map(|(_, action)| *action).max().unwrap_or(Action::Block);
        outcome
    }
}

//! What to do about a review: configuration, and how it meets the decision table.

use etdi_types::decision::{Action, Outcome, Row, decide};
use etdi_types::level::SecurityLevel;
use etdi_types::verdict::{Verdict, What};
use serde::{Deserialize, Serialize};

use super::{Class, Review};

/// What to do about a change that would be asked about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// Do not ask: whoever applies the policy approves the definition, and records that a policy did.
    Accept,
    /// Ask a person.
    #[default]
    Ask,
    /// Refuse.
    Block,
}

/// What to do about changes, by class. The default asks about every one: nothing is accepted unless
/// somebody configured it.
///
/// A policy only ever turns an *ask* about a changed definition into something else. It weakens no
/// block, answers no first sight, and grants no permission.
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
    /// Returns a policy that handles every class alike.
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

    /// What this policy says of a class.
    #[must_use]
    pub fn handling(&self, class: Class) -> Handling {
        match class {
            Class::Critical => self.critical,
            Class::Notable => self.notable,
            Class::Wording => self.wording,
        }
    }

    /// The strictest handling of all classes that the review holds. An empty review asks: whoever
    /// asks about nothing should be looked at by a person.
    #[must_use]
    pub fn outcome(&self, review: &Review) -> Handling {
        let handlings = review.changes().iter().map(|change| self.handling(change.class));
        handlings.max().unwrap_or(Handling::Ask)
    }

    /// The decision with this policy: that of [`decide`], except that the rows of `Upgraded` and
    /// `Changed`, where they ask, follow the policy. `review` must be of the definition that is
    /// approved and the one that was judged.
    ///
    /// Whatever else asks still asks: a tool that was never approved, that is served under another
    /// name, that shadows one, or whose approval has run out. An [`Action::Allow`] or
    /// [`Action::Warn`] that comes of an acceptance holds once it is recorded as an approval, with
    /// the permissions that the earlier approval granted and no others.
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

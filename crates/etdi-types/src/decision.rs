//! The decision table: verdict and level → allow, warn, ask or block. One function.

use serde::Serialize;

use crate::level::SecurityLevel;
use crate::verdict::{DenyReason, KeyTrust, May, Origin, Verdict, What, Who};

/// The action to take, from mildest to strictest. The strictest of all rows that apply wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Proceed.
    Allow,
    /// Proceed, and warn.
    Warn,
    /// Ask a person; refuse if no person can be asked.
    Ask,
    /// Refuse.
    Block,
}

impl Action {
    /// Every action, the mildest first.
    pub const ALL: &[Self] = &[Self::Allow, Self::Warn, Self::Ask, Self::Block];

    /// Returns the name that JSON and events use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Ask => "ask",
            Self::Block => "block",
        }
    }
}

macro_rules! rows {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The rows of the decision table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Row {
            $($(#[$doc])* $name,)*
        }

        impl Row {
            /// Every row, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

rows! {
    /// Attested, or signed with a configured key.
    Trusted,
    /// Signed with a pinned key.
    Pinned,
    /// The origin is unproven. This row applies beside the others.
    OriginUnproven,
    /// Identified or anonymous.
    Unproven,
    /// Expired or unknown, approved, and within the offline grace.
    WithinGrace,
    /// Expired or unknown, in all other cases.
    Unchecked,
    /// Impostor or revoked.
    False,
    /// Approved.
    Approved,
    /// New, renamed, upgraded, or the approval has expired.
    Unapproved,
    /// An unsigned tool changed.
    Changed,
    /// The evidence is weaker than before, or different.
    EvidenceLost,
    /// The tool looks like another server's approved tool.
    Shadowed,
    /// Rolled back.
    RolledBack,
    /// Tampered, replaced or equivocated. Malformed definitions and duplicates are refused earlier
    /// and never get a verdict.
    Forbidden,
    /// `May` is `Allowed`: the scopes of calls are known and sufficient.
    Allowed,
    /// `May` is `NotEvaluated`: the server judges scopes.
    NotEvaluated,
    /// Denied for missing scopes.
    MissingScopes,
    /// Denied for any other reason.
    Denied,
}

/// Returns the action of a row at a level: the decision table.
#[must_use]
pub fn action(row: Row, level: SecurityLevel) -> Action {
    use Action::{Allow, Ask, Block, Warn};
    let [basic, enhanced, strict] = match row {
        Row::Trusted => [Allow, Allow, Allow],
        Row::Pinned => [Allow, Allow, Block],
        Row::OriginUnproven => [Warn, Warn, Block],
        Row::Unproven => [Warn, Warn, Block],
        Row::WithinGrace => [Warn, Warn, Warn],
        Row::Unchecked => [Warn, Block, Block],
        Row::False => [Block, Block, Block],
        Row::Approved => [Allow, Allow, Allow],
        Row::Unapproved => [Warn, Ask, Ask],
        Row::Changed => [Warn, Ask, Block],
        Row::EvidenceLost => [Warn, Block, Block],
        Row::Shadowed => [Warn, Ask, Block],
        Row::RolledBack => [Warn, Block, Block],
        Row::Forbidden => [Block, Block, Block],
        Row::Allowed => [Allow, Allow, Allow],
        Row::NotEvaluated => [Allow, Allow, Block],
        Row::MissingScopes => [Warn, Block, Block],
        Row::Denied => [Block, Block, Block],
    };
    match level {
        SecurityLevel::Basic => basic,
        SecurityLevel::Enhanced => enhanced,
        SecurityLevel::Strict => strict,
    }
}

/// The result of a verdict at a level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The strictest action of all rows.
    pub action: Action,
    /// The rows that apply, each with its action, in the order: who, origin, what, may.
    pub rows: Vec<(Row, Action)>,
}

impl Outcome {
    /// Returns whether the outcome is a block and only these rows block. A caller uses it to let a
    /// person override the block.
    #[must_use]
    pub fn blocks_only_for(&self, rows: &[Row]) -> bool {
        self.action == Action::Block
            && self.rows.iter().all(|(row, action)| *action != Action::Block || rows.contains(row))
    }
}

/// Decides: returns the strictest action of all rows that apply.
#[must_use]
pub fn decide(level: SecurityLevel, verdict: &Verdict) -> Outcome {
    let rows: Vec<(Row, Action)> = std::iter::once(who_row(level, verdict))
        .chain((verdict.origin == Origin::Unproven).then_some(Row::OriginUnproven))
        .chain(verdict.what.iter().map(what_row))
        .chain([may_row(&verdict.may)])
        .map(|row| (row, action(row, level)))
        .collect();
    // `rows` always has a row of `who` and `may`. A verdict without an answer in `what` is blocked;
    // `judge` never returns such a verdict.
    let worst = rows.iter().map(|(_, action)| *action).max().unwrap_or(Action::Block);
    let action = if verdict.what.is_empty() { Action::Block } else { worst };
    Outcome { action, rows }
}

fn who_row(level: SecurityLevel, verdict: &Verdict) -> Row {
    match &verdict.who {
        Who::Attested { .. } | Who::Signed { trust: KeyTrust::Configured, .. } => Row::Trusted,
        Who::Signed { trust: KeyTrust::Pinned, .. } => Row::Pinned,
        Who::Identified { .. } | Who::Anonymous => Row::Unproven,
        Who::Expired { .. } | Who::Unknown { .. } => {
            let grace = level.offline_grace();
            let within =
                verdict.is_approved() && verdict.evidence_age.is_some_and(|age| age < grace);
            if within { Row::WithinGrace } else { Row::Unchecked }
        }
        Who::Impostor { .. } | Who::Revoked { .. } => Row::False,
    }
}

fn what_row(what: &What) -> Row {
    match what {
        What::Approved => Row::Approved,
        What::New | What::Renamed { .. } | What::Upgraded { .. } | What::ApprovalExpired { .. } => {
            Row::Unapproved
        }
        What::Changed { .. } => Row::Changed,
        What::EvidenceLost { .. } => Row::EvidenceLost,
        What::Shadowed { .. } => Row::Shadowed,
        What::RolledBack { .. } => Row::RolledBack,
        What::Tampered { .. } | What::Replaced { .. } | What::Equivocated { .. } => Row::Forbidden,
    }
}

fn may_row(may: &May) -> Row {
    match may {
        May::Allowed => Row::Allowed,
        May::NotEvaluated => Row::NotEvaluated,
        May::Denied { why: DenyReason::MissingScopes { .. } } => Row::MissingScopes,
        May::Denied { .. } => Row::Denied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_actions_stay() {
        let names: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names, ["allow", "warn", "ask", "block"]);
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }
}

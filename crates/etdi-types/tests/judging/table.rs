//! Tests of the decision: the strictest action of all rows that apply.

use std::collections::HashSet;
use std::time::Duration;

use etdi_types::decision::Action::{self, Allow, Ask, Block, Warn};
use etdi_types::decision::action;
use etdi_types::verdict::{Binding, DenyReason, ImpostorReason, KeyTrust, UnknownReason};
use etdi_types::{
    Diff, May, Origin, Row, Scope, SecurityLevel, ServerIdentity, Verdict, What, Who, decide,
};
use proptest::prelude::*;
use time::OffsetDateTime;

use crate::scene::{Scene, Tool};

const LEVELS: [SecurityLevel; 3] =
    [SecurityLevel::Basic, SecurityLevel::Enhanced, SecurityLevel::Strict];

fn scopes() -> Vec<Scope> {
    vec!["execute:tools".parse().unwrap()]
}

fn server() -> ServerIdentity {
    "https://docs.example/mcp".parse().unwrap()
}

/// Returns the rows of the design's table for `who`: the answer, whether the definition is approved
/// and within the grace, and the action at each level.
fn whos() -> Vec<(Who, Option<bool>, [Action; 3])> {
    let attested =
        |binding| Who::Attested { issuer: "i".to_owned(), client: "c".to_owned(), binding };
    let signed = |trust| Who::Signed { kid: "k".to_owned(), thumbprint: "t".to_owned(), trust };
    let expired = Who::Expired { issuer: "i".to_owned(), since: OffsetDateTime::UNIX_EPOCH };
    let unknown = Who::Unknown { why: UnknownReason::KeysUnavailable("x".to_owned()) };
    let impostor = Who::Impostor { why: ImpostorReason::NoEvidence };
    let revoked = Who::Revoked { what: "kid:k".to_owned() };
    let identified = Who::Identified { by: "x".to_owned() };
    vec![
        (attested(Binding::Digest), None, [Allow, Allow, Allow]),
        (attested(Binding::Key), None, [Allow, Allow, Allow]),
        (signed(KeyTrust::Configured), None, [Allow, Allow, Allow]),
        (signed(KeyTrust::Pinned), None, [Allow, Allow, Block]),
        (identified, None, [Warn, Warn, Block]),
        (Who::Anonymous, None, [Warn, Warn, Block]),
        (expired.clone(), Some(true), [Warn, Warn, Warn]),
        (unknown.clone(), Some(true), [Warn, Warn, Warn]),
        (expired, Some(false), [Warn, Block, Block]),
        (unknown, Some(false), [Warn, Block, Block]),
        (impostor, None, [Block, Block, Block]),
        (revoked, None, [Block, Block, Block]),
    ]
}

fn whats() -> Vec<(What, [Action; 3])> {
    let diff = Diff::default;
    vec![
        (What::Approved, [Allow, Allow, Allow]),
        (What::New, [Warn, Ask, Ask]),
        (What::Renamed { signed: "a".to_owned(), served: "b".to_owned() }, [Warn, Ask, Ask]),
        (What::Upgraded { from: None, diff: diff() }, [Warn, Ask, Ask]),
        (What::ApprovalExpired { since: OffsetDateTime::UNIX_EPOCH }, [Warn, Ask, Ask]),
        (What::Changed { diff: diff() }, [Warn, Ask, Block]),
        (What::EvidenceLost { was: "x".to_owned() }, [Warn, Block, Block]),
        (What::Shadowed { by: server(), id: "x".to_owned() }, [Warn, Ask, Block]),
        (What::RolledBack { approved: None, diff: diff() }, [Warn, Block, Block]),
        (What::Tampered { signer_valid: true, diff: diff() }, [Block, Block, Block]),
        (What::Replaced { id: "x".to_owned() }, [Block, Block, Block]),
        (What::Equivocated { first_seen: server() }, [Block, Block, Block]),
    ]
}

fn mays() -> Vec<(May, [Action; 3])> {
    let denied = |why| May::Denied { why };
    vec![
        (May::Allowed, [Allow, Allow, Allow]),
        (May::NotEvaluated, [Allow, Allow, Block]),
        (denied(DenyReason::MissingScopes { scopes: scopes() }), [Warn, Block, Block]),
        (denied(DenyReason::Policy { reason: "x".to_owned() }), [Block, Block, Block]),
        (denied(DenyReason::Rate), [Block, Block, Block]),
        (denied(DenyReason::Proof), [Block, Block, Block]),
    ]
}

const ORIGINS: [(Origin, [Action; 3]); 2] =
    [(Origin::Listed, [Allow, Allow, Allow]), (Origin::Unproven, [Warn, Warn, Block])];

/// Returns a verdict with these answers. Only `judge` makes verdicts, so judge once and replace the
/// answers.
fn verdict(who: Who, origin: Origin, what: Vec<What>, may: May, age: Option<Duration>) -> Verdict {
    let scene = Scene::new();
    let mut verdict = scene.judge(&Tool::version("1.0.0").unsigned());
    verdict.who = who;
    verdict.origin = origin;
    verdict.what = what;
    verdict.may = may;
    verdict.evidence_age = age;
    verdict
}

#[test]
fn every_row_at_every_level_alone() {
    for (column, level) in LEVELS.into_iter().enumerate() {
        for (what, actions) in whats() {
            let (who, ..) = whos().swap_remove(0);
            let v = verdict(who, Origin::Listed, vec![what], May::Allowed, None);
            assert_eq!(decide(level, &v).action, actions[column], "{v} at {level}");
        }
        for (may, actions) in mays() {
            let (who, ..) = whos().swap_remove(0);
            let v = verdict(who, Origin::Listed, vec![What::Approved], may, None);
            assert_eq!(decide(level, &v).action, actions[column], "{v} at {level}");
        }
        for (origin, actions) in ORIGINS {
            let (who, ..) = whos().swap_remove(0);
            let v = verdict(who, origin, vec![What::Approved], May::Allowed, None);
            assert_eq!(decide(level, &v).action, actions[column], "{v} at {level}");
        }
        for (who, grace, actions) in whos() {
            let age = grace.map(|g| if g { Duration::ZERO } else { Duration::MAX });
            let v = verdict(who, Origin::Listed, vec![What::Approved], May::Allowed, age);
            assert_eq!(decide(level, &v).action, actions[column], "{v} at {level}");
        }
    }
}

#[test]
fn the_worst_of_all_rows_decides_in_every_combination() {
    let mut reached = HashSet::new();
    for (column, level) in LEVELS.into_iter().enumerate() {
        for (who, grace, by_who) in whos() {
            for (origin, by_origin) in ORIGINS {
                for (may, by_may) in mays() {
                    for (what, by_what) in whats() {
                        // Only approved definitions have a grace.
                        let approved = what == What::Approved;
                        if grace == Some(true) && !approved {
                            continue;
                        }
                        let age = match grace {
                            Some(true) => Some(Duration::ZERO),
                            _ => approved.then_some(Duration::MAX),
                        };
                        let rows = [by_who, by_origin, by_may, by_what];
                        let worst = rows.iter().map(|row| row[column]).max().unwrap();
                        let v = verdict(who.clone(), origin, vec![what], may.clone(), age);
                        let outcome = decide(level, &v);
                        assert_eq!(outcome.action, worst, "{v} at {level}");
                        let rows = 3 + usize::from(origin == Origin::Unproven);
                        assert_eq!(outcome.rows.len(), rows);
                        assert!(outcome.rows.iter().all(|(row, a)| action(*row, level) == *a));
                        reached.extend(outcome.rows.iter().map(|(row, _)| *row));
                    }
                }
            }
        }
    }
    for row in Row::ALL {
        assert!(reached.contains(row), "no combination reaches {row:?}");
    }
}

#[test]
fn a_verdict_without_a_what_is_blocked() {
    let (who, ..) = whos().swap_remove(0);
    let v = verdict(who, Origin::Listed, Vec::new(), May::Allowed, None);
    for level in LEVELS {
        assert_eq!(decide(level, &v).action, Block);
    }
}

#[test]
fn an_override_is_possible_only_if_no_other_row_blocks() {
    let (who, ..) = whos().swap_remove(0);
    let rolled_back = || What::RolledBack { approved: None, diff: Diff::default() };
    let v = verdict(who.clone(), Origin::Listed, vec![rolled_back()], May::Allowed, None);
    let outcome = decide(SecurityLevel::Enhanced, &v);
    assert!(outcome.blocks_only_for(&[Row::RolledBack]));
    assert!(!outcome.blocks_only_for(&[Row::EvidenceLost]));
    let lost = What::EvidenceLost { was: "x".to_owned() };
    let v = verdict(who, Origin::Listed, vec![rolled_back(), lost], May::Allowed, None);
    assert!(!decide(SecurityLevel::Enhanced, &v).blocks_only_for(&[Row::RolledBack]));
}

proptest! {
    /// Decides about one to five `what` answers at once, in any order.
    #[test]
    fn the_worst_of_several_whats_decides(
        chosen in proptest::collection::vec(0..12usize, 1..6),
        who in 0..6usize, origin in 0..2usize, may in 0..6usize, column in 0..3usize,
    ) {
        let (who, _, by_who) = whos().swap_remove(who);
        let (origin, by_origin) = ORIGINS[origin];
        let (may, by_may) = mays().swap_remove(may);
        let (what, by_what): (Vec<_>, Vec<_>) = chosen.iter().map(|i| whats().swap_remove(*i)).unzip();
        let worst = by_what
            .iter()
            .chain([&by_who, &by_origin, &by_may])
            .map(|row| row[column])
            .max();
        let v = verdict(who, origin, what, may, None);
        prop_assert_eq!(Some(decide(LEVELS[column], &v).action), worst);
    }
}

//! Tests that a policy answers only questions about changes.

use std::time::Duration;

use etdi_review::{Class, Handling, Review, ReviewPolicy};
use etdi_types::decision::Action;
use etdi_types::{
    Diff, May, Origin, Row, SecurityLevel, ServerIdentity, StdioCommand, Verdict, What, Who, decide,
};
use serde_json::json;

use crate::tool::{review, with};

fn wording() -> Review {
    review(&with("/title", Some(json!("Find mail"))))
}

fn critical() -> Review {
    review(&with("/annotations/readOnlyHint", Some(json!(false))))
}

fn verdict(what: Vec<What>) -> Verdict {
    // Only `judge` makes a verdict; its parts can be replaced.
    let definition =
        etdi_types::ToolDefinition::parse(br#"{"name":"a","inputSchema":{}}"#).unwrap();
    let server = ServerIdentity::from(&StdioCommand::new("a"));
    let mut verdict = etdi_types::judge(etdi_types::judge::Case {
        definition: &definition,
        evidence: &etdi_types::Evidence::new(
            etdi_types::evidence::SignatureEvidence::Absent,
            etdi_types::evidence::AttestationEvidence::Absent,
        ),
        server: &server,
        context: &etdi_types::AuthorizationContext::None,
        trust: &etdi_types::TrustConfig::default(),
        known: &etdi_types::Known::default(),
        scopes: None,
        now: time::OffsetDateTime::UNIX_EPOCH,
    });
    verdict.who = Who::Signed {
        kid: "k".into(),
        thumbprint: "t".into(),
        trust: etdi_types::verdict::KeyTrust::Configured,
    };
    verdict.origin = Origin::Listed;
    verdict.evidence_age = Some(Duration::ZERO);
    verdict.what = what;
    verdict
}

fn upgraded() -> What {
    What::Upgraded { from: Some("1.0.0".parse().unwrap()), diff: Diff::default() }
}

fn changed() -> What {
    What::Changed { diff: Diff::default() }
}

const ACCEPTING: ReviewPolicy = ReviewPolicy::all(Handling::Accept);
const BLOCKING: ReviewPolicy = ReviewPolicy::all(Handling::Block);

#[test]
fn a_change_is_accepted_only_if_the_policy_is_configured_to_accept_it() {
    let policy = ReviewPolicy::default();
    assert_eq!(policy.outcome(&wording()), Handling::Ask);
    assert_eq!(policy.outcome(&critical()), Handling::Ask);
    let read: ReviewPolicy = serde_json::from_str(r#"{"wording":"accept"}"#).unwrap();
    assert_eq!(read, ReviewPolicy::default().with(Class::Wording, Handling::Accept));
    assert!(serde_json::from_str::<ReviewPolicy>(r#"{"words":"accept"}"#).is_err());
}

#[test]
fn the_strictest_handling_of_all_changes_holds() {
    let policy = ReviewPolicy::default()
        .with(Class::Wording, Handling::Accept)
        .with(Class::Critical, Handling::Block);
    assert_eq!(policy.outcome(&wording()), Handling::Accept);
    let mut both = with("/title", Some(json!("Find mail")));
    crate::tool::set(&mut both, "/icons", None);
    assert_eq!(policy.outcome(&review(&both)), Handling::Ask);
    crate::tool::set(&mut both, "/annotations/readOnlyHint", Some(json!(false)));
    assert_eq!(policy.outcome(&review(&both)), Handling::Block);
    assert_eq!(ACCEPTING.outcome(&Review::default()), Handling::Ask);
}

#[test]
fn a_policy_answers_for_upgraded_and_changed_alone() {
    use SecurityLevel::{Basic, Enhanced, Strict};
    for (what, level, accepted, blocked) in [
        (vec![upgraded()], Enhanced, Action::Allow, Action::Block),
        (vec![changed()], Enhanced, Action::Allow, Action::Block),
        // A decision that does not ask is unchanged.
        (vec![upgraded()], Basic, Action::Warn, Action::Warn),
        (vec![changed()], Basic, Action::Warn, Action::Warn),
        (vec![changed()], Strict, Action::Block, Action::Block),
        // Other questions are still asked, and blocks still block.
        (vec![What::New], Enhanced, Action::Ask, Action::Ask),
        (vec![changed(), What::New], Enhanced, Action::Ask, Action::Ask),
        (
            vec![upgraded(), What::Renamed { signed: "a".into(), served: "b".into() }],
            Enhanced,
            Action::Ask,
            Action::Ask,
        ),
        (
            vec![What::EvidenceLost { was: "signed".into() }, upgraded()],
            Enhanced,
            Action::Block,
            Action::Block,
        ),
        (
            vec![What::Tampered { signer_valid: true, diff: Diff::default() }],
            Enhanced,
            Action::Block,
            Action::Block,
        ),
        (
            vec![What::RolledBack { approved: None, diff: Diff::default() }],
            Enhanced,
            Action::Block,
            Action::Block,
        ),
    ] {
        let verdict = verdict(what);
        let of = |policy: ReviewPolicy| policy.decide(level, &verdict, &critical()).action;
        assert_eq!(of(ACCEPTING), accepted, "{level} {:?}", verdict.what);
        assert_eq!(of(BLOCKING), blocked, "{level} {:?}", verdict.what);
        assert_eq!(of(ReviewPolicy::default()), decide(level, &verdict).action);
    }
}

#[test]
fn acceptance_keeps_the_actions_of_the_other_rows() {
    let mut verdict = verdict(vec![upgraded()]);
    verdict.origin = Origin::Unproven;
    let outcome = ACCEPTING.decide(SecurityLevel::Enhanced, &verdict, &wording());
    assert_eq!(outcome.action, Action::Warn);
    assert!(outcome.rows.contains(&(Row::Unapproved, Action::Allow)));
    verdict.may = May::Denied { why: etdi_types::verdict::DenyReason::Proof };
    let outcome = ACCEPTING.decide(SecurityLevel::Enhanced, &verdict, &wording());
    assert_eq!(outcome.action, Action::Block);
    verdict.who = Who::Revoked { what: "k".into() };
    let outcome = ACCEPTING.decide(SecurityLevel::Enhanced, &verdict, &wording());
    assert_eq!(outcome.action, Action::Block);
}

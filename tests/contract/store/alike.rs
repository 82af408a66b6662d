//! Both stores give the same answers after the same steps.

use etdi_client::{ApprovalStore, MemoryApprovals, NewApproval, Sighting, StoreError};
use etdi_types::confusable::{id_key, name_key};
use etdi_types::verdict::KeyTrust;
use etdi_types::{
    ApprovalBasis, ApprovalRecord, AuthorizationContext, Digest, EvidenceRecord, Known,
    LedgerEntry, Pin, ServerIdentity, SigningKey, StdioCommand, Subject,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use time::{Duration, OffsetDateTime};

use super::Place;

/// One use of a store.
#[derive(Clone, Debug)]
enum Step {
    Record(Vec<Sighting>),
    Approve {
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    },
    /// Like `Approve`, but the caller first reads which digest is approved, and expects that one.
    ApproveKnowing {
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
    },
    Forget(ServerIdentity, String),
    Reopen,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_the_same(steps in vec(step(), 1..16)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(both_answer_the_same(&steps))?;
    }

    #[test]
    fn an_approval_is_known_as_it_was_given(steps in vec(step(), 1..32)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(approvals_are_known_as_given(&steps))?;
    }
}

/// A judgement after an approval does not read the store again: it adds the approval to the records
/// that it already had. The result must be equal to the records in the store.
async fn approvals_are_known_as_given(steps: &[Step]) -> Result<(), TestCaseError> {
    let store = MemoryApprovals::new();
    for step in steps {
        let (Step::ApproveKnowing { approval, ledger } | Step::Approve { approval, ledger, .. }) =
            step
        else {
            take(&store, step).await.unwrap();
            continue;
        };
        let subjects = [subject(&approval.pin)];
        let before = answers(&store, &subjects).await.remove(0);
        if take(&store, step).await.is_err() {
            continue;
        }
        let new = NewApproval::new(approval.clone(), ledger.clone(), None);
        let after = answers(&store, &subjects).await.remove(0);
        let given = sorted(new.stored_in(before));
        prop_assert_eq!(&after.pins, &given.pins, "{:?}", step);
        prop_assert_eq!(&after.approvals, &given.approvals, "{:?}", step);
        prop_assert_eq!(&after.ledger, &given.ledger, "{:?}", step);
        prop_assert_eq!(&after.elsewhere, &given.elsewhere, "{:?}", step);
    }
    Ok(())
}

async fn both_answer_the_same(steps: &[Step]) -> Result<(), TestCaseError> {
    let place = Place::new();
    let (memory, mut file) = (MemoryApprovals::new(), place.open());
    let subjects = subjects();
    let mut was = answers(&file, &subjects).await;
    for step in steps {
        let before = file.revision().await.unwrap();
        if matches!(step, Step::Reopen) {
            drop(file);
            file = place.open();
        } else {
            let (a, b) = (take(&memory, step).await, take(&file, step).await);
            prop_assert_eq!(a, b, "{:?}", step);
        }
        let answers = answers(&file, &subjects).await;
        prop_assert_eq!(&self::answers(&memory, &subjects).await, &answers, "{:?}", step);
        // The revision must grow if the answers change. A change of the times of the evidence does not
        // count.
        let now = timeless(answers);
        let same = timeless(was) == now;
        was = now;
        prop_assert!(same || file.revision().await.unwrap() > before, "{:?}", step);
    }
    Ok(())
}

/// Takes a step, and returns the answer of the store.
async fn take(store: &dyn ApprovalStore, step: &Step) -> Result<bool, Option<Digest>> {
    let done = match step.clone() {
        Step::Record(sightings) => store.record(&sightings).await.map(|()| true),
        Step::Approve { approval, ledger, expected } => {
            store.approve(approval, ledger, expected).await.map(|()| true)
        }
        Step::ApproveKnowing { approval, ledger } => {
            let known = store.known(&[subject(&approval.pin)]).await.unwrap().remove(0);
            let expected = known.approval(&approval.pin.id, &approval.context);
            let expected = expected.map(|approval| approval.pin.digest);
            store.approve(approval, ledger, expected).await.map(|()| true)
        }
        Step::Forget(server, tool) => store.forget(&server, &tool).await,
        Step::Reopen => Ok(true),
    };
    match done {
        Ok(done) => Ok(done),
        Err(StoreError::Conflict { approved }) => Err(approved),
        Err(error) => panic!("{error}"),
    }
}

/// Returns the answers of a store, sorted: their order has no meaning.
async fn answers(store: &dyn ApprovalStore, subjects: &[Subject]) -> Vec<Known> {
    store.known(subjects).await.unwrap().into_iter().map(sorted).collect()
}

fn sorted(mut known: Known) -> Known {
    known.pins.sort_by(|a, b| a.id.cmp(&b.id));
    let key = |approval: &ApprovalRecord| {
        let pin = &approval.pin;
        (pin.server.clone(), pin.id.clone(), approval.context.clone(), pin.digest)
    };
    known.approvals.sort_by_key(key);
    known.elsewhere.sort_by_key(key);
    known
}

fn timeless(mut answers: Vec<Known>) -> Vec<Known> {
    for known in &mut answers {
        for approval in known.approvals.iter_mut().chain(&mut known.elsewhere) {
            approval.evidence_good_at = OffsetDateTime::UNIX_EPOCH;
        }
    }
    answers
}

fn step() -> impl Strategy<Value = Step> {
    let ledger = || any::<(bool, bool)>();
    let approve = (approval(), ledger(), any::<bool>(), option::of(pin())).prop_map(
        |(approval, ledger, knowing, expected)| {
            let ledger = entry(&approval.pin, ledger);
            if knowing {
                return Step::ApproveKnowing { approval, ledger };
            }
            Step::Approve { approval, ledger, expected: expected.map(|pin| pin.digest) }
        },
    );
    let sighting = (pin(), ledger(), option::of(context())).prop_map(|(pin, ledger, refreshes)| {
        let ledger = entry(&pin, ledger);
        let sighting = Sighting::new(pin).with_ledger(ledger);
        match refreshes {
            Some(context) => sighting.refreshing(context),
            None => sighting,
        }
    });
    let forget = (server(), prop_oneof![id(), name().prop_map(str::to_owned)])
        .prop_map(|(server, tool)| Step::Forget(server, tool));
    prop_oneof![
        4 => vec(sighting, 1..3).prop_map(Step::Record),
        5 => approve,
        1 => forget,
        1 => Just(Step::Reopen),
    ]
}

fn approval() -> impl Strategy<Value = ApprovalRecord> {
    (pin(), context(), basis(), option::of(hour()), vec(scope(), 0..2)).prop_map(
        |(pin, context, basis, until, granted)| {
            let by = "alice \"\u{1f600}\" \0";
            let mut approval = ApprovalRecord::new(pin, context, by, basis);
            (approval.until, approval.granted) = (until, granted);
            approval
        },
    )
}

fn basis() -> impl Strategy<Value = ApprovalBasis> {
    use ApprovalBasis::{Override, PinnedKey, Policy, Question, Relaunch, Unrecorded};
    proptest::sample::select(vec![Question, Override, PinnedKey, Relaunch, Policy, Unrecorded])
}

fn pin() -> impl Strategy<Value = Pin> {
    (server(), id(), name(), option::of(0..2), evidence(), 0..3, hour()).prop_map(
        |(server, id, name, version, evidence, text, at)| {
            let of_the_server = id.contains(':') && !id.contains('/');
            // The text depends on the version, as in a real definition: it names its provider and
            // version.
            let definition = format!("{id} {version:?} {text}");
            let digest = Digest::of(definition.as_bytes());
            let mut pin = Pin::new(server, id, evidence, digest, definition, at);
            pin.served_name = if of_the_server { String::new() } else { name.to_owned() };
            pin.provider = version.map(|_| "https://trustedsoft.example".to_owned());
            pin.version = version.map(|minor| format!("1.{minor}.0").parse().unwrap());
            pin
        },
    )
}

fn entry(pin: &Pin, (there, global): (bool, bool)) -> Option<LedgerEntry> {
    there.then_some(())?;
    let mut entry = LedgerEntry::of(pin)?;
    entry.global = global;
    Some(entry)
}

fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for server in SERVERS {
        for id in IDS {
            for name in NAMES.into_iter().chain([""]) {
                for version in [None, Some("1.0.0"), Some("1.1.0")] {
                    let server = ServerIdentity::from(&StdioCommand::new(server));
                    let mut subject = Subject::of_server(&server, id);
                    subject.served_name = name.to_owned();
                    subject.provider = version.map(|_| "https://trustedsoft.example".to_owned());
                    subject.version = version.map(|version| version.parse().unwrap());
                    subject.id_key = version.map(|_| id_key(id));
                    subject.name_key = name_key(name);
                    subjects.push(subject);
                }
            }
        }
    }
    subjects
}

fn subject(pin: &Pin) -> Subject {
    let mut subject = Subject::of_server(&pin.server, &pin.id);
    subject.served_name.clone_from(&pin.served_name);
    subject.provider.clone_from(&pin.provider);
    subject.version.clone_from(&pin.version);
    subject.name_key = name_key(&pin.served_name);
    subject
}

const SERVERS: [&str; 2] = ["one", "two"];
/// Two ids that look alike, the id of an unsigned tool, and the id of a record about a whole server.
const IDS: [&str; 4] = ["a.example/scan", "a.example/sc-an", "local:one/scan", "executable:one"];
const NAMES: [&str; 3] = ["scan", "s-can", "s_can"];

fn server() -> impl Strategy<Value = ServerIdentity> {
    proptest::sample::select(&SERVERS[..])
        .prop_map(|name| ServerIdentity::from(&StdioCommand::new(name)))
}

fn id() -> impl Strategy<Value = String> {
    proptest::sample::select(&IDS[..]).prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&NAMES[..])
}

fn hour() -> impl Strategy<Value = OffsetDateTime> {
    // Some times are not in UTC, or not in whole seconds.
    (0_i64..50, -12_i8..12).prop_map(|(hour, offset)| {
        let at = OffsetDateTime::UNIX_EPOCH + Duration::hours(hour) + Duration::nanoseconds(hour);
        at.to_offset(time::UtcOffset::from_hms(offset, 30 * offset.signum(), 0).unwrap())
    })
}

fn scope() -> impl Strategy<Value = etdi_types::Scope> {
    proptest::sample::select(&["documents:read", "documents:write"][..])
        .prop_map(|scope| scope.parse().unwrap())
}

fn context() -> impl Strategy<Value = AuthorizationContext> {
    let principal = |subject: &str| AuthorizationContext::Principal {
        issuer: "https://issuer.example/".to_owned(),
        subject: subject.to_owned(),
        client: "the-host".to_owned(),
    };
    proptest::sample::select(vec![AuthorizationContext::None, principal("alice"), principal("bob")])
}

fn evidence() -> impl Strategy<Value = EvidenceRecord> {
    let key = SigningKey::generate().unwrap().public_jwk().clone();
    let signed = |pinned_key| EvidenceRecord::Signed {
        thumbprint: "thumbprint".to_owned(),
        trust: KeyTrust::Pinned,
        pinned_key,
    };
    let attested = EvidenceRecord::Attested {
        issuer: "https://issuer.example/".to_owned(),
        client: "the-publisher".to_owned(),
        binding: etdi_types::verdict::Binding::Digest,
    };
    proptest::sample::select(vec![
        EvidenceRecord::None,
        EvidenceRecord::Identified,
        attested,
        signed(None),
        signed(Some(key)),
    ])
}

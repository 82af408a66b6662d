//! Tests that count the reads of the store, its writes, and the evidence that is gathered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use etdi_oauth::Network;
use etdi_review::{Class, Handling, ReviewPolicy};
use etdi_types::decision::Action;
use etdi_types::evidence::{AttestationEvidence, Evidence, ProviderKeys, check_signature};
use etdi_types::trust::TrustedProvider;
use etdi_types::{
    ApprovalRecord, AuthorizationContext, DefinitionSpec, Digest, Known, LedgerEntry, Listing,
    Page, Provider, SecurityLevel, ServerIdentity, SigningKey, StdioCommand, Subject, SystemClock,
    ToolDefinition, TrustConfig,
};
use serde_json::{Value, json};

use super::approve::NotApproved;
use super::evidence::{EvidenceGatherer, Gather};
use super::policy::Ruling;
use super::settings::Settings;
use super::{Judge, NewApproval};
use crate::store::memory::MemoryApprovals;
use crate::store::{ApprovalStore, Sighting, StoreError};
use crate::tool::approval::Approval;
use crate::tool::decision::{ApprovalRequest, Decision};
use crate::tool::listed::{Problem, Snapshot};

const PROVIDER: &str = "https://trusted.example";

/// A store that counts its reads and writes, and fails to keep sightings on demand.
#[derive(Debug, Default)]
struct CountingStore {
    inner: MemoryApprovals,
    looked_up: AtomicUsize,
    written: AtomicUsize,
    is_full: AtomicBool,
}

#[async_trait]
impl ApprovalStore for CountingStore {
    async fn revision(&self) -> Result<u64, StoreError> {
        self.inner.revision().await
    }

    async fn known(&self, subjects: &[Subject]) -> Result<Vec<Known>, StoreError> {
        self.looked_up.fetch_add(1, SeqCst);
        self.inner.known(subjects).await
    }

    async fn approved_names(&self) -> Result<Vec<(ServerIdentity, String)>, StoreError> {
        self.inner.approved_names().await
    }

    async fn record(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        self.written.fetch_add(sightings.len(), SeqCst);
        match self.is_full.load(SeqCst) {
            true => Err(StoreError::Unavailable("the disk is full".into())),
            false => self.inner.record(sightings).await,
        }
    }

    async fn approve(
        &self,
        approval: ApprovalRecord,
        ledger: Option<LedgerEntry>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError> {
        self.written.fetch_add(1, SeqCst);
        self.inner.approve(approval, ledger, expected).await
    }

    async fn forget(&self, server: &ServerIdentity, tool: &str) -> Result<bool, StoreError> {
        self.inner.forget(server, tool).await
    }
}

/// A gatherer that checks signatures and finds no attestations. Counts its calls.
#[derive(Debug, Default)]
struct CountingGatherer(AtomicUsize);

#[async_trait]
impl Gather for CountingGatherer {
    async fn gather(
        &self,
        definition: &ToolDefinition,
        trust: &TrustConfig,
        known: &Known,
    ) -> Evidence {
        self.0.fetch_add(1, SeqCst);
        let pinned = |provider: &str, kid: &str| known.pinned_key(provider, kid);
        let signature = check_signature(definition, trust, ProviderKeys::Listed, pinned);
        Evidence::new(signature, AttestationEvidence::Absent)
    }
}

struct Scene {
    judge: Judge,
    store: Arc<CountingStore>,
    gatherer: Arc<CountingGatherer>,
}

impl Scene {
    fn new(trust: TrustConfig, with: impl FnOnce(Settings) -> Settings) -> Self {
        let (store, gatherer) = (Arc::<CountingStore>::default(), Arc::default());
        let unused = EvidenceGatherer::new(Network::default(), Arc::new(SystemClock)).unwrap();
        let mut settings = with(Settings::new(trust, unused).with_store(store.clone()));
        settings.gatherer = Arc::clone(&gatherer) as Arc<dyn Gather>;
        Self { judge: judge(Arc::new(settings)), store, gatherer }
    }

    async fn decision(&self, snapshot: &Snapshot) -> Decision {
        self.judge.decide_all(snapshot).await.unwrap().remove(0)
    }

    async fn asked(&self, snapshot: &Snapshot) -> ApprovalRequest {
        match self.decision(snapshot).await {
            Decision::Ask(request) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Returns how often the store was read, and evidence was gathered, since the last call.
    fn counts(&self) -> (usize, usize) {
        (self.store.looked_up.swap(0, SeqCst), self.gatherer.0.swap(0, SeqCst))
    }
}

fn judge(settings: Arc<Settings>) -> Judge {
    let server = ServerIdentity::from(&StdioCommand::new("scan-server"));
    Judge::new(server, AuthorizationContext::None, settings)
}

fn trusting(key: &SigningKey) -> TrustConfig {
    let entry = TrustedProvider::new(PROVIDER, "trusted.example", key.public_jwk().clone());
    TrustConfig::new(vec![entry]).unwrap()
}

fn plain(description: &str) -> Value {
    json!({"name": "scan", "description": description, "inputSchema": {"type": "object"}})
}

/// Makes a signed tool with an attestation, so that the evidence must be gathered each time.
fn signed(key: &SigningKey, version: &str, description: &str) -> Value {
    let (id, version) = ("trusted.example/scan".parse().unwrap(), version.parse().unwrap());
    let spec = DefinitionSpec::new(id, version, Provider::new(PROVIDER, "Trusted").unwrap());
    let signed = spec.sign(plain(description).as_object().unwrap(), key).unwrap();
    signed.with_attestation("e30.e30.e30").tool().clone().into()
}

fn snapshot(tool: &Value) -> Snapshot {
    listing(tool, true)
}

fn listing(tool: &Value, is_usable: bool) -> Snapshot {
    let message = json!({"id": 1, "result": {"tools": [tool]}}).to_string();
    let mut listing = Listing::default();
    assert_eq!(listing.add(Page::parse(message.as_bytes()).unwrap()).unwrap(), None);
    Snapshot::new(listing.tools(), None, |_| is_usable)
}

#[tokio::test]
async fn an_approval_asks_the_store_once_and_gathers_the_evidence_once() {
    let key = SigningKey::generate().unwrap();
    let scene = Scene::new(trusting(&key), |settings| settings);
    let snapshot = snapshot(&signed(&key, "1.0.0", "Scans"));
    let request = scene.asked(&snapshot).await;
    scene.counts();
    let approved = scene.judge.approve(&snapshot, &request, &Approval::by("alice")).await.unwrap();
    assert_eq!(scene.counts(), (1, 1));
    assert_eq!(Some(approved.digest()), request.digest());
    // The store gives the same answer afterwards.
    assert!(matches!(scene.decision(&snapshot).await, Decision::Allow(_)));
}

#[tokio::test]
async fn an_approval_that_brings_a_key_gathers_the_evidence_once_as_well() {
    let key = SigningKey::generate().unwrap();
    let scene = Scene::new(TrustConfig::default(), |settings| settings);
    let snapshot = snapshot(&signed(&key, "1.0.0", "Scans"));
    let Decision::Block(refusal) = scene.decision(&snapshot).await else { panic!() };
    let request = refusal.override_request().unwrap();
    let approval = Approval::by("alice").pinning(key.public_jwk().clone());
    scene.counts();
    scene.judge.approve(&snapshot, &request, &approval).await.unwrap();
    assert_eq!(scene.counts(), (1, 1));
    assert!(matches!(scene.decision(&snapshot).await, Decision::Allow(_)));
}

#[tokio::test]
async fn judging_does_not_write_to_the_store() {
    let key = SigningKey::generate().unwrap();
    let accepting = ReviewPolicy::default().with(Class::Wording, Handling::Accept);
    let scene = Scene::new(trusting(&key), |settings| settings.with_policy(accepting));
    let written = || scene.store.written.swap(0, SeqCst);
    let first = snapshot(&signed(&key, "1.0.0", "Scans a document."));
    let judging = scene.judge.judge_all(&first).await.unwrap().remove(0);
    assert!(judging.sighting.is_some());
    assert_eq!(written(), 0);
    let request = scene.asked(&first).await;
    scene.judge.approve(&first, &request, &Approval::by("alice")).await.unwrap();
    written();
    let second = snapshot(&signed(&key, "1.0.1", "Scans one document."));
    for judging in [
        scene.judge.judge_all(&second).await.unwrap().remove(0),
        scene.judge.judge_listed(&second.tools()[0]).await.unwrap(),
    ] {
        let Ruling::Accept(new) = judging.ruling else { panic!("{}", judging.tool) };
        let NewApproval { record, expected, .. } = *new;
        assert_eq!(Some(record.pin.digest), judging.tool.definition().map(ToolDefinition::digest));
        assert_eq!(expected, request.digest());
        // The approval counts only once it is stored.
        assert_eq!(judging.tool.action(), Action::Ask);
        assert_eq!(written(), 0);
    }
    assert!(matches!(scene.decision(&second).await, Decision::Allow(_)));
    assert!(written() > 0);
}

#[tokio::test]
async fn a_judgement_whose_sighting_was_not_kept_is_not_remembered() {
    let scene = Scene::new(TrustConfig::default(), |s| s.with_level(SecurityLevel::Basic));
    let snapshot = snapshot(&plain("Scans"));
    scene.store.is_full.store(true, SeqCst);
    for _ in 0..2 {
        let error = scene.judge.decide_listed(&snapshot.tools()[0]).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
    scene.store.is_full.store(false, SeqCst);
    for lookups in [1, 1, 0] {
        scene.counts();
        // The first judgement stores a pin, so the second one sees another revision.
        let decision = scene.judge.decide_listed(&snapshot.tools()[0]).await.unwrap();
        assert!(matches!(decision, Decision::Allow(_)), "{decision:?}");
        assert_eq!(scene.counts().0, lookups);
    }
}

#[tokio::test]
async fn a_tool_that_the_caller_cannot_use_is_reported_and_blocked() {
    let scene = Scene::new(TrustConfig::default(), |s| s.with_level(SecurityLevel::Basic));
    let listing = listing(&plain("Scans"), false);
    let Decision::Block(refusal) = scene.decision(&listing).await else { panic!() };
    assert_eq!(refusal.tool().problem(), Some(&Problem::NotMcp));
    assert!(refusal.override_request().is_none());
    assert_eq!(scene.store.written.load(SeqCst), 0);
}

#[tokio::test]
async fn a_tool_of_another_judge_is_blocked() {
    let scene = Scene::new(TrustConfig::default(), |s| s.with_level(SecurityLevel::Basic));
    let snapshot = snapshot(&plain("Scans"));
    let other = judge(Arc::clone(&scene.judge.settings));
    let tool = other.discover(&snapshot).await.unwrap().remove(0);
    assert!(matches!(other.decide(&tool).await.unwrap(), Decision::Allow(_)));
    assert!(matches!(scene.judge.decide(&tool).await.unwrap(), Decision::Block(_)));
}

#[tokio::test]
async fn a_question_of_another_judge_is_not_answered() {
    let scene = Scene::new(TrustConfig::default(), |settings| settings);
    let snapshot = snapshot(&plain("Scans"));
    let request = scene.asked(&snapshot).await;
    let other = judge(Arc::clone(&scene.judge.settings));
    let answer = other.approve(&snapshot, &request, &Approval::by("alice")).await;
    assert!(matches!(answer, Err(NotApproved::OtherConnection)), "{answer:?}");
}

#[test]
fn a_model_sees_the_definition_without_its_evidence() {
    let key = SigningKey::generate().unwrap();
    let tool = signed(&key, "1.0.0", "Scans");
    let snapshot = snapshot(&tool);
    let seen = Value::Object(snapshot.tools()[0].projection());
    let member = &seen["_meta"][etdi_types::DEFINITION_KEY];
    assert_eq!(member["version"], "1.0.0");
    assert!(member.get("signature").is_none() && member.get("attestation").is_none(), "{seen}");
    assert_eq!(seen["description"], tool["description"]);
}

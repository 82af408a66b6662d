//! The vectors of the wire format through a [`Judge`]: the evidence is given as values, without
//! I/O. A gateway judges in this way, without a connection of `etdi-client`.
#![cfg(test)]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use etdi_judge::{
    ApprovalStore, EvidenceGatherer, Judge, Judging, Listed, MemoryApprovals, Problem, Ruling,
    Settings, Snapshot,
};
use etdi_oauth::Network;
use etdi_review::hygiene::ToolNames;
use etdi_types::decision::Action;
use etdi_types::evidence::{AttestationEvidence, ProviderKeys, SignatureEvidence, check_signature};
use etdi_types::verdict::{ImpostorReason, UnknownReason};
use etdi_types::{
    AuthorizationContext, Evidence, Known, Listing, ListingError, Page, SecurityLevel,
    SignatureError, SystemClock, ToolDefinition, TrustConfig, What, Who,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

const LEVELS: [SecurityLevel; 3] =
    [SecurityLevel::Basic, SecurityLevel::Enhanced, SecurityLevel::Strict];

#[derive(Deserialize)]
struct VectorFile<V> {
    vectors: Vec<V>,
}

/// Loads the vectors of a file. Fails if the file holds no vectors.
fn load<V: DeserializeOwned>(name: &str) -> Vec<V> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: VectorFile<V> = serde_json::from_str(&text).unwrap();
    assert!(!file.vectors.is_empty(), "{name} holds no vectors");
    file.vectors
}

/// A judge as in a gateway: the identity of a server, the trusted providers, and a store.
struct Scene {
    judge: Judge,
    trust: TrustConfig,
    store: Arc<MemoryApprovals>,
}

impl Scene {
    fn new(server: &str, trust: &str, level: SecurityLevel) -> Self {
        let trust = TrustConfig::parse(trust).unwrap();
        let store = Arc::new(MemoryApprovals::new());
        let gatherer = EvidenceGatherer::new(Network::default(), Arc::new(SystemClock)).unwrap();
        let settings =
            Settings::new(trust.clone(), gatherer).with_level(level).with_store(store.clone());
        let server = server.parse().unwrap();
        let judge = Judge::new(server, AuthorizationContext::None, Arc::new(settings));
        Self { judge, trust, store }
    }

    /// Judges every tool of a listing, each by its own evidence.
    fn judge(&self, snapshot: &Snapshot) -> Vec<Judging> {
        let judge = |listed: &Arc<Listed>| {
            let signature = listed
                .definition()
                .map_or(SignatureEvidence::Absent, |definition| self.signature(definition));
            let evidence = Evidence::new(signature, AttestationEvidence::Absent);
            self.judge.judge(listed, &Known::default(), &evidence, &ToolNames::none())
        };
        snapshot.tools().iter().map(judge).collect()
    }

    fn signature(&self, definition: &ToolDefinition) -> SignatureEvidence {
        check_signature(definition, &self.trust, ProviderKeys::Listed, |_, _| None)
    }
}

/// Reads a listing as a gateway does.
fn snapshot(pages: &[Vec<u8>]) -> Result<Snapshot, ListingError> {
    let mut listing = Listing::default();
    for page in pages {
        listing.add(Page::parse(page)?)?;
    }
    Ok(Snapshot::new(listing.tools(), None, |_| true))
}

#[derive(Deserialize)]
struct Judged {
    name: String,
    tool: String,
    trust: String,
    server: String,
    who: String,
    origin: Option<String>,
}

#[derive(Deserialize)]
struct TableRow {
    name: String,
    basic: String,
    enhanced: String,
    strict: String,
}

impl TableRow {
    fn at(&self, level: SecurityLevel) -> &str {
        match level {
            SecurityLevel::Basic => &self.basic,
            SecurityLevel::Enhanced => &self.enhanced,
            SecurityLevel::Strict => &self.strict,
        }
    }
}

#[tokio::test]
async fn definitions_are_judged_and_decided_as_the_vectors_say() {
    let table: Vec<TableRow> = load("decisions.json");
    let table: HashMap<&str, &TableRow> =
        table.iter().map(|row| (row.name.as_str(), row)).collect();
    let mut reached = HashSet::new();
    for vector in load::<Judged>("evidence.json") {
        for level in LEVELS {
            let name = format!("{} at {level}", vector.name);
            let scene = Scene::new(&vector.server, &vector.trust, level);
            let page = format!(r#"{{"id":1,"result":{{"tools":[{}]}}}}"#, vector.tool);
            let snapshot = snapshot(&[page.into_bytes()]).unwrap();
            let judging = scene.judge(&snapshot).remove(0);
            let verdict = judging.tool.verdict().unwrap();
            assert_eq!(who(&verdict.who), vector.who, "{name}");
            let origin = vector.origin.as_deref().unwrap_or(verdict.origin.name());
            assert_eq!(verdict.origin.name().to_lowercase(), origin.to_lowercase(), "{name}");
            let outcome = judging.tool.outcome().unwrap();
            let rows = outcome.rows.iter().map(|(row, action)| {
                let row_name = serde_json::to_value(row).unwrap();
                let expected = table[row_name.as_str().unwrap()].at(level);
                assert_eq!(action.as_str(), expected, "{name}: {row:?}");
                reached.insert(*row);
                *action
            });
            assert_eq!(rows.max(), Some(outcome.action), "{name}");
            // The first sight of a tool that is not blocked gives a pin to store, but does not
            // store it.
            assert_eq!(judging.ruling, Ruling::Stands, "{name}");
            let is_blocked = outcome.action == Action::Block;
            let is_recorded = judging.sighting.is_some();
            assert!(!(is_blocked && is_recorded), "{name}");
            assert!(verdict.what.contains(&What::New), "{name}");
            assert_eq!(scene.store.revision().await.unwrap(), 0, "{name}");
        }
    }
    assert!(reached.len() >= 5, "{reached:?}");
}

#[derive(Deserialize)]
struct ListingVector {
    name: String,
    pages: Vec<PageText>,
    tools: Option<Vec<ListedVector>>,
    refused: Option<String>,
}

/// A text: as it is, in hexadecimal digits, or as repeated parts.
#[derive(Deserialize)]
struct PageText {
    input: Option<String>,
    hex: Option<String>,
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    text: String,
    times: usize,
}

impl PageText {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self { input: Some(text), .. } => text.clone().into_bytes(),
            Self { hex: Some(text), .. } => hex::decode(text).unwrap(),
            Self { parts: Some(parts), .. } => {
                parts.iter().flat_map(|part| part.text.repeat(part.times).into_bytes()).collect()
            }
            _ => panic!("a vector without an input"),
        }
    }
}

#[derive(Deserialize)]
struct ListedVector {
    raw: Option<String>,
    refused: Option<String>,
    #[serde(default)]
    duplicate: bool,
}

#[tokio::test]
async fn listings_are_judged_tool_by_tool_as_the_vectors_say() {
    let server = "stdio:sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let scene = Scene::new(server, "", SecurityLevel::Enhanced);
    for vector in load::<ListingVector>("listing.json") {
        let name = &vector.name;
        let pages: Vec<_> = vector.pages.iter().map(PageText::bytes).collect();
        let (snapshot, want) = match (snapshot(&pages), &vector.tools) {
            (Ok(snapshot), Some(want)) => (snapshot, want),
            (Err(_), None) => {
                assert!(vector.refused.is_some(), "{name}");
                continue;
            }
            (got, _) => panic!("{name}: {got:?}"),
        };
        let judged = scene.judge(&snapshot);
        assert_eq!(judged.len(), want.len(), "{name}");
        for (judging, want) in judged.iter().zip(want) {
            let tool = &judging.tool;
            let is_malformed = matches!(tool.problem(), Some(Problem::Malformed(_)));
            assert_eq!(is_malformed, want.refused.is_some(), "{name}: {tool}");
            let is_twin = matches!(tool.problem(), Some(Problem::Duplicate));
            assert_eq!(is_twin, want.duplicate && want.refused.is_none(), "{name}: {tool}");
            if let (Some(definition), Some(raw)) = (tool.definition(), &want.raw) {
                assert_eq!(definition.raw(), raw, "{name}");
            }
            match tool.problem() {
                Some(_) => assert_eq!(tool.action(), Action::Block, "{name}: {tool}"),
                None => assert_ne!(tool.action(), Action::Allow, "{name}: {tool}"),
            }
        }
    }
    assert_eq!(scene.store.revision().await.unwrap(), 0);
}

/// Returns the name that the vectors use for each answer.
fn who(who: &Who) -> String {
    match who {
        Who::Signed { .. } => "signed".to_owned(),
        Who::Identified { .. } => "identified".to_owned(),
        Who::Anonymous => "anonymous".to_owned(),
        Who::Revoked { .. } => "revoked".to_owned(),
        Who::Unknown { why: UnknownReason::UntrustedKey { .. } } => {
            "unknown:untrusted_key".to_owned()
        }
        Who::Impostor { why } => match why {
            ImpostorReason::NoEvidence => "impostor:no_evidence".to_owned(),
            ImpostorReason::ForeignAuthority { .. } => "impostor:foreign_authority".to_owned(),
            ImpostorReason::ServerNotListed { .. } => "impostor:server_not_listed".to_owned(),
            ImpostorReason::Signature(error) => match error {
                SignatureError::NoSuchKey { .. } => "impostor:signature:no_such_key".to_owned(),
                SignatureError::Invalid => "impostor:signature:invalid".to_owned(),
                other => format!("{other:?}"),
            },
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}

//! Reading `tools/list`: all pages, one consistent list, shared by concurrent calls, never older
//! than allowed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use etdi_types::evidence::{
    AttestationEvidence, Evidence, ProviderKeys, SignatureEvidence, check_signature,
};
use etdi_types::listing::ListedTool;
use etdi_types::{Known, Subject, ToolDefinition, TrustConfig, Who};
use rmcp::model::Tool;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::connection::ServerConnection;
use crate::error::DiscoverError;
use crate::tool::{Case, Problem};

/// A complete listing.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) tools: Vec<Arc<Listed>>,
    read_at: OffsetDateTime,
    /// How many list-change notifications had come when the read began.
    changes: u64,
}

/// One tool of a listing.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The name it is served under, as far as it can be told.
    pub(crate) name: String,
    pub(crate) definition: Result<ToolDefinition, Problem>,
    /// What a model may see of it, in rmcp's type.
    pub(crate) tool: Option<Arc<Tool>>,
    raw: String,
    /// The evidence, once it was checked with what no store can change.
    evidence: OnceLock<Evidence>,
    remembered: std::sync::Mutex<Option<Remembered>>,
}

/// A verdict, and how long it holds.
#[derive(Debug)]
struct Remembered {
    /// The store's revision that it was made at.
    revision: u64,
    from: OffsetDateTime,
    /// When an approval that it depends on runs out.
    until: Option<OffsetDateTime>,
    case: Arc<Case>,
}

/// The reads of one connection.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    last: Mutex<Last>,
    completed: std::sync::atomic::AtomicU64,
}

#[derive(Debug, Default)]
struct Last {
    snapshot: Option<Arc<Snapshot>>,
}

impl ServerConnection {
    /// A listing that was read after this was called, or is being read.
    pub(crate) async fn read_now(&self) -> Result<Arc<Snapshot>, DiscoverError> {
        self.read(None).await
    }

    /// A listing that is young enough for a call.
    pub(crate) async fn read_for_call(&self) -> Result<Arc<Snapshot>, DiscoverError> {
        self.read(Some(self.settings.max_age)).await
    }

    async fn read(&self, max_age: Option<Duration>) -> Result<Arc<Snapshot>, DiscoverError> {
        use std::sync::atomic::Ordering::SeqCst;
        let completed = self.reads.completed.load(SeqCst);
        let mut last = self.reads.last.lock().await;
        if let Some(snapshot) = &last.snapshot {
            let shared = self.reads.completed.load(SeqCst) != completed;
            let unchanged = snapshot.changes == self.link.epoch();
            let young = max_age.is_some_and(|max| {
                let age = Duration::try_from(self.settings.clock.now() - snapshot.read_at);
                // A clock that went back makes nothing younger.
                age.is_ok_and(|age| age < max)
            });
            if unchanged && (shared || young) {
                return Ok(snapshot.clone());
            }
        }
        let earlier = last.snapshot.take();
        let snapshot = Arc::new(self.read_all_pages(earlier.as_deref()).await?);
        last.snapshot = Some(snapshot.clone());
        self.reads.completed.fetch_add(1, SeqCst);
        self.reporter.listed(earlier.as_deref(), &snapshot, self.server());
        Ok(snapshot)
    }

    async fn read_all_pages(&self, earlier: Option<&Snapshot>) -> Result<Snapshot, DiscoverError> {
        let changes = self.link.epoch();
        let listing = self.link.list().await?;
        let known: HashMap<&str, &Arc<Listed>> = earlier
            .into_iter()
            .flat_map(|snapshot| &snapshot.tools)
            .map(|listed| (listed.raw.as_str(), listed))
            .collect();
        let tools = listing.tools.into_iter().map(|tool| match known.get(tool.raw.as_str()) {
            // The same text in the same standing is the same tool: nothing to look at twice.
            Some(listed) if is_twin(listed) == tool.duplicate => (*listed).clone(),
            _ => Arc::new(listed(tool, &listing.dropped)),
        });
        Ok(Snapshot { tools: tools.collect(), read_at: self.settings.clock.now(), changes })
    }
}

fn is_twin(listed: &Listed) -> bool {
    matches!(listed.definition, Err(Problem::Duplicate))
}

fn listed(tool: ListedTool, dropped: &HashSet<String>) -> Listed {
    let name = match &tool.definition {
        Ok(definition) => definition.served_name().to_owned(),
        Err(_) => best_name(&tool.raw),
    };
    // What rmcp cannot read, or left out, can be neither shown to a model nor called.
    let typed: Option<Tool> =
        serde_json::from_str(&tool.raw).ok().filter(|_| !dropped.contains(&name));
    let definition = match (tool.definition, &typed) {
        (Err(error), _) => Err(Problem::Malformed(error)),
        (Ok(_), _) if tool.duplicate => Err(Problem::Duplicate),
        (Ok(_), None) => Err(Problem::NotMcp),
        (Ok(definition), Some(_)) => Ok(definition),
    };
    Listed {
        name,
        definition,
        tool: typed.map(Arc::new),
        raw: tool.raw,
        evidence: OnceLock::new(),
        remembered: std::sync::Mutex::default(),
    }
}

/// The name of a refused tool, to show.
fn best_name(raw: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(raw).ok();
    let name = value.as_ref().and_then(|value| value.get("name")?.as_str());
    name.unwrap_or("(a tool without a name)").to_owned()
}

impl Listed {
    /// The evidence, checked with the keys of the trust configuration, or with one that a person
    /// supplied for this server.
    pub(crate) fn evidence(&self, trust: &TrustConfig, known: &Known) -> Evidence {
        let Ok(definition) = &self.definition else {
            return Evidence {
                signature: SignatureEvidence::Absent,
                attestation: AttestationEvidence::Absent,
            };
        };
        let part = definition.signed();
        if part.is_some_and(|part| trust.provider(part.provider.id()).is_none()) {
            // A key that a person supplied comes from the store, and may come at any time.
            return evidence(definition, trust, known);
        }
        self.evidence.get_or_init(|| evidence(definition, trust, known)).clone()
    }

    /// The verdict of an earlier look, if everything that it depends on is as it was.
    pub(crate) fn recall(&self, revision: u64, now: OffsetDateTime) -> Option<Arc<Case>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered
            .as_ref()
            // A clock that went back makes nothing valid again.
            .filter(|r| r.revision == revision && r.from <= now)
            .filter(|r| r.until.is_none_or(|until| now < until))
            .map(|r| r.case.clone())
    }

    /// Remembers a verdict that nothing but the store and an approval's end can change.
    pub(crate) fn remember(
        &self,
        revision: u64,
        now: OffsetDateTime,
        known: &Known,
        case: &Arc<Case>,
    ) {
        if matches!(case.verdict.who, Who::Expired { .. } | Who::Unknown { .. }) {
            return;
        }
        let until = known.approvals.iter().filter_map(|a| a.until).filter(|end| *end > now).min();
        let remembered = Remembered { revision, from: now, until, case: case.clone() };
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
    }

    pub(crate) fn subject(&self, server: &etdi_types::ServerIdentity) -> Option<Subject> {
        self.definition.as_ref().ok().map(|definition| Subject::new(server, definition))
    }
}

pub(crate) fn evidence(definition: &ToolDefinition, trust: &TrustConfig, known: &Known) -> Evidence {
    let part = definition.signed();
    let uri = part
        .and_then(|part| trust.provider(part.provider.id()))
        .and_then(|entry| entry.jwks_uri.as_deref());
    let keys = match uri {
        Some(_) => ProviderKeys::Unavailable("fetching a jwks_uri is not supported yet"),
        None => ProviderKeys::Listed,
    };
    Evidence {
        signature: check_signature(definition, trust, keys, |provider, kid| {
            known.pinned_key(provider, kid)
        }),
        attestation: match part.and_then(|part| part.attestation.as_ref()) {
            None => AttestationEvidence::Absent,
            Some(_) => AttestationEvidence::Unchecked(
                "checking attestations is not supported yet".to_owned(),
            ),
        },
    }
}

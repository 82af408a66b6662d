//! Reading `tools/list`: all pages, one consistent list, shared by concurrent calls, never older
//! than allowed.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use etdi_types::evidence::Evidence;
use etdi_types::json::strings_named;
use etdi_types::listing::ListedTool;
use etdi_types::{DEFINITION_KEY, Known, Subject, ToolDefinition, TrustConfig};
use rmcp::model::Tool;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::connection::{ServerConnection, Settings};
use crate::error::{DiscoverError, ListError};
use crate::tool::{Judgement, Problem};

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
    judgement: Arc<Judgement>,
}

/// The reads of one connection.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    last: Mutex<Last>,
    /// How many reads have ended, well or not.
    ended: AtomicU64,
}

#[derive(Debug, Default)]
struct Last {
    snapshot: Option<Arc<Snapshot>>,
    /// Why the last read failed.
    failure: Option<ListError>,
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
        let ended = self.reads.ended.load(SeqCst);
        let mut last = self.reads.last.lock().await;
        // A read that ended while this one waited for its turn answers both.
        let shared = self.reads.ended.load(SeqCst) != ended;
        if let (true, Some(failure)) = (shared, &last.failure) {
            return Err(failure.clone().into());
        }
        if let Some(snapshot) = &last.snapshot
            && !self.is_outdated(snapshot)
            && (shared || self.is_younger(snapshot, max_age))
        {
            return Ok(snapshot.clone());
        }
        let result = self.read_all_pages(last.snapshot.as_deref()).await;
        self.reads.ended.fetch_add(1, SeqCst);
        match result {
            Ok(snapshot) => {
                let snapshot = Arc::new(snapshot);
                self.reporter.listed(last.snapshot.as_deref(), &snapshot);
                self.settings.listed.note(self.server(), &snapshot);
                *last = Last { snapshot: Some(snapshot.clone()), failure: None };
                Ok(snapshot)
            }
            Err(failure) => {
                last.failure = Some(failure.clone());
                Err(failure.into())
            }
        }
    }

    /// Whether the server said that its list changed since the read began.
    pub(crate) fn is_outdated(&self, snapshot: &Snapshot) -> bool {
        snapshot.changes != self.link.epoch()
    }

    /// A clock that went back makes nothing younger.
    fn is_younger(&self, snapshot: &Snapshot, max_age: Option<Duration>) -> bool {
        let age = Duration::try_from(self.settings.clock.now() - snapshot.read_at);
        max_age.is_some_and(|max| age.is_ok_and(|age| age < max))
    }

    async fn read_all_pages(&self, earlier: Option<&Snapshot>) -> Result<Snapshot, ListError> {
        let (changes, read_at) = (self.link.epoch(), self.settings.clock.now());
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
        Ok(Snapshot { tools: tools.collect(), read_at, changes })
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
    let typed = typed.map(without_evidence);
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

/// The digest does not cover the evidence, so a server could say anything there: no model sees it.
fn without_evidence(mut tool: Tool) -> Tool {
    let member = tool.meta.as_mut().and_then(|meta| meta.get_mut(DEFINITION_KEY));
    if let Some(member) = member.and_then(|member| member.as_object_mut()) {
        member.remove("signature");
        member.remove("attestation");
    }
    tool
}

/// The name of a refused tool, to show.
fn best_name(raw: &str) -> String {
    let name = strings_named(raw, "name").pop();
    name.unwrap_or_else(|| "(a tool without a name)".to_owned())
}

impl Listed {
    /// The evidence.
    pub(crate) async fn evidence(
        &self,
        definition: &ToolDefinition,
        settings: &Settings,
        known: &Known,
    ) -> Evidence {
        let gather = || settings.gatherer.gather(definition, &settings.trust, known);
        if !self.is_constant(&settings.trust) {
            return gather().await;
        }
        if let Some(evidence) = self.evidence.get() {
            return evidence.clone();
        }
        let evidence = gather().await;
        self.evidence.get_or_init(|| evidence).clone()
    }

    /// Whether nothing but the trust configuration bears on the evidence: no key set that is
    /// fetched, no attestation that expires, no key that a person may supply at any time.
    fn is_constant(&self, trust: &TrustConfig) -> bool {
        match self.definition.as_ref().ok().and_then(|definition| definition.signed()) {
            None => true,
            Some(part) => {
                part.attestation.is_none()
                    && trust.provider(part.provider.id()).is_some_and(|p| p.jwks_uri.is_none())
            }
        }
    }

    /// The verdict of an earlier look, if everything that it depends on is as it was.
    pub(crate) fn recall(&self, revision: u64, now: OffsetDateTime) -> Option<Arc<Judgement>> {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered
            .as_ref()
            // A clock that went back makes nothing valid again.
            .filter(|r| r.revision == revision && r.from <= now)
            .filter(|r| r.until.is_none_or(|until| now < until))
            .map(|r| r.judgement.clone())
    }

    /// Remembers a verdict that nothing but the store and an approval's end can change.
    pub(crate) fn remember(
        &self,
        revision: u64,
        now: OffsetDateTime,
        known: &Known,
        trust: &TrustConfig,
        judgement: &Arc<Judgement>,
    ) {
        if !self.is_constant(trust) {
            return;
        }
        let until = known.approvals.iter().filter_map(|a| a.until).filter(|end| *end > now).min();
        let remembered = Remembered { revision, from: now, until, judgement: judgement.clone() };
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
    }

    pub(crate) fn subject(&self, server: &etdi_types::ServerIdentity) -> Option<Subject> {
        self.definition.as_ref().ok().map(|definition| Subject::new(server, definition))
    }
}

//! The listing that is judged: each tool is read once, and its last verdict is remembered.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use etdi_types::evidence::Evidence;
use etdi_types::json::strings_named;
use etdi_types::listing::ListedTool;
use etdi_types::{
    DEFINITION_KEY, DefinitionError, Digest, Known, Outcome, Scope, ServerIdentity, Subject,
    ToolDefinition, TrustConfig, Verdict,
};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use time::OffsetDateTime;

/// A complete listing.
#[derive(Debug)]
pub struct Snapshot {
    tools: Vec<Arc<Listed>>,
}

impl Snapshot {
    /// Makes a snapshot of a complete listing. A tool keeps its remembered verdict if `earlier`
    /// holds the same text of it, with the same `duplicate` flag and the same usability.
    ///
    /// `is_usable` is called once for each tool, in the order of the tools. It says whether the
    /// caller can show the tool to a model and call it. A tool that is not usable stays in the
    /// listing as [`Problem::NotMcp`]: it is reported and blocked.
    #[must_use]
    pub fn new(
        tools: Vec<ListedTool>,
        earlier: Option<&Self>,
        mut is_usable: impl FnMut(&ListedTool) -> bool,
    ) -> Self {
        let earlier = earlier.map(|snapshot| snapshot.tools.as_slice()).unwrap_or_default();
        let known: HashMap<&str, &Arc<Listed>> =
            earlier.iter().map(|listed| (listed.raw.as_str(), listed)).collect();
        let tools = tools.into_iter().map(|tool| {
            let is_usable = is_usable(&tool);
            match known.get(tool.raw.as_str()) {
                Some(listed)
                    if listed.is_twin == tool.duplicate && listed.is_usable == is_usable =>
                {
                    (*listed).clone()
                }
                _ => Arc::new(Listed::new(tool, is_usable)),
            }
        });
        Self { tools: tools.collect() }
    }

    /// Returns the tools, in the order of the listing.
    #[must_use]
    pub fn tools(&self) -> &[Arc<Listed>] {
        &self.tools
    }

    /// Returns the tool that is served under this name. If several tools share a name, all of them
    /// are refused, so the first one is enough.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Listed>> {
        self.tools.iter().find(|listed| listed.name == name)
    }
}

/// One tool of a listing.
#[derive(Debug)]
pub struct Listed {
    name: String,
    definition: Result<ToolDefinition, Problem>,
    raw: String,
    is_twin: bool,
    is_usable: bool,
    /// The evidence, if it was gathered and depends on the trust configuration alone.
    evidence: OnceLock<Evidence>,
    remembered: Mutex<Option<Remembered>>,
}

/// The reason why a tool has no verdict. Such a tool is blocked at every level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The definition is refused.
    #[error(transparent)]
    Malformed(#[from] DefinitionError),
    /// Another tool of the listing has the same name or id.
    #[error("another tool of the same listing has the same name or id; both are refused")]
    Duplicate,
    /// The tool is not an MCP tool: it can be neither shown to a model nor called.
    #[error("the tool does not have the form of an MCP tool")]
    NotMcp,
}

/// A verdict and its outcome.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) outcome: Outcome,
    /// The digest that was approved for this tool and context when it was judged.
    pub(crate) approved: Option<Digest>,
    /// The permissions that the approval grants.
    pub(crate) granted: Vec<Scope>,
}

/// A verdict, and how long it stays valid.
#[derive(Debug)]
struct Remembered {
    /// The revision of the store at which the verdict was made.
    revision: u64,
    from: OffsetDateTime,
    /// The earliest end among the approvals that the verdict depends on.
    until: Option<OffsetDateTime>,
    judgement: Arc<Judgement>,
}

impl Listed {
    fn new(tool: ListedTool, is_usable: bool) -> Self {
        let name = match &tool.definition {
            Ok(definition) => definition.served_name().to_owned(),
            Err(_) => best_name(&tool.raw),
        };
        let definition = match tool.definition {
            Err(error) => Err(Problem::Malformed(error)),
            Ok(_) if tool.duplicate => Err(Problem::Duplicate),
            Ok(_) if !is_usable => Err(Problem::NotMcp),
            Ok(definition) => Ok(definition),
        };
        Self {
            name,
            definition,
            raw: tool.raw,
            is_twin: tool.duplicate,
            is_usable,
            evidence: OnceLock::new(),
            remembered: Mutex::default(),
        }
    }

    /// Returns the name that the tool is served under, as far as it can be read. The name is the
    /// server's text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the definition, which is untrusted, or the reason why the tool has no definition.
    ///
    /// # Errors
    /// [`Problem`]: the tool is blocked.
    pub fn definition(&self) -> Result<&ToolDefinition, &Problem> {
        self.definition.as_ref()
    }

    /// Returns the definition as a model may see it: JSON without the evidence. The digest does not
    /// cover the evidence, so a server could say anything there.
    pub(crate) fn projection(&self) -> Map<String, Value> {
        // The strict reader accepted this text before, so every JSON reader reads it alike.
        let mut tool: Map<String, Value> = serde_json::from_str(&self.raw).unwrap_or_default();
        let member = tool.get_mut("_meta").and_then(|meta| meta.get_mut(DEFINITION_KEY));
        if let Some(member) = member.and_then(Value::as_object_mut) {
            member.remove("signature");
            member.remove("attestation");
        }
        tool
    }

    pub(crate) fn subject(&self, server: &ServerIdentity) -> Option<Subject> {
        self.definition.as_ref().ok().map(|definition| Subject::new(server, definition))
    }

    /// Returns the evidence. Calls `gather` unless the evidence is known and cannot change.
    pub(crate) async fn evidence<F: Future<Output = Evidence>>(
        &self,
        trust: &TrustConfig,
        gather: impl FnOnce() -> F,
    ) -> Evidence {
        if !self.is_constant(trust) {
            return gather().await;
        }
        if let Some(evidence) = self.evidence.get() {
            return evidence.clone();
        }
        let evidence = gather().await;
        self.evidence.get_or_init(|| evidence).clone()
    }

    /// Returns whether the evidence depends on the trust configuration alone: no key set is
    /// fetched, no attestation expires, and no person can supply a key later.
    fn is_constant(&self, trust: &TrustConfig) -> bool {
        match self.definition.as_ref().ok().and_then(|definition| definition.signed()) {
            None => true,
            Some(part) => {
                part.attestation.is_none()
                    && trust.provider(part.provider.id()).is_some_and(|p| p.jwks_uri.is_none())
            }
        }
    }

    /// Returns the remembered judgement, if everything that it depends on is unchanged.
    pub(crate) fn recall(&self, revision: u64, now: OffsetDateTime) -> Option<Arc<Judgement>> {
        let remembered = self.remembered.lock();
        remembered
            .as_ref()
            // If the clock moved backwards, an approval that ran out would count again.
            .filter(|r| r.revision == revision && r.from <= now)
            .filter(|r| r.until.is_none_or(|until| now < until))
            .map(|r| r.judgement.clone())
    }

    /// Remembers a verdict that only the store, or the end of an approval, can change.
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
        *self.remembered.lock() = Some(remembered);
    }
}

/// Returns a name to show for a refused tool.
fn best_name(raw: &str) -> String {
    let name = strings_named(raw, "name").pop();
    name.unwrap_or_else(|| "(a tool without a name)".to_owned())
}

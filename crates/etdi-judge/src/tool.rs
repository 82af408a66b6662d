//! The witnesses: a tool with its verdict, and a tool that may be called.

pub(crate) mod approval;
pub(crate) mod connection_id;
pub(crate) mod decision;
pub(crate) mod listed;

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use etdi_types::decision::Action;
use etdi_types::text::{escaped, escaped_json};
use etdi_types::{Digest, Outcome, ToolDefinition, Verdict};
use serde_json::{Map, Value};

use crate::tool::connection_id::ConnectionId;
use crate::tool::listed::{Judgement, Listed, Problem};

/// One tool of a listing with its verdict. Cheap to clone.
///
/// It may be shown to a person; [`Display`] escapes whatever a server could have hidden in it.
/// Nothing can be called with it.
#[derive(Clone, Debug)]
pub struct JudgedTool {
    pub(crate) connection: ConnectionId,
    pub(crate) listed: Arc<Listed>,
    /// `None` where the definition itself is refused.
    pub(crate) judgement: Option<Arc<Judgement>>,
}

impl JudgedTool {
    /// The name that it is served under: text of the server.
    #[must_use]
    pub fn name(&self) -> &str {
        self.listed.name()
    }

    /// The verdict; `None` if the definition is refused before it could be judged.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        self.judgement.as_ref().map(|judgement| &judgement.verdict)
    }

    /// Why there is no verdict.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.listed.definition().err()
    }

    /// The definition, untrusted.
    #[must_use]
    pub fn definition(&self) -> Option<&ToolDefinition> {
        self.listed.definition().ok()
    }

    /// What the verdict comes to at the client's level, row by row.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.judgement.as_ref().map(|judgement| &judgement.outcome)
    }

    /// Allow, warn, ask or block.
    #[must_use]
    pub fn action(&self) -> Action {
        self.outcome().map_or(Action::Block, |outcome| outcome.action)
    }

    /// Returns whether the approval that counts grants this permission.
    #[must_use]
    pub fn grants(&self, scope: &str) -> bool {
        self.judgement
            .as_ref()
            .is_some_and(|judgement| judgement.granted.iter().any(|s| s.as_str() == scope))
    }

    /// The digest that was approved for this tool and context when it was judged.
    pub(crate) fn approved(&self) -> Option<Digest> {
        self.judgement.as_ref().and_then(|judgement| judgement.approved)
    }
}

impl JudgedTool {
    /// Whether a person who was shown this knows what `now` would tell.
    pub(crate) fn is_told_as(&self, now: &Self) -> bool {
        let told =
            |tool: &Self| tool.verdict().map(|verdict| (verdict.who.clone(), verdict.what.clone()));
        told(self) == told(now)
    }
}

impl Display for JudgedTool {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", escaped(self.name()))?;
        let definition = match self.listed.definition() {
            Ok(definition) => definition,
            Err(problem) => return write!(f, "refused: {problem}"),
        };
        if let Some(part) = definition.signed() {
            writeln!(f, "{} {}", part.id, part.version)?;
            let provider = (part.provider.name(), part.provider.id());
            writeln!(f, "from {} ({})", escaped(provider.0), escaped(provider.1))?;
            for permission in &part.permissions {
                let need = if permission.required { "required" } else { "optional" };
                let why = escaped(&permission.description);
                writeln!(f, "permission {} ({need}): {why}", permission.scope)?;
            }
            if let Some(servers) = &part.servers {
                writeln!(f, "for the servers: {}", escaped(&servers.join(", ")))?;
            }
        }
        if let Some(description) = definition.description() {
            writeln!(f, "says: {}", escaped(&description))?;
        }
        for (name, member) in definition.other_members() {
            writeln!(f, "{}: {}", escaped(&name), escaped_json(&member))?;
        }
        writeln!(f, "digest: {}", definition.digest())?;
        self.verdict().map_or(Ok(()), |verdict| Display::fmt(verdict, f))
    }
}

/// Proof that exactly this definition, of this tool, on this connection, was let through.
///
/// Only an allowing decision or an approval makes one. It cannot be built, copied from text, or used
/// on another connection, and each call judges again.
#[derive(Clone, Debug)]
pub struct ApprovedTool {
    digest: Digest,
    judged: JudgedTool,
}

impl ApprovedTool {
    /// `None` if the outcome does not let the tool through.
    pub(crate) fn mint(judged: &JudgedTool) -> Option<Self> {
        if judged.action() > Action::Warn {
            return None;
        }
        Some(Self { digest: judged.definition()?.digest(), judged: judged.clone() })
    }

    /// Returns the connection that it may be called on, and no other.
    #[must_use]
    pub fn connection(&self) -> &ConnectionId {
        &self.judged.connection
    }

    /// The name to call it by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.judged.name()
    }

    /// The digest of the definition that was let through.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the tool with its verdict.
    #[must_use]
    pub fn judged(&self) -> &JudgedTool {
        &self.judged
    }

    /// Returns what a model may see: the definition that was let through as a JSON object, without
    /// the signature and the attestation.
    #[must_use]
    pub fn projection(&self) -> Map<String, Value> {
        self.judged.listed.projection()
    }

    /// What a person should know although the tool was let through: the rows that warn, and the
    /// verdict's notices.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let Some(judgement) = &self.judged.judgement else { return Vec::new() };
        let warns = judgement.outcome.rows.iter().any(|(_, action)| *action == Action::Warn);
        let who =
            warns.then(|| format!("{} ({})", judgement.verdict.who, judgement.verdict.origin));
        let what = judgement.verdict.what.iter().filter(|what| what.name() != "Approved");
        let notes = judgement.verdict.notices.iter().map(ToString::to_string);
        who.into_iter().chain(what.map(ToString::to_string)).chain(notes).collect()
    }
}

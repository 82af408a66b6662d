//! The witness types: a tool with its verdict, and a tool that may be called.

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
/// A program may show the tool to a person: [`Display`] escapes every hidden character in the
/// server's text. A judged tool cannot be called.
#[derive(Clone, Debug)]
pub struct JudgedTool {
    pub(crate) connection: ConnectionId,
    pub(crate) listed: Arc<Listed>,
    /// The judgement; `None` if the definition itself is refused.
    pub(crate) judgement: Option<Arc<Judgement>>,
}

impl JudgedTool {
    /// Returns the name that the tool is served under. The name is the server's text.
    #[must_use]
    pub fn name(&self) -> &str {
        self.listed.name()
    }

    /// Returns the verdict; `None` if the definition was refused before it could be judged.
    #[must_use]
    pub fn verdict(&self) -> Option<&Verdict> {
        self.judgement.as_ref().map(|judgement| &judgement.verdict)
    }

    /// Returns the reason why the tool has no verdict.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.listed.definition().err()
    }

    /// Returns the definition. It is untrusted.
    #[must_use]
    pub fn definition(&self) -> Option<&ToolDefinition> {
        self.listed.definition().ok()
    }

    /// Returns the outcome of the verdict at the client's level, row by row of the decision table.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.judgement.as_ref().map(|judgement| &judgement.outcome)
    }

    /// Returns the action: allow, warn, ask or block.
    #[must_use]
    pub fn action(&self) -> Action {
        self.outcome().map_or(Action::Block, |outcome| outcome.action)
    }

    /// Returns whether the current approval grants this permission.
    #[must_use]
    pub fn grants(&self, scope: &str) -> bool {
        self.judgement
            .as_ref()
            .is_some_and(|judgement| judgement.granted.iter().any(|s| s.as_str() == scope))
    }

    /// Returns the digest that was approved for this tool and context when it was judged.
    pub(crate) fn approved(&self) -> Option<Digest> {
        self.judgement.as_ref().and_then(|judgement| judgement.approved)
    }
}

impl JudgedTool {
    /// Returns whether `now` has the same answers to *who* and *what* as this tool, which a person
    /// saw.
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
/// Only an allowing decision or an approval makes such a proof. A caller cannot build it, read it
/// from text, or use it on another connection. Each call judges the tool again.
#[derive(Clone, Debug)]
pub struct ApprovedTool {
    digest: Digest,
    judged: JudgedTool,
}

impl ApprovedTool {
    /// Makes the proof; `None` if the outcome does not let the tool through.
    pub(crate) fn mint(judged: &JudgedTool) -> Option<Self> {
        if judged.action() > Action::Warn {
            return None;
        }
        Some(Self { digest: judged.definition()?.digest(), judged: judged.clone() })
    }

    /// Returns the only connection that the tool may be called on.
    #[must_use]
    pub fn connection(&self) -> &ConnectionId {
        &self.judged.connection
    }

    /// Returns the name to call the tool by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.judged.name()
    }

    /// Returns the digest of the definition that was let through.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the tool with its verdict.
    #[must_use]
    pub fn judged(&self) -> &JudgedTool {
        &self.judged
    }

    /// Returns the tool as a model may see it: the definition that was let through, as a JSON
    /// object, without the signature and the attestation.
    #[must_use]
    pub fn projection(&self) -> Map<String, Value> {
        self.judged.listed.projection()
    }

    /// Returns the warnings for a person about a tool that was let through: the publisher if any
    /// row warns, every answer to *what* except `Approved`, and the notices of the verdict.
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

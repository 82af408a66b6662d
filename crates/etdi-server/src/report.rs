//! What is told to listeners.

use etdi_events::{Emitter, SecurityViolation, ToolInvoked, ToolRef, VersionChanged};
use etdi_types::text::escaped;

use crate::{
    ToolProblem,
    catalog::{Catalog, Standing},
    sign::Origin,
};

/// Speaks to the emitter, if there is one, and to the log.
#[derive(Debug)]
pub(crate) struct Reporter {
    emitter: Option<Emitter>,
}

impl Reporter {
    pub(crate) fn new(emitter: Option<Emitter>) -> Self {
        Self { emitter: emitter.map(|emitter| emitter.with_source("etdi-server")) }
    }

    /// A tool was not served, or not called.
    pub(crate) fn refused(&self, tool: ToolRef, problem: &ToolProblem) {
        tracing::error!(reason = problem.reason(), "{problem}");
        if let Some(emitter) = &self.emitter {
            emitter.emit(SecurityViolation {
                server: tool.server.clone(),
                tool: Some(tool),
                violation: problem.reason().to_owned(),
                detail: problem.to_string(),
            });
        }
    }

    pub(crate) fn invoked(&self, tool: ToolRef, succeeded: bool) {
        if let Some(emitter) = &self.emitter {
            emitter.emit(ToolInvoked { tool, principal: None, succeeded, duration_ms: None });
        }
    }

    pub(crate) fn replaced(&self, tool: ToolRef, from: String) {
        tracing::info!(
            tool = %escaped(&tool.name), from, to = tool.version, "another version is published"
        );
        if let Some(emitter) = &self.emitter {
            let to = tool.version.clone();
            emitter.emit(VersionChanged { tool, from: Some(from), to });
        }
    }
}

/// The tool as events name it.
pub(crate) fn tool_ref(catalog: &Catalog, name: &str) -> ToolRef {
    let server = catalog.servers().first().cloned().unwrap_or_default();
    let (id, version, provider) = match catalog.origin(name) {
        Some(Origin::Live(spec)) => {
            (spec.id.to_string(), Some(&spec.version), Some(&spec.provider))
        }
        Some(Origin::Presigned(signed)) => {
            let part = signed.part();
            (part.id.to_string(), Some(&part.version), Some(&part.provider))
        }
        None => (format!("local:{server}/{name}"), None, None),
    };
    ToolRef {
        id,
        name: name.to_owned(),
        version: version.map(ToString::to_string),
        digest: match catalog.standing(name) {
            Standing::Published(digest) => Some(digest.to_string()),
            _ => None,
        },
        provider: provider.map(|provider| provider.id().to_owned()),
        server,
    }
}

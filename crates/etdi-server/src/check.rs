//! Checks whether a handler serves the declared tools.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use etdi_types::listing::RawTool;
use etdi_types::{Digest, ToolDefinition};
use parking_lot::{Mutex, MutexGuard};
use rmcp::ServerHandler;
use rmcp::model::{ProtocolVersion, Tool};

use crate::catalog::{Catalog, Definitions, Ledger};
use crate::error::ServerError;
use crate::pages;
use crate::problem::{Problems, ToolProblem};
use crate::secured::Secured;
use crate::server::SecureServer;

/// Collects the problems while a handler is listed, without publishing.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    found: Mutex<ExaminationState>,
}

#[derive(Debug, Default)]
struct ExaminationState {
    seen: Ledger,
    definitions: Definitions,
    problems: Problems,
}

impl Examination {
    /// Examines one page. Its tools get the definitions that they would be served with.
    pub(crate) fn page(&self, catalog: &Catalog, tools: &mut [Tool]) {
        let mut found = self.found();
        for tool in tools {
            found.definitions.extend(catalog.attestable(tool));
            if let Err(problem) = catalog.examine(tool, &mut found.seen) {
                found.problems.add(problem);
            }
        }
    }

    fn found(&self) -> MutexGuard<'_, ExaminationState> {
        self.found.lock()
    }
}

/// Checks the handler, and returns the definitions that an attestation must bind.
pub(crate) async fn check<H: ServerHandler>(
    secure: &SecureServer,
    handler: Arc<H>,
) -> Result<Definitions, ServerError> {
    let examination = Arc::new(Examination::default());
    let mut digests: BTreeMap<String, Digest> = BTreeMap::new();
    for version in versions(&*handler) {
        let examined = Secured::examined(secure.clone(), Arc::clone(&handler), &examination);
        let tools = pages::list(examined, &version).await?;
        let mut found = examination.found();
        one_listing(secure, &tools, &mut digests, &mut found.problems);
    }
    let ExaminationState { seen, definitions, problems } =
        std::mem::take(&mut *examination.found());
    if problems.is_empty() {
        secure.catalog().adopt(seen);
        Ok(definitions)
    } else {
        Err(ServerError::Check(problems))
    }
}

/// Returns the texts of the declared tools with their final signatures.
pub(crate) async fn list_declared<H: ServerHandler>(
    secure: &SecureServer,
    handler: Arc<H>,
) -> Result<Vec<RawTool>, ServerError> {
    let newest = versions(&*handler).pop().unwrap_or_default();
    let mut tools = pages::list(secure.wrap(handler).unattested(), &newest).await?;
    tools.retain(|tool| {
        ToolDefinition::parse(tool.as_bytes()).is_ok_and(|tool| tool.signed().is_some())
    });
    Ok(tools)
}

/// Finds the problems that only the whole list shows: duplicate or missing names, and tools that
/// differ between clients of different protocol versions.
fn one_listing(
    secure: &SecureServer,
    tools: &[RawTool],
    digests: &mut BTreeMap<String, Digest>,
    problems: &mut Problems,
) {
    let mut names = BTreeSet::new();
    for tool in tools {
        // A definition that clients would refuse has been reported with its page.
        let Ok(definition) = ToolDefinition::parse(tool.as_bytes()) else { continue };
        let tool = definition.served_name().to_owned();
        if !names.insert(tool.clone()) {
            problems.add(ToolProblem::ServedTwice { tool: tool.clone() });
        }
        if definition.signed().is_some() {
            let digest = digests.entry(tool.clone()).or_insert(definition.digest());
            if *digest != definition.digest() {
                problems.add(ToolProblem::AlteredInTransit { tool });
            }
        }
    }
    let catalog = secure.catalog();
    let declared = catalog.origins().map(|(name, _)| name);
    for tool in declared.filter(|name| !names.contains(*name)) {
        // A tool that was refused is a served tool, so it is not reported as missing.
        if problems.iter().any(|problem| problem.tool() == tool) {
            continue;
        }
        problems.add(ToolProblem::NotServed { tool: tool.clone() });
    }
}

/// Returns the newest protocol version of each generation that the handler speaks; twice the same
/// version if it speaks one generation only.
fn versions<H: ServerHandler>(handler: &H) -> Vec<ProtocolVersion> {
    let supported = handler.supported_protocol_versions();
    let (modern, legacy): (Vec<_>, Vec<_>) =
        supported.iter().cloned().partition(|version| *version >= ProtocolVersion::V_2026_07_28);
    let newest = |versions: Vec<ProtocolVersion>| {
        versions.into_iter().max_by(|a, b| a.as_str().cmp(b.as_str()))
    };
    match (newest(legacy), newest(modern)) {
        (Some(legacy), Some(modern)) => vec![legacy, modern],
        (Some(only), None) | (None, Some(only)) => vec![only.clone(), only],
        (None, None) => Vec::new(),
    }
}

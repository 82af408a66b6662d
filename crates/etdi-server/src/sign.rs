//! Makes the definition that clients are sent with a handler's tool.

use std::sync::Arc;

use etdi_types::{DEFINITION_KEY, DefinitionSpec, Digest, META_PREFIX, SigningKey, ToolDefinition};
use rmcp::model::Tool;
use serde_json::{Map, Value};

use crate::presigned::SignedDefinition;
use crate::problem::ToolProblem;

/// The source of the definition of one tool.
#[derive(Clone, Debug)]
pub(crate) enum DefinitionSource {
    /// A definition that is signed here. The specification does not name servers.
    Live(Arc<DefinitionSpec>),
    /// A definition that was signed at build time.
    Presigned(Arc<SignedDefinition>),
}

/// The signed definition of one tool.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) member: Map<String, Value>,
    pub(crate) digest: Digest,
    pub(crate) canonical: Arc<str>,
}

/// Fails if the handler's `_meta` has a key under ETDI's prefix. Only this crate writes such keys,
/// also for unsigned tools.
pub(crate) fn refuse_reserved_meta(tool: &Tool) -> Result<(), ToolProblem> {
    let mut keys = tool.meta.iter().flat_map(|meta| meta.keys());
    match keys.find(|key| key.starts_with(META_PREFIX)) {
        Some(key) => {
            Err(ToolProblem::ReservedMeta { tool: tool.name.to_string(), key: key.clone() })
        }
        None => Ok(()),
    }
}

impl DefinitionSource {
    /// Returns the definition of `tool` for `servers`. Fails if a client would read another
    /// definition.
    pub(crate) fn define(
        &self,
        tool: &Tool,
        servers: Option<&[String]>,
        key: Option<&SigningKey>,
    ) -> Result<Signed, ToolProblem> {
        let name = || tool.name.to_string();
        // For clients below MCP 2026-07-28, rmcp leaves out an output schema whose root is not an
        // object.
        if tool
            .output_schema
            .as_ref()
            .is_some_and(|schema| schema.get("type").and_then(Value::as_str) != Some("object"))
        {
            return Err(ToolProblem::OutputSchema { tool: name() });
        }
        let signed = match (self, key) {
            (Self::Live(spec), Some(key)) => {
                let mut spec = (**spec).clone();
                spec.servers = servers.map(<[_]>::to_vec);
                let signed = spec
                    .sign(&object(tool), key)
                    .map_err(|source| ToolProblem::Definition { tool: name(), source })?;
                Signed {
                    member: signed.member().cloned().unwrap_or_default(),
                    digest: signed.digest(),
                    canonical: signed.canonical().into(),
                }
            }
            (Self::Presigned(signed), _) => signed.definition(),
            // A live server always has its key. If it had none, its tools would not be served.
            (Self::Live(_), None) => {
                return Err(ToolProblem::AlteredInTransit { tool: name() });
            }
        };
        let mut served = tool.clone();
        attach(&mut served, &signed.member);
        let served = read_back(&served)?;
        match (self, served.digest() == signed.digest) {
            (_, true) => Ok(signed),
            (Self::Live(_), false) => Err(ToolProblem::AlteredInTransit { tool: name() }),
            (Self::Presigned(_), false) => Err(ToolProblem::DiffersFromSigned {
                tool: name(),
                diff: Box::new(etdi_types::Diff::between(&signed.canonical, served.canonical())),
            }),
        }
    }
}

/// Adds the definition to the tool, at the place where clients look for it.
pub(crate) fn attach(tool: &mut Tool, member: &Map<String, Value>) {
    let meta = tool.meta.get_or_insert_with(Default::default);
    meta.insert(DEFINITION_KEY.to_owned(), Value::Object(member.clone()));
}

/// Returns the definition that [`attach`] added to a tool.
pub(crate) fn attached(tool: &Tool) -> Option<&Map<String, Value>> {
    tool.meta.as_ref()?.get(DEFINITION_KEY)?.as_object()
}

/// Adds an attestation to the signature. The digest does not cover the attestation.
pub(crate) fn attach_attestation(tool: &mut Tool, attestation: &str) {
    let member = tool.meta.as_mut().and_then(|meta| meta.get_mut(DEFINITION_KEY));
    if let Some(Value::Object(member)) = member {
        member.insert("attestation".to_owned(), attestation.into());
    }
}

/// Returns the tool as a client reads it.
fn read_back(tool: &Tool) -> Result<ToolDefinition, ToolProblem> {
    ToolDefinition::parse(&text(tool))
        .map_err(|source| ToolProblem::Definition { tool: tool.name.to_string(), source })
}

/// Returns the tool's text on the wire. Serializing a tool does not fail; if it did, the empty text
/// would be refused by every client.
pub(crate) fn text(tool: &Tool) -> Vec<u8> {
    serde_json::to_vec(tool).unwrap_or_default()
}

fn object(tool: &Tool) -> Map<String, Value> {
    match serde_json::to_value(tool) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

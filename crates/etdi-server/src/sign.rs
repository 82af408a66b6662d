//! From a handler's tool to the definition that clients are sent with it.

use std::sync::Arc;

use etdi_types::{DEFINITION_KEY, DefinitionSpec, Digest, META_PREFIX, SigningKey, ToolDefinition};
use rmcp::model::Tool;
use serde_json::{Map, Value};

use crate::presigned::SignedDefinition;
use crate::problem::ToolProblem;

/// Where the definition of one tool comes from.
#[derive(Clone, Debug)]
pub(crate) enum DefinitionSource {
    /// It is signed here; the specification names no servers.
    Live(Arc<DefinitionSpec>),
    /// It was signed at build time.
    Presigned(Arc<SignedDefinition>),
}

/// The definition of one tool.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) member: Map<String, Value>,
    pub(crate) digest: Digest,
    pub(crate) canonical: Arc<str>,
}

/// Refuses what no tool may have, signed or not.
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
    /// The definition of `tool` for `servers`, compared with what a client will read.
    pub(crate) fn define(
        &self,
        tool: &Tool,
        servers: Option<&[String]>,
        key: Option<&SigningKey>,
    ) -> Result<Signed, ToolProblem> {
        let name = || tool.name.to_string();
        // rmcp leaves such a schema out below 2026-07-28.
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
            // A live server always has its key; were it not so, nothing is served.
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

/// Puts the definition into the tool, where clients look for it.
pub(crate) fn attach(tool: &mut Tool, member: &Map<String, Value>) {
    let meta = tool.meta.get_or_insert_with(Default::default);
    meta.insert(DEFINITION_KEY.to_owned(), Value::Object(member.clone()));
}

/// The definition that [`attach`] put into a tool.
pub(crate) fn attached(tool: &Tool) -> Option<&Map<String, Value>> {
    tool.meta.as_ref()?.get(DEFINITION_KEY)?.as_object()
}

/// Puts an attestation beside the signature. The digest does not cover it.
pub(crate) fn attach_attestation(tool: &mut Tool, attestation: &str) {
    let member = tool.meta.as_mut().and_then(|meta| meta.get_mut(DEFINITION_KEY));
    if let Some(Value::Object(member)) = member {
        member.insert("attestation".to_owned(), attestation.into());
    }
}

/// The tool as a client reads it.
fn read_back(tool: &Tool) -> Result<ToolDefinition, ToolProblem> {
    ToolDefinition::parse(&text(tool))
        .map_err(|source| ToolProblem::Definition { tool: tool.name.to_string(), source })
}

/// The tool's text on the wire. Every tool has one; were it not so, no client would accept it.
pub(crate) fn text(tool: &Tool) -> Vec<u8> {
    serde_json::to_vec(tool).unwrap_or_default()
}

fn object(tool: &Tool) -> Map<String, Value> {
    match serde_json::to_value(tool) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

//! Definitions that were signed at build time, and their file.

use std::collections::BTreeMap;
use std::sync::Arc;

use etdi_types::jws::DetachedJws;
use etdi_types::{DEFINITION_KEY, Jwk, SignedPart, ToolDefinition, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::error::ServerBuildError;
use crate::sign::Signed;

/// The file that `export` writes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PresignedFile<'a> {
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
}

/// One tool with its signed definition.
#[derive(Debug)]
pub(crate) struct SignedDefinition {
    tool: ToolDefinition,
    part: SignedPart,
    signature: DetachedJws,
    member: Map<String, Value>,
}

impl SignedDefinition {
    pub(crate) fn part(&self) -> &SignedPart {
        &self.part
    }

    pub(crate) fn definition(&self) -> Signed {
        Signed {
            member: self.member.clone(),
            digest: self.tool.digest(),
            canonical: Arc::clone(self.tool.canonical()),
        }
    }

    /// Fails unless clients accept the definition from `server`, a resource URI or `stdio`.
    pub(crate) fn refuse_other_server(&self, server: &str) -> Result<(), ServerBuildError> {
        match &self.part.servers {
            Some(servers) if !servers.iter().any(|listed| listed == server) => {
                Err(ServerBuildError::SignedForOthers {
                    tool: self.tool.served_name().to_owned(),
                    server: server.to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Fails unless `key` made the signature.
    pub(crate) fn verify(&self, jwk: &Jwk, key: &VerifyingKey) -> Result<(), ServerBuildError> {
        let verified = self
            .signature
            .select(std::slice::from_ref(jwk))
            .and_then(|_| self.signature.verify(key, self.tool.canonical().as_bytes()));
        verified.map_err(|source| ServerBuildError::Signature {
            tool: self.tool.served_name().to_owned(),
            source,
        })
    }
}

/// Reads the file into a map by the tools' names.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, SignedDefinition>, ServerBuildError> {
    let file: PresignedFile<'_> = serde_json::from_str(text)
        .map_err(|error| ServerBuildError::NotDefinitions(error.to_string()))?;
    let mut tools: BTreeMap<String, SignedDefinition> = BTreeMap::new();
    for (index, raw) in file.tools.into_iter().enumerate() {
        let tool = ToolDefinition::parse(raw.get().as_bytes()).map_err(|source| {
            ServerBuildError::Definition { tool: format!("number {}", index + 1), source }
        })?;
        let tool = signed(tool)?;
        let name = tool.tool.served_name().to_owned();
        if let Some((other, _)) = tools.iter().find(|(_, other)| other.part.id == tool.part.id) {
            return Err(ServerBuildError::IdTwice(other.clone(), name));
        }
        if tools.insert(name.clone(), tool).is_some() {
            return Err(ServerBuildError::DeclaredTwice(name));
        }
    }
    Ok(tools)
}

/// Writes the file.
pub(crate) fn write(tools: &[String]) -> Result<String, serde_json::Error> {
    let tools = tools.iter().map(|tool| serde_json::from_str(tool));
    let file = PresignedFile { tools: tools.collect::<Result<_, _>>()? };
    // Serialize through a `Value` for the line breaks. Digests do not depend on white space.
    let value: Value = serde_json::from_str(&serde_json::to_string(&file)?)?;
    serde_json::to_string_pretty(&value)
}

fn signed(tool: ToolDefinition) -> Result<SignedDefinition, ServerBuildError> {
    let name = tool.served_name().to_owned();
    let unsigned = || ServerBuildError::Unsigned(name.clone());
    let part = tool.signed().cloned().ok_or_else(unsigned)?;
    let signature = part.signature.as_deref().ok_or_else(unsigned)?;
    let signature = DetachedJws::parse(signature)
        .map_err(|source| ServerBuildError::Signature { tool: name.clone(), source })?;
    let value: Value = serde_json::from_str(tool.raw()).map_err(|_| unsigned())?;
    let member = value.get("_meta").and_then(|meta| meta.get(DEFINITION_KEY));
    let member = member.and_then(Value::as_object).cloned().ok_or_else(unsigned)?;
    Ok(SignedDefinition { part, signature, member, tool })
}

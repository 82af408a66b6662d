//! Building and signing definitions, for publishers (wire format, sections 1–3).

use serde_json::{Map, Value, json};

use crate::definition::{DefinitionError, ToolDefinition};
use crate::digest::Digest;
use crate::jws::sign_detached;
use crate::keys::SigningKey;
use crate::names::{Permission, Provider, ToolId, Version};
use crate::{DEFINITION_KEY, SCHEMA};

/// The publisher's statements about a tool, apart from the tool object itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefinitionSpec {
    /// The tool id.
    pub id: ToolId,
    /// The version.
    pub version: Version,
    /// The publisher.
    pub provider: Provider,
    /// The servers that may serve the tool: resource URIs, or `stdio`. `None` if any server may
    /// serve it.
    pub servers: Option<Vec<String>>,
    /// The permissions that the tool asks for.
    pub permissions: Vec<Permission>,
    /// Whether calls must carry a call proof.
    pub require_call_proof: bool,
}

/// A tool object with its signed definition.
#[derive(Clone, Debug)]
pub struct SignedTool {
    tool: Map<String, Value>,
    digest: Digest,
    canonical: std::sync::Arc<str>,
}

impl SignedTool {
    /// Returns the tool object to serve.
    #[must_use]
    pub fn tool(&self) -> &Map<String, Value> {
        &self.tool
    }

    /// Returns the `_meta["dev.etdi/definition"]` member.
    #[must_use]
    pub fn member(&self) -> Option<&Map<String, Value>> {
        self.tool.get("_meta")?.get(DEFINITION_KEY)?.as_object()
    }

    /// Returns the digest that the signature covers.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns the canonical form that the signature covers.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the same tool with an attestation beside the signature. The digest stays the same.
    #[must_use]
    pub fn with_attestation(mut self, attestation: &str) -> Self {
        insert_evidence(&mut self.tool, "attestation", attestation);
        self
    }
}

impl DefinitionSpec {
    /// Returns a definition that any server may serve, that asks for no permission, and whose calls
    /// need no call proof.
    #[must_use]
    pub fn new(id: ToolId, version: Version, provider: Provider) -> Self {
        Self {
            id,
            version,
            provider,
            servers: None,
            permissions: Vec::new(),
            require_call_proof: false,
        }
    }

    /// Returns the same definition, for one more server: its resource URI, or `stdio`.
    #[must_use]
    pub fn on_server(mut self, server: impl Into<String>) -> Self {
        self.servers.get_or_insert_default().push(server.into());
        self
    }

    /// Returns the same definition with one more permission that it asks for.
    #[must_use]
    pub fn with_permission(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Puts a signed definition into `tool`, a tool object as it will be served.
    ///
    /// The signed name is the `name` in `tool`. An existing definition member is replaced.
    ///
    /// # Errors
    /// A [`DefinitionError`] if clients would refuse the result.
    pub fn sign(
        &self,
        tool: &Map<String, Value>,
        key: &SigningKey,
    ) -> Result<SignedTool, DefinitionError> {
        let mut tool = self.unsigned(tool)?;
        let definition = parse(&tool)?;
        let signature = sign_detached(key, definition.canonical().as_bytes());
        insert_evidence(&mut tool, "signature", &signature);
        Ok(SignedTool {
            digest: definition.digest(),
            canonical: definition.canonical().clone(),
            tool,
        })
    }

    /// Returns the tool object with the definition member and no evidence.
    fn unsigned(&self, tool: &Map<String, Value>) -> Result<Map<String, Value>, DefinitionError> {
        let name = tool.get("name").and_then(Value::as_str).ok_or(DefinitionError::Name)?;
        let mut member = json!({
            "schema": SCHEMA,
            "id": self.id,
            "name": name,
            "version": self.version,
            "provider": self.provider,
            "permissions": self.permissions,
        });
        if let Value::Object(member) = &mut member {
            if let Some(servers) = &self.servers {
                member.insert("servers".to_owned(), json!(servers));
            }
            if self.require_call_proof {
                member.insert("require_call_proof".to_owned(), true.into());
            }
        }
        let mut tool = tool.clone();
        let meta = tool.entry("_meta").or_insert_with(|| json!({}));
        let Value::Object(meta) = meta else {
            return Err(DefinitionError::Meta { found: "a value of another kind" });
        };
        meta.insert(DEFINITION_KEY.to_owned(), member);
        Ok(tool)
    }
}

/// Inserts the evidence into the definition member, which [`DefinitionSpec::unsigned`] has put
/// there.
fn insert_evidence(tool: &mut Map<String, Value>, name: &str, evidence: &str) {
    let meta = tool.get_mut("_meta").and_then(Value::as_object_mut);
    let member = meta.and_then(|meta| meta.get_mut(DEFINITION_KEY)?.as_object_mut());
    if let Some(member) = member {
        member.insert(name.to_owned(), evidence.into());
    }
}

fn parse(tool: &Map<String, Value>) -> Result<ToolDefinition, DefinitionError> {
    // A map of values always serialises. If it failed, the empty text would be refused below.
    let text = serde_json::to_string(tool).unwrap_or_default();
    ToolDefinition::parse(text.as_bytes())
}

//! A lockfile, a server and its definitions.

use etdi_lockfile::{
    Drift, DriftKind, LineNumber, LockedServer, LockedTool, Served, ServedEvidence, ServedTool,
};
use etdi_types::verdict::KeyTrust;
use etdi_types::{
    DefinitionSpec, EvidenceRecord, Permission, Provider, SigningKey, ToolDefinition,
};
use serde_json::{Map, Value, json};

pub(crate) const TEXT: &str = r#"# A comment stays nobody's business.
schema = 1

[[server]]
name = "docs"
identity = "https://docs.example/mcp"

[[server.tool]]
name = "scan"
id = "trustedsoft.example/scan"
version = "1.2.0"
provider = "https://trustedsoft.example"
digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
signer = { key = "thumbprint" }
permissions = ["documents:read"]
approved_by = "alice"
parts = { "description" = "0011223344556677" }
"#;

pub(crate) fn definition(
    id: &str,
    version: &str,
    description: &str,
    scopes: &[(&str, bool)],
) -> ToolDefinition {
    let key = SigningKey::generate().unwrap();
    let provider = Provider::new("https://trustedsoft.example", "TrustedSoft").unwrap();
    let (id, version) = (id.parse().unwrap(), version.parse().unwrap());
    let mut spec = DefinitionSpec::new(id, version, provider);
    for (scope, required) in scopes {
        let mut permission = Permission::optional(scope.parse().unwrap(), "why");
        permission.required = *required;
        spec.permissions.push(permission);
    }
    let signed = spec.sign(&tool(description), &key).unwrap();
    ToolDefinition::parse(&serde_json::to_vec(signed.tool()).unwrap()).unwrap()
}

pub(crate) fn unsigned(description: &str) -> ToolDefinition {
    ToolDefinition::parse(&serde_json::to_vec(&tool(description)).unwrap()).unwrap()
}

pub(crate) fn tool(description: &str) -> Map<String, Value> {
    let tool =
        json!({"name": "scan", "description": description, "inputSchema": {"type": "object"}});
    tool.as_object().unwrap().clone()
}

pub(crate) fn by_key(thumbprint: &str) -> EvidenceRecord {
    EvidenceRecord::Signed {
        thumbprint: thumbprint.to_owned(),
        trust: KeyTrust::Configured,
        pinned_key: None,
    }
}

pub(crate) fn server(tools: Vec<LockedTool>) -> LockedServer {
    let mut server = LockedServer::new("docs", "https://docs.example/mcp".parse().unwrap());
    server.line = LineNumber(Some(1));
    for (mut tool, line) in tools.into_iter().zip(10..) {
        tool.line = LineNumber(Some(line));
        server.tools.push(tool);
    }
    server
}

pub(crate) fn locked(definition: &ToolDefinition) -> LockedTool {
    let evidence = match definition.signed() {
        Some(_) => by_key("alice's publisher"),
        None => EvidenceRecord::None,
    };
    LockedTool::of(definition, &evidence, "alice")
}

/// Returns the drift of a server that lists `definition` where `locked` is locked.
pub(crate) fn drift(
    locked: &LockedServer,
    definition: &ToolDefinition,
    evidence: ServedEvidence,
) -> Vec<Drift> {
    let mut served = Served::default();
    served.tools.push(ServedTool::new(definition.served_name(), Ok(definition), evidence));
    locked.compare(&served)
}

pub(crate) fn kinds(drift: &[Drift]) -> Vec<DriftKind> {
    drift.iter().map(|drift| drift.kind).collect()
}

pub(crate) fn good() -> ServedEvidence {
    ServedEvidence::Good(by_key("alice's publisher"))
}

pub(crate) const ID: &str = "trustedsoft.example/scan";

//! Short builders for the inputs of a judgement.

use etdi_types::evidence::{AttestationEvidence, ProviderKeys, SignatureEvidence, check_signature};
use etdi_types::judge::Case;
use etdi_types::records::PinnedKey;
use etdi_types::trust::TrustedProvider;
use etdi_types::{
    ApprovalBasis, ApprovalRecord, AuthorizationContext, DefinitionSpec, Evidence, EvidenceRecord,
    Known, LedgerEntry, Permission, Pin, Provider, ResourceUri, Scope, ServerIdentity, SigningKey,
    StdioCommand, Subject, ToolDefinition, TrustConfig, Verdict, What, judge,
};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

pub const PROVIDER: &str = "https://trustedsoft.example";

/// A tool that is about to be served.
#[derive(Clone)]
pub struct Tool {
    pub served: String,
    pub signed_name: String,
    pub description: String,
    pub schema: Value,
    pub spec: DefinitionSpec,
}

impl Tool {
    pub fn version(version: &str) -> Self {
        Self {
            served: "scan".to_owned(),
            signed_name: "scan".to_owned(),
            description: "Finds personal data.".to_owned(),
            schema: json!({"type": "object", "properties": {"document": {"type": "string"}}}),
            spec: DefinitionSpec::new(
                "trustedsoft.example/scan".parse().unwrap(),
                version.parse().unwrap(),
                Provider::new(PROVIDER, "TrustedSoft").unwrap(),
            ),
        }
    }

    pub fn described(mut self, text: &str) -> Self {
        self.description = text.to_owned();
        self
    }

    pub fn served_as(mut self, name: &str) -> Self {
        self.served = name.to_owned();
        self
    }

    pub fn named(mut self, name: &str) -> Self {
        self.signed_name = name.to_owned();
        self.served_as(name)
    }

    pub fn id(mut self, id: &str) -> Self {
        self.spec.id = id.parse().unwrap();
        self
    }

    pub fn provider(mut self, id: &str) -> Self {
        self.spec.provider = Provider::new(id, "Somebody").unwrap();
        self
    }

    pub fn servers(mut self, servers: &[&str]) -> Self {
        self.spec.servers = Some(servers.iter().map(|s| (*s).to_owned()).collect());
        self
    }

    pub fn permission(mut self, scope: &str, required: bool) -> Self {
        let mut permission = Permission::optional(scope.parse().unwrap(), "for the work");
        permission.required = required;
        self.spec.permissions.push(permission);
        self
    }

    fn object(&self, name: &str) -> Map<String, Value> {
        let tool =
            json!({"name": name, "description": self.description, "inputSchema": self.schema});
        tool.as_object().unwrap().clone()
    }

    pub fn signed(&self, key: &SigningKey) -> ToolDefinition {
        let signed = self.spec.sign(&self.object(&self.signed_name), key).unwrap();
        let mut tool = signed.tool().clone();
        tool.insert("name".to_owned(), self.served.clone().into());
        parse(&tool)
    }

    pub fn unsigned(&self) -> ToolDefinition {
        parse(&self.object(&self.served))
    }

    /// Returns the definition with its member, but without evidence.
    pub fn stripped(&self, key: &SigningKey) -> ToolDefinition {
        let signed = self.spec.sign(&self.object(&self.signed_name), key).unwrap();
        let mut tool = signed.tool().clone();
        let member = tool["_meta"]["dev.etdi/definition"].as_object_mut().unwrap();
        member.remove("signature");
        parse(&tool)
    }
}

fn parse(tool: &Map<String, Value>) -> ToolDefinition {
    ToolDefinition::parse(serde_json::to_string(tool).unwrap().as_bytes()).unwrap()
}

/// All other inputs of a judgement. The methods write the records as a store does.
#[derive(Clone)]
pub struct Scene {
    pub key: SigningKey,
    pub trust: TrustConfig,
    pub server: ServerIdentity,
    pub context: AuthorizationContext,
    pub known: Known,
    pub scopes: Option<Vec<Scope>>,
    pub now: OffsetDateTime,
}

impl Scene {
    /// Returns a stdio server, a configured publisher and empty records.
    pub fn new() -> Self {
        let key = SigningKey::generate().unwrap();
        let entry = TrustedProvider::new(PROVIDER, "trustedsoft.example", key.public_jwk().clone());
        Self {
            key,
            trust: TrustConfig::new(vec![entry]).unwrap(),
            server: ServerIdentity::from(&StdioCommand::new("docs")),
            context: AuthorizationContext::None,
            known: Known::default(),
            scopes: None,
            now: OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
        }
    }

    pub fn on(mut self, uri: &str) -> Self {
        self.server = http(uri);
        self
    }

    pub fn entry(&self) -> TrustedProvider {
        self.trust.providers()[0].clone()
    }

    pub fn with_entries(mut self, entries: Vec<TrustedProvider>) -> Self {
        self.trust = TrustConfig::new(entries).unwrap();
        self
    }

    pub fn evidence(&self, definition: &ToolDefinition) -> Evidence {
        let pinned = |provider: &str, kid: &str| self.known.pinned_key(provider, kid);
        let signature = check_signature(definition, &self.trust, ProviderKeys::Listed, pinned);
        Evidence::new(signature, AttestationEvidence::Absent)
    }

    pub fn judge(&self, definition: &ToolDefinition) -> Verdict {
        self.judge_with(definition, &self.evidence(definition))
    }

    pub fn judge_with(&self, definition: &ToolDefinition, evidence: &Evidence) -> Verdict {
        judge(Case {
            definition,
            evidence,
            server: &self.server,
            context: &self.context,
            trust: &self.trust,
            known: &self.known,
            scopes: self.scopes.as_deref(),
            now: self.now,
        })
    }

    pub fn pin(&self, definition: &ToolDefinition, evidence: &Evidence) -> Pin {
        let verdict = self.judge_with(definition, evidence);
        let pinned_key = match &evidence.signature {
            SignatureEvidence::Good { pinned_key, .. } => pinned_key.as_ref(),
            _ => None,
        };
        let evidence = EvidenceRecord::of(&verdict.who, pinned_key).unwrap_or(EvidenceRecord::None);
        Pin::of_tool(&self.server, definition, evidence, self.now)
    }

    /// Records the first sight of a tool: adds the missing pin and ledger entry.
    pub fn see(&mut self, definition: &ToolDefinition) {
        let evidence = self.evidence(definition);
        let pin = self.pin(definition, &evidence);
        self.enter(definition, &pin, self.judge(definition).who.is_global());
        if !self.known.pins.iter().any(|p| p.id == pin.id) {
            self.known.pins.push(pin);
        }
    }

    /// Records the approval of a person: supersedes earlier approvals and replaces the pin.
    pub fn approve(&mut self, definition: &ToolDefinition) {
        self.approve_with(definition, &self.evidence(definition), &[]);
    }

    pub fn approve_with(
        &mut self,
        definition: &ToolDefinition,
        evidence: &Evidence,
        granted: &[&str],
    ) {
        let pin = self.pin(definition, evidence);
        self.enter(definition, &pin, self.judge_with(definition, evidence).who.is_global());
        for earlier in &mut self.known.approvals {
            earlier.superseded |= earlier.pin.id == pin.id && earlier.context == self.context;
        }
        self.known.pinned_keys.extend(PinnedKey::of(&pin));
        self.known.pins.retain(|p| p.id != pin.id);
        self.known.pins.push(pin.clone());
        self.known.approvals.push(self.record(pin, granted));
    }

    /// Records an approval of `definition` on another server.
    pub fn approve_elsewhere(&mut self, server: ServerIdentity, definition: &ToolDefinition) {
        let there = Self { server, known: Known::default(), ..self.clone() };
        let pin = there.pin(definition, &there.evidence(definition));
        self.known.elsewhere.push(there.record(pin, &[]));
    }

    fn record(&self, pin: Pin, granted: &[&str]) -> ApprovalRecord {
        let context = self.context.clone();
        let mut record = ApprovalRecord::new(pin, context, "alice", ApprovalBasis::Question);
        record.granted = granted.iter().map(|s| s.parse().unwrap()).collect();
        record
    }

    /// Adds a ledger entry for `definition` as first seen on `server`.
    pub fn ledger(&mut self, server: ServerIdentity, definition: &ToolDefinition, global: bool) {
        let part = definition.signed().unwrap();
        let mut entry = LedgerEntry::new(
            server,
            part.provider.id(),
            part.id.as_str(),
            part.version.clone(),
            definition.digest(),
            definition.canonical().clone(),
        );
        entry.global = global;
        self.known.ledger.push(entry);
    }

    fn enter(&mut self, definition: &ToolDefinition, pin: &Pin, global: bool) {
        let subject = Subject::new(&self.server, definition);
        let known = self.known.ledger.iter().any(|e| subject.is_same_version(e));
        if pin.version.is_some() && !known {
            self.ledger(self.server.clone(), definition, global);
        }
    }

    pub fn later(&mut self, by: Duration) {
        self.now += by;
    }
}

pub fn http(uri: &str) -> ServerIdentity {
    ServerIdentity::Http(ResourceUri::parse(uri).unwrap())
}

pub fn principal(subject: &str) -> AuthorizationContext {
    AuthorizationContext::Principal {
        issuer: "https://tenant.auth0.com/".to_owned(),
        subject: subject.to_owned(),
        client: "host".to_owned(),
    }
}

/// Returns the names of the answers in `what`, in the order of the verdict.
pub fn kinds(verdict: &Verdict) -> Vec<&'static str> {
    verdict
        .what
        .iter()
        .map(|what| match what {
            What::Tampered { .. } => "tampered",
            What::Replaced { .. } => "replaced",
            What::Equivocated { .. } => "equivocated",
            What::RolledBack { .. } => "rolled back",
            What::EvidenceLost { .. } => "evidence lost",
            What::Changed { .. } => "changed",
            What::Upgraded { .. } => "upgraded",
            What::Renamed { .. } => "renamed",
            What::Shadowed { .. } => "shadowed",
            What::ApprovalExpired { .. } => "approval expired",
            What::New => "new",
            What::Approved => "approved",
        })
        .collect()
}

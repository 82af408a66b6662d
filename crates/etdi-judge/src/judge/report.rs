//! Reports events to the event emitter, if there is one.

use std::collections::HashSet;

use etdi_events::{
    ClientConnected, ClientDisconnected, ClientInitialized, CorrelationId, Emitter, Event, Expired,
    PermissionChanged, SecurityViolation, SignatureFailed, SignatureVerified, ToolApproved,
    ToolDiscovered, ToolExpired, ToolInvoked, ToolReapprovalRequested, ToolRef, ToolRemoved,
    ToolUpdated, ToolVerified, VersionChanged,
};
use etdi_types::decision::{Action, Row};
use etdi_types::jws::DetachedJws;
use etdi_types::verdict::ImpostorReason;
use etdi_types::{
    ApprovalRecord, Digest, SecurityLevel, ServerIdentity, ToolDefinition, Verdict, What, Who,
};

use crate::tool::JudgedTool;
use crate::tool::listed::Snapshot;

pub(crate) fn initialized(events: &Emitter, level: SecurityLevel, trusted_providers: usize) {
    events.emit(ClientInitialized::new(level.to_string(), trusted_providers as u64));
}

/// The reporter of one connection. Its events share a correlation id.
#[derive(Clone, Debug)]
pub struct Reporter {
    events: Option<Emitter>,
    server: ServerIdentity,
}

impl Reporter {
    pub(crate) fn new(events: Option<Emitter>, server: ServerIdentity) -> Self {
        let correlation = CorrelationId::random();
        Self { events: events.map(|events| events.with_correlation(correlation)), server }
    }

    fn tool_ref(&self, definition: &ToolDefinition) -> ToolRef {
        let part = definition.signed();
        let id = etdi_types::records::tool_id(&self.server, definition);
        let mut tool = ToolRef::new(self.server.to_string(), id, definition.served_name());
        tool.version = part.map(|part| part.version.to_string());
        tool.digest = Some(definition.digest().to_string());
        tool.provider = part.map(|part| part.provider.id().to_owned());
        tool
    }

    fn emit<E: Into<Event>>(&self, event: impl FnOnce() -> E) {
        if let Some(events) = &self.events {
            events.emit(event());
        }
    }

    /// Reports the connection, with the revision of MCP that both sides agreed on.
    pub fn connected(&self, protocol: Option<String>) {
        self.emit(|| {
            let transport = match self.server {
                ServerIdentity::Http(_) => "http",
                ServerIdentity::Stdio(_) => "stdio",
            };
            let mut connected = ClientConnected::new(self.server.to_string(), transport);
            connected.protocol = protocol;
            connected
        });
    }

    /// Reports the end of the connection.
    pub fn disconnected(&self) {
        self.emit(|| ClientDisconnected::new(self.server.to_string()));
    }

    /// Reports the tools that came and went between two complete listings.
    pub(crate) fn listed(&self, earlier: Option<&Snapshot>, now: &Snapshot) {
        if self.events.is_none() {
            return;
        }
        let definitions = |snapshot: &'_ Snapshot| -> Vec<_> {
            let tools = snapshot.tools().iter();
            tools.filter_map(|tool| tool.definition().ok().cloned()).collect()
        };
        let earlier: Vec<ToolDefinition> = earlier.map(definitions).unwrap_or_default();
        let known: HashSet<&str> = earlier.iter().map(ToolDefinition::served_name).collect();
        let listed: HashSet<&str> = now.tools().iter().map(|tool| tool.name()).collect();
        for definition in definitions(now) {
            if !known.contains(definition.served_name()) {
                let signed = definition.signed().is_some_and(|part| part.signature.is_some());
                self.emit(|| ToolDiscovered::new(self.tool_ref(&definition), signed));
            }
        }
        for definition in earlier.iter().filter(|d| !listed.contains(d.served_name())) {
            self.emit(|| ToolRemoved::new(self.tool_ref(definition)));
        }
    }

    /// Reports a verdict and the events that follow from it.
    pub(crate) fn judged(&self, judged: &JudgedTool) {
        if self.events.is_none() {
            return;
        }
        let (Some(definition), Some(verdict)) = (judged.definition(), judged.verdict()) else {
            self.violation(judged);
            return;
        };
        let tool = self.tool_ref(definition);
        self.emit(|| {
            let (who, origin) = (verdict.who.name(), verdict.origin.name());
            let decision = judged.action().as_str();
            let mut verified = ToolVerified::new(tool.clone(), who, origin, decision);
            verified.what = verdict.what.iter().map(|what| what.name().to_owned()).collect();
            verified
        });
        self.signature(definition, verdict, &tool);
        self.expired(verdict, &tool);
        self.changed(judged);
        match judged.action() {
            Action::Block => self.violation(judged),
            Action::Ask if judged.approved().is_some() => self.asked(judged),
            _ => {}
        }
    }

    fn signature(&self, definition: &ToolDefinition, verdict: &Verdict, tool: &ToolRef) {
        let Some(signature) = definition.signed().and_then(|part| part.signature.as_ref()) else {
            return;
        };
        let jws = DetachedJws::parse(signature).ok();
        let algorithm = jws.as_ref().map(|jws| jws.algorithm().to_string());
        match &verdict.who {
            Who::Signed { kid, trust, .. } => self.emit(|| {
                SignatureVerified::new(tool.clone(), kid, algorithm.unwrap_or_default(), *trust)
            }),
            Who::Impostor { why: ImpostorReason::Signature(error) } => self.emit(|| {
                let mut failed = SignatureFailed::new(tool.clone(), error.to_string());
                failed.kid = jws.map(|jws| jws.kid().to_owned());
                failed.algorithm = algorithm;
                failed
            }),
            _ => {}
        }
    }

    fn expired(&self, verdict: &Verdict, tool: &ToolRef) {
        let approval = verdict.what.iter().find_map(|what| match what {
            What::ApprovalExpired { since } => Some((Expired::Approval, *since)),
            _ => None,
        });
        let attestation = match &verdict.who {
            Who::Expired { since, .. } => Some((Expired::Attestation, *since)),
            _ => None,
        };
        for (expired, since) in approval.into_iter().chain(attestation) {
            self.emit(|| ToolExpired::new(tool.clone(), expired, since));
        }
    }

    /// Reports the changes since the tool was approved.
    pub(crate) fn changed(&self, judged: &JudgedTool) {
        let (Some(definition), Some(verdict)) = (judged.definition(), judged.verdict()) else {
            return;
        };
        let tool = self.tool_ref(definition);
        for what in &verdict.what {
            self.change(what, definition, &tool, judged);
        }
    }

    fn change(
        &self,
        what: &What,
        definition: &ToolDefinition,
        tool: &ToolRef,
        judged: &JudgedTool,
    ) {
        let (from, diff) = match what {
            What::Upgraded { from, diff } => (from.clone(), diff),
            What::RolledBack { approved, diff } => (approved.clone(), diff),
            What::Changed { diff } | What::Tampered { diff, .. } => (None, diff),
            _ => return,
        };
        let approved = judged.approved();
        self.emit(|| {
            let mut updated = ToolUpdated::new(tool.clone());
            updated.from_digest = approved.map(|digest| digest.to_string());
            updated.from_version = from.as_ref().map(ToString::to_string);
            updated
        });
        if let Some(from) = from {
            self.emit(|| {
                let mut changed = VersionChanged::new(tool.clone(), from.to_string());
                changed.to = tool.version.clone();
                changed
            });
        }
        let permissions = diff.changes().iter().find(|c| c.path.ends_with("/permissions"));
        if let Some(change) = permissions {
            let before = scopes(change.old.as_deref());
            let after: Vec<String> = definition
                .signed()
                .into_iter()
                .flat_map(|part| &part.permissions)
                .map(|permission| permission.scope.to_string())
                .collect();
            let added = after.iter().filter(|scope| !before.contains(scope)).cloned().collect();
            let removed = before.iter().filter(|scope| !after.contains(scope)).cloned().collect();
            self.emit(|| PermissionChanged::new(tool.clone(), added, removed));
        }
    }

    /// Reports that a person must be asked.
    pub fn asked(&self, judged: &JudgedTool) {
        let (Some(definition), Some(judgement)) = (judged.definition(), judged.judgement.as_ref())
        else {
            return;
        };
        self.emit(|| {
            let what = &judgement.verdict.what;
            let reasons = what.iter().map(|what| what.name().to_owned()).collect();
            let mut asked = ToolReapprovalRequested::new(self.tool_ref(definition), reasons);
            asked.approved_digest = judgement.approved.map(|digest| digest.to_string());
            asked.diff = what.iter().find_map(|what| match what {
                What::Upgraded { diff, .. } | What::Changed { diff } => Some(diff.to_string()),
                _ => None,
            });
            asked
        });
    }

    /// Reports a tool that was refused.
    pub fn violation(&self, judged: &JudgedTool) {
        self.emit(|| {
            let (server, detail) = (self.server.to_string(), judged.to_string());
            let mut violation = SecurityViolation::new(server, violation(judged), detail);
            violation.tool = judged.definition().map(|definition| self.tool_ref(definition));
            violation
        });
    }

    pub(crate) fn approved(
        &self,
        judged: &JudgedTool,
        record: &ApprovalRecord,
        superseded: Option<Digest>,
    ) {
        let Some(definition) = judged.definition() else { return };
        self.emit(|| {
            let tool = self.tool_ref(definition);
            let mut approved = ToolApproved::new(tool, &record.by, record.basis);
            approved.permissions = record.granted.iter().map(ToString::to_string).collect();
            approved.supersedes = superseded.map(|digest| digest.to_string());
            approved.expires = record.until;
            approved
        });
    }

    /// Reports a call.
    pub fn invoked(&self, judged: &JudgedTool, succeeded: bool, took: time::Duration) {
        let Some(definition) = judged.definition() else { return };
        self.emit(|| {
            let mut invoked = ToolInvoked::new(self.tool_ref(definition), succeeded);
            invoked.duration_ms = took.whole_milliseconds().try_into().ok();
            invoked
        });
    }
}

/// Returns the name of the answer in the verdict that blocks a tool.
fn violation(judged: &JudgedTool) -> &'static str {
    let Some(judgement) = &judged.judgement else { return "Malformed" };
    let blocks = judgement.outcome.rows.iter().find(|(_, action)| *action == Action::Block);
    let (who, what) = (&judgement.verdict.who, judgement.verdict.what.first());
    match blocks.map(|(row, _)| row) {
        Some(Row::MissingScopes | Row::Denied | Row::NotEvaluated) => "Denied",
        Some(
            Row::Forbidden | Row::RolledBack | Row::EvidenceLost | Row::Changed | Row::Shadowed,
        ) => what.map_or(who.name(), What::name),
        _ => who.name(),
    }
}

/// Returns the scopes in the canonical JSON of a `permissions` member.
fn scopes(permissions: Option<&str>) -> Vec<String> {
    let value: Option<serde_json::Value> =
        permissions.and_then(|text| serde_json::from_str(text).ok());
    let elements = value.as_ref().and_then(|value| value.as_array());
    elements
        .into_iter()
        .flatten()
        .filter_map(|element| Some(element.get("scope")?.as_str()?.to_owned()))
        .collect()
}

//! Records a person's approval: of the definition that was shown, and of that alone.

use etdi_types::evidence::{ProviderKeys, SignatureEvidence, check_signature};
use etdi_types::jws::DetachedJws;
use etdi_types::records::PinnedKey;
use etdi_types::text::escaped;
use etdi_types::{ApprovalRecord, KeyError, Scope, SignatureError, ToolDefinition, Verdict, Who};

use crate::judge::names::OtherTools;
use crate::judge::{Facts, Judge, records};
use crate::store::{NewApproval, StoreError};
use crate::tool::approval::Approval;
use crate::tool::decision::{ApprovalRequest, Decision, Refusal};
use crate::tool::listed::Snapshot;
use crate::tool::{ApprovedTool, JudgedTool};

/// The reason why an approval did not let a tool through.
///
/// A caller with a transport has further errors, and converts each variant to one of its own. A new
/// variant is a breaking change, so that the caller must handle it.
#[derive(Debug, thiserror::Error)]
pub enum NotApproved {
    /// The definition or its verdict changed since it was shown.
    #[error(
        "cannot approve: the definition or its verdict changed since it was shown; look at the \
         tool again:\n{0}"
    )]
    Changed(Box<JudgedTool>),
    /// The listing does not hold the tool.
    #[error("cannot approve: the server no longer lists \"{}\"", escaped(.0))]
    Gone(String),
    /// The tool is refused even after an approval, or the granted permissions are not enough.
    #[error("cannot approve: the tool is refused:\n{0}")]
    Blocked(Box<Refusal>),
    /// The question was asked on another connection.
    #[error("cannot approve: the question was asked on another connection")]
    OtherConnection,
    /// The approval grants a scope that the definition does not ask for.
    #[error("cannot approve: the tool does not ask for the granted scope {0}")]
    UnknownScope(Scope),
    /// The key is not configured, and the approval does not hold it.
    #[error(
        "cannot approve: the key is not configured; get it from the publisher and pass it with \
         Approval::pinning"
    )]
    KeyRequired,
    /// The key in the approval cannot be used.
    #[error("cannot approve: {0}")]
    Key(#[from] KeyError),
    /// The key in the approval did not make the signature.
    #[error("cannot approve: the key that you passed did not sign this definition: {0}")]
    WrongKey(SignatureError),
    /// The approval changed in the meantime, or the store failed.
    #[error("cannot approve: {0}")]
    Store(#[from] StoreError),
}

impl NotApproved {
    fn blocked(tool: JudgedTool) -> Self {
        Self::Blocked(Box::new(Refusal::of(tool)))
    }

    fn changed(tool: JudgedTool) -> Self {
        Self::Changed(Box::new(tool))
    }
}

impl Judge {
    /// Stores an approval of the definition that `request` showed. The definition must be the one
    /// that `snapshot` lists, and its verdict must be the one that the person saw. The caller reads
    /// the listing after the person answered.
    ///
    /// Reads the store once and gathers the evidence once. The check of the question and the
    /// judgement of the approved tool both use these facts.
    ///
    /// # Errors
    /// [`NotApproved`]. Only [`NotApproved::Blocked`] may leave a record: an approval that grants
    /// too little stays on record, and the tool stays refused.
    pub async fn approve(
        &self,
        snapshot: &Snapshot,
        request: &ApprovalRequest,
        approval: &Approval,
    ) -> Result<ApprovedTool, NotApproved> {
        let shown = request.tool();
        if shown.connection != *self.connection() {
            return Err(NotApproved::OtherConnection);
        }
        let digest = request.digest().ok_or_else(|| NotApproved::blocked(shown.clone()))?;
        let listed = snapshot.find(shown.name());
        let listed = listed.ok_or_else(|| NotApproved::Gone(shown.name().to_owned()))?;
        let judging = self.settle(self.judge_afresh(listed).await?).await?;
        let now = judging.tool;
        let Some(definition) = now.definition().filter(|now| now.digest() == digest) else {
            return Err(NotApproved::changed(now));
        };
        let (Some(verdict), Some(facts)) = (now.verdict(), judging.facts) else {
            return Err(NotApproved::changed(now));
        };
        if !request.covers(&now) {
            return Err(NotApproved::blocked(now));
        }
        if now.approved() != shown.approved() {
            return Err(StoreError::Conflict { approved: now.approved() }.into());
        }
        if !shown.is_told_as(&now) {
            return Err(NotApproved::changed(now));
        }
        refuse_unknown_scopes(definition, approval)?;
        let others = OtherTools::default();
        let (verdict, facts) = match request.needs_key() {
            true => {
                let facts = self.with_pinned_key(definition, facts, approval)?;
                let pinned = self.judge_by(listed, definition, facts.clone(), &others).await?.tool;
                match pinned.verdict().filter(|_| request.covers(&pinned)) {
                    Some(verdict) => (verdict.clone(), facts),
                    None => return Err(NotApproved::blocked(pinned)),
                }
            }
            false => (verdict.clone(), facts),
        };
        let record = self.record(definition, &verdict, &facts, approval, request);
        let record = record.ok_or_else(|| NotApproved::blocked(now.clone()))?;
        let ledger = records::ledger_entry(&record.pin, &verdict);
        let new = NewApproval::new(record.clone(), ledger.clone(), shown.approved());
        self.settings().store().approve(record, ledger, shown.approved()).await?;
        self.reporter().approved(&now, &new.record, shown.approved());
        let facts = Facts { known: new.stored_in(facts.known), evidence: facts.evidence };
        let approved = self.judge_by(listed, definition, facts, &others).await?.tool;
        match Decision::on(&approved) {
            Decision::Allow(approved) => Ok(approved),
            Decision::Ask(_) | Decision::Block(_) => Err(NotApproved::blocked(approved)),
        }
    }

    /// Returns the facts about the tool with the key of the person, which is then trusted for this
    /// server. The whole tool is judged by these facts, because a key proves the signature alone.
    ///
    /// Only a definition without a trust entry needs such a key. Without an entry, its provider has
    /// no key set to fetch and no issuer to attest it, so only the signature is checked again.
    fn with_pinned_key(
        &self,
        definition: &ToolDefinition,
        mut facts: Facts,
        approval: &Approval,
    ) -> Result<Facts, NotApproved> {
        let key = approval.pinned_key.as_ref().ok_or(NotApproved::KeyRequired)?;
        let part = definition.signed().ok_or(NotApproved::KeyRequired)?;
        let signature = part.signature.as_deref().ok_or(NotApproved::KeyRequired)?;
        let jws = DetachedJws::parse(signature).map_err(NotApproved::WrongKey)?;
        // The person trusts the key itself; the publisher may use another id for it.
        let key = key.clone().with_kid(jws.kid());
        key.verifying_key()?;
        facts.known.pinned_keys = vec![PinnedKey::new(part.provider.id(), key)];
        let pinned = |provider: &str, kid: &str| facts.known.pinned_key(provider, kid);
        let trust = &self.settings().trust;
        facts.evidence.signature = check_signature(definition, trust, ProviderKeys::Listed, pinned);
        match &facts.evidence.signature {
            SignatureEvidence::Bad(error) => Err(NotApproved::WrongKey(error.clone())),
            _ => Ok(facts),
        }
    }

    fn record(
        &self,
        definition: &ToolDefinition,
        verdict: &Verdict,
        facts: &Facts,
        approval: &Approval,
        request: &ApprovalRequest,
    ) -> Option<ApprovalRecord> {
        let required = || -> Vec<Scope> {
            let part = definition.signed();
            part.into_iter().flat_map(|part| part.required_scopes()).cloned().collect()
        };
        let at = self.now();
        let pin = |verdict: &Verdict| {
            records::pin(self.server(), definition, verdict, &facts.evidence, at)
        };
        // Evidence that cannot be checked now (an identity provider that is down, at level Basic)
        // is recorded as weak. Once it is good again, it is better than the approved evidence.
        let pin = pin(verdict).or_else(|| {
            let mut unproven = verdict.clone();
            unproven.who = Who::Identified { by: String::new() };
            pin(&unproven)
        })?;
        let mut record =
            ApprovalRecord::new(pin, self.context().clone(), approval.by.as_str(), request.basis());
        let (granted, until) = match request.terms() {
            Some(terms) => (Some(terms.granted.clone()), terms.until),
            None => (None, None),
        };
        record.granted = approval.granted.clone().or(granted).unwrap_or_else(required);
        record.until = approval.until.or(until);
        Some(record)
    }
}

fn refuse_unknown_scopes(
    definition: &ToolDefinition,
    approval: &Approval,
) -> Result<(), NotApproved> {
    let asked = definition.signed().map(|part| part.permissions.as_slice()).unwrap_or_default();
    let granted = approval.granted.iter().flatten();
    match granted.into_iter().find(|scope| asked.iter().all(|p| p.scope != **scope)) {
        Some(scope) => Err(NotApproved::UnknownScope(scope.clone())),
        None => Ok(()),
    }
}

//! Recording a person's yes: to the definition that was shown, and to no other.

use etdi_types::evidence::{Evidence, ProviderKeys, SignatureEvidence, check_signature};
use etdi_types::{
    ApprovalRecord, Known, Scope, SignatureError, ToolDefinition, Verdict,
};
use etdi_types::verdict::KeyTrust;
use etdi_types::Who;

use crate::approval::Approval;
use crate::connection::ServerConnection;
use crate::decision::{ApprovalRequest, Decision, Refusal};
use crate::error::ApproveError;
use crate::judging::ledger_entry;
use crate::listing::evidence;
use crate::tool::ApprovedTool;

impl ServerConnection {
    /// Records an approval of the definition that `request` showed.
    ///
    /// The listing is read again, always: if the server serves another definition by now, nothing
    /// is approved. If somebody else approved another definition since the question was asked,
    /// nothing is approved either.
    ///
    /// # Errors
    /// [`ApproveError`]. Only after [`ApproveError::Blocked`] may something have been recorded: an
    /// approval that grants too little stays on record, and the tool stays refused.
    pub async fn approve(
        &self,
        request: ApprovalRequest,
        approval: Approval,
    ) -> Result<ApprovedTool, ApproveError> {
        let shown = request.tool();
        if shown.connection != self.id {
            return Err(ApproveError::OtherConnection);
        }
        let Some(shown_digest) = request.digest() else {
            return Err(ApproveError::Blocked(Box::new(Refusal::of(shown.clone()))));
        };
        let snapshot = self.read_now().await?;
        let listed = snapshot
            .tools
            .iter()
            .find(|listed| listed.name == shown.name())
            .ok_or_else(|| ApproveError::Gone(shown.name().to_owned()))?;
        let now = self.judge_listed(listed).await?;
        let Some(definition) = now.definition().filter(|d| d.digest() == shown_digest)
        else {
            return Err(ApproveError::Changed(Box::new(now)));
        };
        if !request.covers(&now) {
            return Err(ApproveError::Blocked(Box::new(Refusal::of(now))));
        }
        let verdict = now.verdict().ok_or_else(|| ApproveError::Changed(Box::new(now.clone())))?;
        let (verdict, evidence) = if request.needs_key() {
            self.with_pinned_key(definition, verdict, &approval)?
        } else {
            // `judge_listed` has found the pinned key of an earlier approval, if there is one.
            (verdict.clone(), self.evidence_now(definition).await?)
        };
        let record = self.record(definition, &verdict, &evidence, &approval);
        let record = record.ok_or_else(|| ApproveError::Blocked(Box::new(Refusal::of(now.clone()))))?;
        let granted = record.granted.clone();
        let ledger = ledger_entry(&record.pin, &verdict);
        self.settings.store.approve(record, ledger, shown.approved()).await?;
        self.reporter.approved(&now, self.server(), &approval, &granted, shown.approved());
        match Decision::on(&self.judge_listed(listed).await?) {
            Decision::Allow(approved) => Ok(approved),
            Decision::Ask(request) => {
                Err(ApproveError::Blocked(Box::new(Refusal::of(request.tool().clone()))))
            }
            Decision::Block(refusal) => Err(ApproveError::Blocked(Box::new(refusal))),
        }
    }

    async fn evidence_now(&self, definition: &ToolDefinition) -> Result<Evidence, ApproveError> {
        let subject = etdi_types::Subject::new(self.server(), definition);
        let known = self.settings.store.known(&[subject]).await?.pop().unwrap_or_default();
        Ok(evidence(definition, &self.settings.trust, &known))
    }

    /// The verdict as it is once the key that the person brings is trusted for this server.
    fn with_pinned_key(
        &self,
        definition: &ToolDefinition,
        verdict: &Verdict,
        approval: &Approval,
    ) -> Result<(Verdict, Evidence), ApproveError> {
        let key = approval.pinned_key.as_ref().ok_or(ApproveError::KeyRequired)?;
        let mut checked = evidence(definition, &self.settings.trust, &Known::default());
        let kid = match &checked.signature {
            SignatureEvidence::Unchecked { kid, .. } => kid.clone(),
            _ => return Err(ApproveError::KeyRequired),
        };
        // The person vouches for the key; under which id the publisher names it is no matter.
        let key = key.clone().with_kid(kid);
        key.verifying_key()?;
        checked.signature = check_signature(
            definition,
            &self.settings.trust,
            ProviderKeys::Listed,
            |_, _| Some(&key),
        );
        let who = match &checked.signature {
            SignatureEvidence::Good { kid, thumbprint, .. } => Who::Signed {
                kid: kid.clone(),
                thumbprint: thumbprint.clone(),
                trust: KeyTrust::Pinned,
            },
            SignatureEvidence::Bad(error) => return Err(ApproveError::WrongKey(error.clone())),
            _ => return Err(ApproveError::WrongKey(SignatureError::Invalid)),
        };
        let mut pinned = verdict.clone();
        pinned.who = who;
        Ok((pinned, checked))
    }

    fn record(
        &self,
        definition: &ToolDefinition,
        verdict: &Verdict,
        evidence: &Evidence,
        approval: &Approval,
    ) -> Option<ApprovalRecord> {
        let required = || -> Vec<Scope> {
            let part = definition.signed();
            part.into_iter().flat_map(|part| part.required_scopes()).cloned().collect()
        };
        // Evidence that cannot be checked now (an identity provider that is down, at level Basic) is
        // recorded as proving little; once it is good again it is better than what was approved.
        let pin = self.pin(definition, verdict, evidence).or_else(|| {
            let mut unproven = verdict.clone();
            unproven.who = Who::Identified { by: String::new() };
            self.pin(definition, &unproven, evidence)
        })?;
        Some(ApprovalRecord {
            evidence_good_at: pin.at,
            pin,
            context: self.settings.context.clone(),
            granted: approval.granted.clone().unwrap_or_else(required),
            by: approval.by.clone(),
            until: approval.until,
            superseded: false,
        })
    }
}

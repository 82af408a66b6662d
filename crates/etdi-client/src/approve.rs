//! Recording a person's yes: to the definition that was shown, and to no other.

use std::sync::Arc;

use etdi_types::evidence::{Evidence, SignatureEvidence};
use etdi_types::jws::DetachedJws;
use etdi_types::records::PinnedKey;
use etdi_types::{ApprovalBasis, ApprovalRecord, Scope, Subject, ToolDefinition, Verdict, Who};

use crate::approval::Approval;
use crate::connection::ServerConnection;
use crate::decision::{ApprovalRequest, Decision, Refusal};
use crate::error::{ApproveError, DiscoverError};
use crate::judging::ledger_entry;
use crate::listing::{Listed, Snapshot};
use crate::policy::OtherTools;
use crate::store::StoreError;
use crate::tool::{ApprovedTool, JudgedTool};

impl ServerConnection {
    /// Records an approval of the definition that `request` showed.
    ///
    /// The listing is read again, always: if the server serves another definition by now, or the
    /// same one has another verdict than the person was shown, nothing is approved. If somebody else
    /// approved another definition since the question was asked, nothing is approved either.
    ///
    /// # Errors
    /// [`ApproveError`]. Only after [`ApproveError::Blocked`] may something have been recorded: an
    /// approval that grants too little stays on record, and the tool stays refused.
    pub async fn approve(
        &self,
        request: ApprovalRequest,
        approval: Approval,
    ) -> Result<ApprovedTool, ApproveError> {
        let snapshot = self.read_now().await?;
        self.approve_listed(&snapshot, &request, &approval).await
    }

    /// Records an approval of each definition that a request showed, as [`approve`](Self::approve)
    /// does one by one, and reads the listing once for all of them.
    ///
    /// The results stand in the order of the requests: what changed since it was shown is not
    /// approved, and the others are.
    ///
    /// # Errors
    /// The listing could not be read, and nothing is approved.
    pub async fn approve_all(
        &self,
        requests: Vec<ApprovalRequest>,
        approval: &Approval,
    ) -> Result<Vec<Result<ApprovedTool, ApproveError>>, DiscoverError> {
        let snapshot = self.read_now().await?;
        let mut results = Vec::with_capacity(requests.len());
        for request in &requests {
            results.push(self.approve_listed(&snapshot, request, approval).await);
        }
        Ok(results)
    }

    /// Approves what was shown, if it is what is listed now.
    pub(crate) async fn approve_listed(
        &self,
        snapshot: &Snapshot,
        request: &ApprovalRequest,
        approval: &Approval,
    ) -> Result<ApprovedTool, ApproveError> {
        let shown = request.tool();
        if shown.connection != self.id {
            return Err(ApproveError::OtherConnection);
        }
        let Some(shown_digest) = request.digest() else {
            return Err(ApproveError::Blocked(Box::new(Refusal::of(shown.clone()))));
        };
        let listed = snapshot
            .tools
            .iter()
            .find(|listed| listed.name == shown.name())
            .ok_or_else(|| ApproveError::Gone(shown.name().to_owned()))?;
        let now = self.judge_listed(listed).await?;
        let Some(definition) = now.definition().filter(|d| d.digest() == shown_digest) else {
            return Err(ApproveError::Changed(Box::new(now)));
        };
        if !request.covers(&now) {
            return Err(ApproveError::Blocked(Box::new(Refusal::of(now))));
        }
        if now.approved() != shown.approved() {
            return Err(StoreError::Conflict { approved: now.approved() }.into());
        }
        if !shown.is_told_as(&now) {
            return Err(ApproveError::Changed(Box::new(now)));
        }
        let verdict = now.verdict().ok_or_else(|| ApproveError::Changed(Box::new(now.clone())))?;
        self.refuse_unknown_scopes(definition, approval)?;
        let (verdict, evidence) = if request.needs_key() {
            let (pinned, evidence) = self.with_pinned_key(listed, definition, approval).await?;
            match pinned.verdict().filter(|_| request.covers(&pinned)) {
                Some(verdict) => (verdict.clone(), evidence),
                None => return Err(ApproveError::Blocked(Box::new(Refusal::of(pinned)))),
            }
        } else {
            // `judge_listed` has found the pinned key of an earlier approval, if there is one.
            (verdict.clone(), self.evidence_now(listed, definition).await?)
        };
        let record = self.record(definition, &verdict, &evidence, approval, request.basis());
        let record =
            record.ok_or_else(|| ApproveError::Blocked(Box::new(Refusal::of(now.clone()))))?;
        let ledger = ledger_entry(&record.pin, &verdict);
        self.settings.store.approve(record.clone(), ledger, shown.approved()).await?;
        self.reporter.approved(&now, &record, shown.approved());
        match Decision::on(&self.judge_listed(listed).await?) {
            Decision::Allow(approved) => Ok(approved),
            Decision::Ask(request) => {
                Err(ApproveError::Blocked(Box::new(Refusal::of(request.tool().clone()))))
            }
            Decision::Block(refusal) => Err(ApproveError::Blocked(Box::new(refusal))),
        }
    }

    async fn evidence_now(
        &self,
        listed: &Listed,
        definition: &ToolDefinition,
    ) -> Result<Evidence, ApproveError> {
        let known = self.known(Subject::new(self.server(), definition)).await?;
        Ok(listed.evidence(definition, &self.settings, &known).await)
    }

    /// The tool as it stands once the key that the person brings is trusted for this server. It is
    /// judged whole: a key vouches for the signature, not for what the definition is.
    async fn with_pinned_key(
        &self,
        listed: &Arc<Listed>,
        definition: &ToolDefinition,
        approval: &Approval,
    ) -> Result<(JudgedTool, Evidence), ApproveError> {
        let key = approval.pinned_key.as_ref().ok_or(ApproveError::KeyRequired)?;
        let signature = definition.signed().and_then(|part| part.signature.as_deref());
        let signature = signature.ok_or(ApproveError::KeyRequired)?;
        let jws = DetachedJws::parse(signature).map_err(ApproveError::WrongKey)?;
        // The person vouches for the key; under which id the publisher names it is no matter.
        let key = key.clone().with_kid(jws.kid());
        key.verifying_key()?;
        let mut known = self.known(Subject::new(self.server(), definition)).await?;
        let provider = definition.signed().map(|part| part.provider.id()).unwrap_or_default();
        known.pinned_keys = vec![PinnedKey::new(provider, key)];
        let settings = &self.settings;
        let evidence = settings.gatherer.gather(definition, &settings.trust, &known).await;
        if let SignatureEvidence::Bad(error) = &evidence.signature {
            return Err(ApproveError::WrongKey(error.clone()));
        }
        let others = OtherTools::default();
        let judged = self.judged(listed, definition, &known, &evidence, &others).await?;
        Ok((judged, evidence))
    }

    fn refuse_unknown_scopes(
        &self,
        definition: &ToolDefinition,
        approval: &Approval,
    ) -> Result<(), ApproveError> {
        let asked = definition.signed().map(|part| part.permissions.as_slice()).unwrap_or_default();
        let granted = approval.granted.iter().flatten();
        match granted.into_iter().find(|scope| asked.iter().all(|p| p.scope != **scope)) {
            Some(scope) => Err(ApproveError::UnknownScope(scope.clone())),
            None => Ok(()),
        }
    }

    fn record(
        &self,
        definition: &ToolDefinition,
        verdict: &Verdict,
        evidence: &Evidence,
        approval: &Approval,
        basis: ApprovalBasis,
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
        let mut record = ApprovalRecord::new(pin, self.context.clone(), &approval.by, basis);
        record.granted = approval.granted.clone().unwrap_or_else(required);
        record.until = approval.until;
        Some(record)
    }
}

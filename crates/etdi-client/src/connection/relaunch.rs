//! "Same tools, new launch": a stdio server whose command changed is another server and inherits no
//! approvals. If every tool has the digest and the name of a tool that was approved under one
//! earlier command, one question approves them all (wire format, section 6).

use std::fmt::{self, Display, Formatter};

use etdi_judge::{ApprovalRequest, Decision, Judge, JudgedTool, StoreError};
use etdi_types::{ApprovalBasis, ApprovalRecord, ServerIdentity, Subject, ToolDefinition};

/// One question about all tools of a server.
#[derive(Clone, Debug)]
pub struct RelaunchRequest {
    earlier: ServerIdentity,
    requests: Vec<ApprovalRequest>,
}

impl RelaunchRequest {
    /// Returns the server under whose identity these tools were approved.
    #[must_use]
    pub fn earlier(&self) -> &ServerIdentity {
        &self.earlier
    }

    /// Returns the tools, each with its digest.
    pub fn tools(&self) -> impl Iterator<Item = &JudgedTool> {
        self.requests.iter().map(ApprovalRequest::tool)
    }
}

impl RelaunchRequest {
    /// Returns the questions about the single tools. Each holds the terms of its earlier approval.
    #[must_use]
    pub fn requests(&self) -> &[ApprovalRequest] {
        &self.requests
    }

    /// Returns one question about the tools of a stdio server, if all of its tools wait only for
    /// the approval of a person, and each definition is approved, with the same digest and name, on
    /// one other stdio server. It must be the same other server for all tools.
    pub(crate) async fn of(
        decisions: Vec<Decision>,
        judge: &Judge,
    ) -> Result<Option<Self>, StoreError> {
        let mut requests = Vec::with_capacity(decisions.len());
        for decision in decisions {
            let Decision::Ask(request) = decision else { return Ok(None) };
            requests.push(request);
        }
        let Some(approved) = approved_elsewhere(&requests, judge).await? else { return Ok(None) };
        let candidates = approved.first().into_iter().flatten().map(|one| &one.pin.server);
        for earlier in candidates {
            let of_earlier = |all: &Vec<ApprovalRecord>| {
                all.iter().find(|approval| approval.pin.server == *earlier).cloned()
            };
            let Some(records) = approved.iter().map(of_earlier).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let requests = requests.into_iter().zip(&records);
            let requests = requests.map(|(request, earlier)| request.of_relaunch(earlier));
            return Ok(Some(Self { earlier: earlier.clone(), requests: requests.collect() }));
        }
        Ok(None)
    }

    /// Returns whether each earlier approval still counts, with the terms that the person saw. It
    /// may have been revoked since the question was asked.
    pub(crate) async fn still_counts(&self, judge: &Judge) -> Result<bool, StoreError> {
        let Some(approved) = approved_elsewhere(&self.requests, judge).await? else {
            return Ok(false);
        };
        let is_there = |(request, approved): (&ApprovalRequest, &Vec<ApprovalRecord>)| {
            approved.iter().any(|approval| {
                approval.pin.server == self.earlier
                    && request.clone().of_relaunch(approval).terms() == request.terms()
            })
        };
        Ok(self.requests.iter().zip(&approved).all(is_there))
    }
}

/// Returns, for each request, the approvals of the same definition under the same name on other
/// stdio servers, as far as they count. `None` if a tool has no definition.
async fn approved_elsewhere(
    requests: &[ApprovalRequest],
    judge: &Judge,
) -> Result<Option<Vec<Vec<ApprovalRecord>>>, StoreError> {
    let definitions: Option<Vec<_>> =
        requests.iter().map(|request| request.tool().definition()).collect();
    let Some(definitions) = definitions else { return Ok(None) };
    let subjects = definitions.iter().map(|definition| Subject::new(judge.server(), definition));
    let known = judge.settings().store().known(&subjects.collect::<Vec<_>>()).await?;
    let all = definitions.iter().zip(known).map(|(definition, known)| {
        let mut approved = known.elsewhere;
        approved.retain(|approval| counts(approval, definition, judge));
        approved
    });
    Ok(Some(all.collect()))
}

/// Returns whether an approval for another command lets this definition be called there now, after
/// the answer of a person to a question about it. An approval that does not is not restored: it has
/// ended, it grants too little, or it was made by a policy or against a refusal.
fn counts(approval: &ApprovalRecord, definition: &ToolDefinition, judge: &Judge) -> bool {
    let pin = &approval.pin;
    let mut required = definition.signed().into_iter().flat_map(|part| part.required_scopes());
    // The digest does not cover the served name.
    pin.digest == definition.digest()
        && pin.served_name == definition.served_name()
        && matches!(pin.server, ServerIdentity::Stdio(_))
        && approval.context == *judge.context()
        && approval.until.is_none_or(|until| judge.settings().clock().now() < until)
        && required.all(|scope| approval.granted.contains(scope))
        && matches!(approval.basis, ApprovalBasis::Question | ApprovalBasis::Relaunch)
}

impl Display for RelaunchRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "same tools, new launch: approved before on {}", self.earlier)?;
        self.tools().try_for_each(|tool| write!(f, "\n{tool}"))
    }
}

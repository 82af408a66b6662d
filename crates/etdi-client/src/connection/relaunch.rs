//! "Same tools, new launch": a stdio server whose command changed is another server and inherits no
//! approvals. If every tool has the digest and the name of a tool that was approved under one
//! earlier command, one question approves them all (wire format, section 6).

use std::fmt::{self, Display, Formatter};

use etdi_judge::{ApprovalRequest, Decision, Judge, JudgedTool, StoreError};
use etdi_types::{ServerIdentity, Subject};

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
    /// Returns one question about the tools of a stdio server, if all of its tools wait only for
    /// the approval of a person, and each definition is approved, with the same digest and name, on
    /// one other stdio server. It must be the same other server for all tools.
    pub(crate) async fn of(
        decisions: Vec<Decision>,
        judge: &Judge,
    ) -> Result<Option<Self>, StoreError> {
        let mut requests = Vec::with_capacity(decisions.len());
        let mut subjects = Vec::with_capacity(decisions.len());
        for decision in decisions {
            let Decision::Ask(request) = decision else { return Ok(None) };
            let Some(definition) = request.tool().definition() else { return Ok(None) };
            subjects.push(Subject::new(judge.server(), definition));
            requests.push(request.of_relaunch());
        }
        let known = judge.settings().store().known(&subjects).await?;
        let places = |index: usize| -> Vec<&ServerIdentity> {
            let request = requests.get(index);
            let digest = request.and_then(ApprovalRequest::digest);
            // The digest does not cover the served name.
            let name = request.map(|request| request.tool().name());
            let elsewhere = known.get(index).map(|known| known.elsewhere.as_slice());
            elsewhere
                .unwrap_or_default()
                .iter()
                .filter(|approval| Some(approval.pin.digest) == digest)
                .filter(|approval| Some(approval.pin.served_name.as_str()) == name)
                .filter(|approval| approval.context == *judge.context())
                .map(|approval| &approval.pin.server)
                .filter(|server| matches!(server, ServerIdentity::Stdio(_)))
                .collect()
        };
        let earlier = places(0)
            .into_iter()
            .find(|server| (1..requests.len()).all(|index| places(index).contains(server)))
            .cloned();
        Ok(earlier.map(|earlier| Self { earlier, requests }))
    }

    pub(crate) fn requests(&self) -> &[ApprovalRequest] {
        &self.requests
    }
}

impl Display for RelaunchRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "same tools, new launch: approved before on {}", self.earlier)?;
        self.tools().try_for_each(|tool| write!(f, "\n{tool}"))
    }
}

//! "Same tools, new launch": a stdio server whose command changed is another server and inherits
//! nothing. When every tool is to the letter one that was approved under one earlier command, one
//! question approves them all (wire format, section 6).

use std::fmt::{self, Display, Formatter};

use etdi_types::{ServerIdentity, Subject};

use crate::approval::Approval;
use crate::connection::ServerConnection;
use crate::decision::{ApprovalRequest, Decision};
use crate::error::{ApproveError, DiscoverError};
use crate::tool::{ApprovedTool, JudgedTool};

/// One question about all tools of a server.
#[derive(Clone, Debug)]
pub struct RelaunchRequest {
    earlier: ServerIdentity,
    requests: Vec<ApprovalRequest>,
}

impl RelaunchRequest {
    /// The server under whose identity these tools were approved.
    #[must_use]
    pub fn earlier(&self) -> &ServerIdentity {
        &self.earlier
    }

    /// The tools, each with its digest.
    pub fn tools(&self) -> impl Iterator<Item = &JudgedTool> {
        self.requests.iter().map(ApprovalRequest::tool)
    }
}

impl Display for RelaunchRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "same tools, new launch: approved before on {}", self.earlier)?;
        self.tools().try_for_each(|tool| write!(f, "\n{tool}"))
    }
}

impl ServerConnection {
    /// The one question, if there is one to ask: this is a stdio server, none of its tools is
    /// approved, each only wants a person's yes, and each is approved to the letter on one and the
    /// same other stdio server.
    ///
    /// # Errors
    /// [`DiscoverError`] as for [`discover`](Self::discover).
    pub async fn relaunch(&self) -> Result<Option<RelaunchRequest>, DiscoverError> {
        if !matches!(self.server(), ServerIdentity::Stdio(_)) {
            return Ok(None);
        }
        let judged = self.discover().await?;
        let mut requests = Vec::with_capacity(judged.len());
        let mut subjects = Vec::with_capacity(judged.len());
        for tool in &judged {
            match (Decision::on(tool), tool.definition()) {
                (Decision::Ask(request), Some(definition)) => {
                    subjects.push(Subject::new(self.server(), definition));
                    requests.push(request.of_relaunch());
                }
                _ => return Ok(None),
            }
        }
        let known = self.settings.store.known(&subjects).await?;
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
                .filter(|approval| approval.context == self.context)
                .map(|approval| &approval.pin.server)
                .filter(|server| matches!(server, ServerIdentity::Stdio(_)))
                .collect()
        };
        let earlier = places(0)
            .into_iter()
            .find(|server| (1..requests.len()).all(|index| places(index).contains(server)))
            .cloned();
        Ok(earlier.map(|earlier| RelaunchRequest { earlier, requests }))
    }

    /// Approves every tool of the question, as [`approve`](Self::approve) does one by one: what
    /// changed since it was shown is not approved.
    ///
    /// # Errors
    /// The first [`ApproveError`]; tools before it stay approved.
    pub async fn approve_relaunch(
        &self,
        request: RelaunchRequest,
        approval: Approval,
    ) -> Result<Vec<ApprovedTool>, ApproveError> {
        let snapshot = self.read_now().await?;
        let mut approved = Vec::with_capacity(request.requests.len());
        for one in &request.requests {
            approved.push(self.approve_listed(&snapshot, one, &approval).await?);
        }
        Ok(approved)
    }
}

//! Approving what a person was shown.

use etdi_judge::{Approval, ApprovalRequest, ApprovedTool};
use etdi_types::ServerIdentity;

use crate::connection::ServerConnection;
use crate::connection::instructions::InstructionsRequest;
use crate::connection::relaunch::RelaunchRequest;
use crate::error::{ApproveError, DiscoverError};

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
        let reading = self.read_now().await?;
        Ok(self.judge.approve(&reading.snapshot, &request, &approval).await?)
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
        let reading = self.read_now().await?;
        let mut results = Vec::with_capacity(requests.len());
        for request in &requests {
            let result = self.judge.approve(&reading.snapshot, request, approval).await;
            results.push(result.map_err(ApproveError::from));
        }
        Ok(results)
    }

    /// The one question about all tools, if there is one to ask: this is a stdio server, none of its
    /// tools is approved, each only wants a person's yes, and each is approved to the letter on one
    /// and the same other stdio server.
    ///
    /// # Errors
    /// [`DiscoverError`] as for [`discover`](Self::discover).
    pub async fn relaunch(&self) -> Result<Option<RelaunchRequest>, DiscoverError> {
        if !matches!(self.server(), ServerIdentity::Stdio(_)) {
            return Ok(None);
        }
        let reading = self.read_now().await?;
        let decisions = self.judge.decide_all(&reading.snapshot).await?;
        Ok(RelaunchRequest::of(decisions, &self.judge).await?)
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
        let reading = self.read_now().await?;
        let mut approved = Vec::with_capacity(request.requests().len());
        for one in request.requests() {
            approved.push(self.judge.approve(&reading.snapshot, one, &approval).await?);
        }
        Ok(approved)
    }

    /// Records that a person approved the instructions that `request` showed.
    ///
    /// # Errors
    /// [`ApproveError::OtherConnection`] for another server's; [`ApproveError::Store`] if others were
    /// approved in the meantime, or the store fails.
    pub async fn approve_instructions(
        &self,
        request: InstructionsRequest,
        by: impl Into<String>,
    ) -> Result<String, ApproveError> {
        Ok(request.approve(&self.judge, by).await?)
    }
}

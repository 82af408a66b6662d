//! Approves the definitions that a person was shown.

use etdi_judge::{Approval, ApprovalRequest, ApprovedTool};
use etdi_types::ServerIdentity;

use crate::connection::ServerConnection;
use crate::connection::instructions::InstructionsRequest;
use crate::connection::relaunch::RelaunchRequest;
use crate::error::{ApproveError, DiscoverError};

impl ServerConnection {
    /// Records an approval of the definition that `request` showed.
    ///
    /// The listing is always read again. The definition is not approved if the server serves
    /// another one by now, or if the same definition has another verdict than the person saw. It is
    /// not approved either if another definition was approved since the question was asked.
    ///
    /// # Errors
    /// [`ApproveError`]. Only [`ApproveError::Blocked`] may leave a record: an approval that grants
    /// too little stays on record, and the tool stays refused.
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
    /// The results are in the order of the requests. A definition that changed since it was shown
    /// is not approved; the others are.
    ///
    /// # Errors
    /// [`DiscoverError`] if the listing cannot be read. No tool is approved then.
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

    /// Returns one question about all tools, if all of these hold: this is a stdio server, all of
    /// its tools wait only for the approval of a person, and each definition is approved, with the
    /// same digest and name, on one other stdio server. It must be the same other server for all
    /// tools. An approval counts for this only if it has not ended, grants every permission that
    /// the tool requires, and was given in answer to a question.
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

    /// Approves every tool of the question, as [`approve_all`](Self::approve_all) does, with the
    /// granted permissions and the end of its earlier approval. `approval` may give others.
    ///
    /// The results are in the order of [`RelaunchRequest::requests`]. A definition that changed
    /// since it was shown is not approved; the others are.
    ///
    /// # Errors
    /// [`ApproveError::EarlierApproval`] if an earlier approval ended, changed or was revoked since
    /// the question was asked, and [`ApproveError::Discover`] or [`ApproveError::Store`] if the
    /// listing or the store cannot be read. No tool is approved then.
    pub async fn approve_relaunch(
        &self,
        request: RelaunchRequest,
        approval: &Approval,
    ) -> Result<Vec<Result<ApprovedTool, ApproveError>>, ApproveError> {
        if !request.still_counts(&self.judge).await? {
            return Err(ApproveError::EarlierApproval);
        }
        Ok(self.approve_all(request.requests().to_vec(), approval).await?)
    }

    /// Records that a person approved the instructions that `request` showed.
    ///
    /// # Errors
    /// [`ApproveError::OtherConnection`] for instructions of another connection;
    /// [`ApproveError::Store`] if other instructions were approved in the meantime, or the store
    /// fails.
    pub async fn approve_instructions(
        &self,
        request: InstructionsRequest,
        by: impl Into<String>,
    ) -> Result<String, ApproveError> {
        Ok(request.approve(&self.judge, by).await?)
    }
}

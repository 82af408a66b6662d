//! Calling a tool: judged again, then called.

use etdi_types::decision::Action;
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject};

use crate::connection::ServerConnection;
use crate::decision::{ApprovalRequest, Decision, Refusal};
use crate::error::CallError;
use crate::tool::{ApprovedTool, JudgedTool};

impl ServerConnection {
    /// Calls a tool that was let through.
    ///
    /// The listing is read again unless it is young enough, and the tool is judged again: the call
    /// goes out only if the server still lists exactly the definition that was let through, and the
    /// decision on it is still to allow. Between that read and the call the server can still
    /// change.
    ///
    /// # Errors
    /// [`CallError`]; only after [`CallError::Redirected`] and [`CallError::Service`] may the server
    /// have got the call.
    pub async fn call(
        &self,
        tool: &ApprovedTool,
        arguments: JsonObject,
    ) -> Result<CallToolResult, CallError> {
        if *tool.connection() != self.id {
            return Err(CallError::OtherConnection);
        }
        let judged = match self.find(tool.name()).await {
            Ok(Some(judged)) => judged,
            Ok(None) => return Err(CallError::Gone(tool.name().to_owned())),
            Err(error) => return Err(error.into()),
        };
        match Decision::on(&judged) {
            Decision::Allow(now) if now.digest() == tool.digest() => {}
            Decision::Allow(_) => return Err(CallError::Stale(judged)),
            Decision::Ask(request) => return Err(self.ask(request)),
            Decision::Block(refusal) => return Err(self.block(refusal)),
        }
        let begun = self.settings.clock.now();
        let params =
            CallToolRequestParams::new(tool.name().to_owned()).with_arguments(arguments);
        let result = self.link.call(params).await;
        let succeeded = result.as_ref().is_ok_and(|result| result.is_error != Some(true));
        self.reporter.invoked(&judged, self.server(), succeeded, self.settings.clock.now() - begun);
        Ok(result?)
    }

    async fn find(&self, name: &str) -> Result<Option<JudgedTool>, crate::DiscoverError> {
        let snapshot = self.read_for_call().await?;
        // Tools that share a name are each refused, so the first one speaks for all of them.
        match snapshot.tools.iter().find(|listed| listed.name == name) {
            Some(listed) => Ok(Some(self.judge_listed(listed).await?)),
            None => Ok(None),
        }
    }

    fn ask(&self, request: ApprovalRequest) -> CallError {
        self.reporter.asked(request.tool(), self.server());
        CallError::ApprovalRequired(Box::new(request))
    }

    fn block(&self, refusal: Refusal) -> CallError {
        if let Some(tool) = refusal.tool().filter(|tool| tool.action() == Action::Block) {
            self.reporter.violation(tool, self.server());
        }
        CallError::Blocked(Box::new(refusal))
    }
}

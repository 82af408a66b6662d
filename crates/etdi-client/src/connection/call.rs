//! Calls a tool, after judging it again.

use etdi_judge::{ApprovalRequest, ApprovedTool, Decision, JudgedTool, Refusal};
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject, RequestMetaObject};
use time::OffsetDateTime;

use crate::connection::ServerConnection;
use crate::error::{CallError, DiscoverError};
use crate::wire::credentials::forgotten;

/// The limit of reads of a listing for one call, if it changes while it is judged.
const MAX_READS: usize = 4;

impl ServerConnection {
    /// Calls a tool that was let through.
    ///
    /// The listing is read again unless it is young enough, and the tool is judged again. The call
    /// goes out only if the server still lists exactly the definition that was let through, and the
    /// decision on it is still to allow. The server can still change between that read and the
    /// call.
    ///
    /// # Errors
    /// [`CallError`]. Only with [`CallError::Redirected`] and [`CallError::Service`] may the server
    /// have received the call.
    pub async fn call(
        &self,
        tool: &ApprovedTool,
        arguments: JsonObject,
    ) -> Result<CallToolResult, CallError> {
        self.call_with_meta(tool, arguments, RequestMetaObject::new()).await
    }

    /// Calls a tool as [`call`](Self::call) does, with a `_meta` for the server: a trace, or from
    /// MCP 2026-07-28 on the level of the log messages that the call asks for. The progress token
    /// and the members that identify the client are set here and replace those of `meta`.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn call_with_meta(
        &self,
        tool: &ApprovedTool,
        arguments: JsonObject,
        meta: RequestMetaObject,
    ) -> Result<CallToolResult, CallError> {
        if tool.connection() != self.judge.connection() {
            return Err(CallError::OtherConnection);
        }
        let mut judged = self.admit(tool).await?;
        if self.need_scopes(&judged).await? {
            // Obtaining a token takes time, and the server may have changed meanwhile.
            judged = self.admit(tool).await?;
        }
        let begun = self.now();
        let mut params =
            CallToolRequestParams::new(tool.name().to_owned()).with_arguments(arguments);
        params.meta = Some(meta).filter(|meta| !meta.is_empty());
        let mut result = self.send(tool, &mut judged, params.clone()).await;
        if let Err(CallError::SessionEnded) = &result {
            judged = self.admit(tool).await?;
            result = self.send(tool, &mut judged, params.clone()).await;
        }
        if let Err(CallError::InsufficientScope { scopes }) = &result
            && self.answer_challenge(scopes, &judged).await?
        {
            judged = self.admit(tool).await?;
            result = self.send(tool, &mut judged, params).await;
        }
        let succeeded = result.as_ref().is_ok_and(|result| result.is_error != Some(true));
        self.judge.reporter().invoked(&judged, succeeded, self.now() - begun);
        result
    }

    /// Returns the tool as the server lists it now, if its definition is the one that was let
    /// through and the decision is still to allow.
    async fn admit(&self, tool: &ApprovedTool) -> Result<JudgedTool, CallError> {
        match self.find(tool.name()).await? {
            Decision::Allow(now) if now.digest() == tool.digest() => Ok(now.judged().clone()),
            Decision::Allow(now) => Err(CallError::Stale(now.judged().clone())),
            Decision::Ask(request) => Err(self.ask(request)),
            Decision::Block(refusal) => Err(self.block(refusal)),
        }
    }

    /// Obtains a token with every scope that the tool requires and a person granted, before the
    /// call goes out. Returns whether the token is a new one.
    async fn need_scopes(&self, judged: &JudgedTool) -> Result<bool, CallError> {
        let Some(tokens) = &self.tokens else { return Ok(false) };
        let mut needed = required_scopes(judged);
        needed.retain(|scope| judged.grants(scope));
        Ok(tokens.obtain(needed).await?)
    }

    /// Obtains a token after a challenge, with the scopes that the server names as well, if a
    /// person granted all of them. A server that names more scopes has not run the tool. Returns
    /// whether the call is worth repeating.
    async fn answer_challenge(&self, scopes: &str, judged: &JudgedTool) -> Result<bool, CallError> {
        let Some(tokens) = &self.tokens else { return Ok(false) };
        let named: Vec<String> =
            scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        // Scopes that the host itself asks for from the start count as granted.
        let is_granted = |scope: &String| judged.grants(scope) || tokens.is_from_the_host(scope);
        if !named.iter().all(is_granted) {
            return Ok(false);
        }
        Ok(tokens.obtain(named).await?)
    }

    /// Sends a call. If the server refuses its token as invalid and the token was forgotten, judges
    /// the tool again, and sends the call once more with another token.
    async fn send(
        &self,
        tool: &ApprovedTool,
        judged: &mut JudgedTool,
        params: CallToolRequestParams,
    ) -> Result<CallToolResult, CallError> {
        match self.link.call(params.clone()).await {
            Err(error) if forgotten(&error).is_some() => {
                *judged = self.admit(tool).await?;
                Ok(self.link.call(params).await?)
            }
            result => Ok(result?),
        }
    }

    /// Returns the decision about the tool on a listing that is young enough, and that the server
    /// did not call outdated while the tool was judged.
    async fn find(&self, name: &str) -> Result<Decision, CallError> {
        for _ in 0..MAX_READS {
            let reading = self.reads.for_call(&self.link, &self.judge).await;
            let reading = reading.map_err(DiscoverError::from)?;
            let Some(listed) = reading.snapshot.find(name) else {
                return Err(CallError::Gone(name.to_owned()));
            };
            let decision = self.judge.decide_listed(listed).await.map_err(DiscoverError::from)?;
            if !reading.is_outdated(&self.link) {
                return Ok(decision);
            }
        }
        Err(CallError::Unsettled)
    }

    fn now(&self) -> OffsetDateTime {
        self.judge.settings().clock().now()
    }

    fn ask(&self, request: ApprovalRequest) -> CallError {
        self.judge.reporter().asked(request.tool());
        CallError::ApprovalRequired(Box::new(request))
    }

    fn block(&self, refusal: Refusal) -> CallError {
        self.judge.reporter().violation(refusal.tool());
        CallError::Blocked(Box::new(refusal))
    }
}

fn required_scopes(judged: &JudgedTool) -> Vec<String> {
    let part = judged.definition().and_then(|definition| definition.signed());
    part.into_iter().flat_map(|part| part.required_scopes()).map(ToString::to_string).collect()
}

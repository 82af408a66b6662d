//! The wrapper around a server author's handler.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::model::*;
use rmcp::service::{MaybeSendFuture, NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use crate::admission::refusal;
use crate::attest::not_attested;
use crate::check::Examination;
use crate::problem::ToolProblem;
use crate::report::tool_ref;
use crate::server::SecureServer;

/// The JSON-RPC error code of a listing that is refused because one of its tools may not be
/// published.
pub const LISTING_REFUSED: i32 = 5001;

/// The JSON-RPC error code of a call that is refused because the tool is not published.
pub const CALL_REFUSED: i32 = 5002;

/// The number of times that one request lists the handler's tools, if `replace_tool` changes them
/// while the request waits for an attestation.
const LISTINGS: usize = 3;

/// A [`ServerHandler`] that publishes and enforces tool definitions for another handler.
///
/// [`SecureServer::wrap`] makes it. The wrapper answers `tools/list` with definitions, lets
/// `tools/call` through only to published tools, and passes all other requests to the wrapped
/// handler unchanged. Each method of the trait is forwarded by hand: without that, the trait's
/// default would silently answer in place of the author's method.
///
/// The wrapper has no state of its own, so it may be made once per session or once per request, as
/// rmcp's HTTP service does.
#[derive(Clone, Debug)]
pub struct Secured<H> {
    pub(crate) secure: SecureServer,
    pub(crate) handler: H,
    examination: Option<Arc<Examination>>,
    pub(crate) attests: bool,
}

impl<H> Secured<H> {
    /// Returns the wrapped handler.
    pub fn handler(&self) -> &H {
        &self.handler
    }

    pub(crate) fn new(secure: SecureServer, handler: H) -> Self {
        let attests = secure.attests();
        Self { secure, handler, examination: None, attests }
    }

    /// Returns a wrapper that publishes without an attestation.
    pub(crate) fn unattested(self) -> Self {
        Self { attests: false, ..self }
    }

    /// Returns a wrapper that examines the tools without publishing them.
    pub(crate) fn examined(
        secure: SecureServer,
        handler: H,
        examination: &Arc<Examination>,
    ) -> Self {
        Self { secure, handler, examination: Some(Arc::clone(examination)), attests: false }
    }

    pub(crate) fn publish(&self, tools: &mut [Tool]) -> Result<(), ToolProblem> {
        let mut catalog = self.secure.catalog();
        if let Some(examination) = &self.examination {
            examination.page(&catalog, tools);
            return Ok(());
        }
        catalog.publish(tools).inspect_err(|problem| {
            self.secure.reporter().refused(tool_ref(&catalog, problem.tool()), problem);
        })
    }
}

impl<H: ServerHandler> ServerHandler for Secured<H> {
    // Methods to which ETDI adds.

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        for _ in 0..LISTINGS {
            let mut result = self.handler.list_tools(request.clone(), context.clone()).await?;
            self.publish(&mut result.tools)
                .map_err(|problem| refusal(LISTING_REFUSED, &problem))?;
            if !self.attests {
                return Ok(result);
            }
            self.attest(result.tools.iter().map(|tool| &*tool.name), &context).await?;
            if self.secure.catalog().attach_attestation(&mut result.tools) {
                return Ok(result);
            }
        }
        Err(not_attested())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.clone();
        let principal = self.secure.authorize(&name, &context)?;
        self.admit(&name, &context).await?;
        let result = self.handler.call_tool(request, context).await;
        let succeeded = match &result {
            Ok(CallToolResponse::Complete(result)) => result.is_error != Some(true),
            Ok(_) => true,
            Err(_) => false,
        };
        let tool = tool_ref(&self.secure.catalog(), &name);
        self.secure.reporter().invoked(tool, principal.as_ref(), succeeded);
        result
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let mut tool = [self.handler.get_tool(name)?];
        // Return `None` for a refused tool. rmcp reads only the schema here, to check the headers
        // of a call, and `call_tool` refuses the call.
        self.publish(&mut tool).ok()?;
        let [tool] = tool;
        Some(tool)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // If rmcp cannot read the parameters, it passes these requests on as custom requests. The
        // author's handler must not get them unchecked.
        if matches!(&*request.method, "tools/list" | "tools/call") {
            let message = format!("the parameters of {} are malformed", request.method);
            return Err(ErrorData::invalid_params(message, None));
        }
        self.handler.on_custom_request(request, context).await
    }

    // Methods that are forwarded unchanged.

    fn ping(
        &self,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + MaybeSendFuture + '_ {
        self.handler.ping(context)
    }

    fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<InitializeResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.initialize(request, context)
    }

    fn negotiate_initialize(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        self.handler.negotiate_initialize(request)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.handler.supported_protocol_versions()
    }

    fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<DiscoverResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.discover(context)
    }

    fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CompleteResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.complete(request, context)
    }

    #[expect(deprecated, reason = "legacy clients still set a log level")]
    fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + MaybeSendFuture + '_ {
        self.handler.set_level(request, context)
    }

    fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<GetPromptResponse, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.get_prompt(request, context)
    }

    fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListPromptsResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.list_prompts(request, context)
    }

    fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListResourcesResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.list_resources(request, context)
    }

    fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListResourceTemplatesResult, ErrorData>> + MaybeSendFuture + '_
    {
        self.handler.list_resource_templates(request, context)
    }

    fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ReadResourceResponse, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.read_resource(request, context)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.handler.accepted_subscription_filter(requested)
    }

    fn listen(
        &self,
        context: SubscriptionContext,
    ) -> impl Future<Output = Result<(), ErrorData>> + MaybeSendFuture + '_ {
        self.handler.listen(context)
    }

    #[expect(deprecated, reason = "legacy clients still subscribe this way")]
    fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + MaybeSendFuture + '_ {
        self.handler.subscribe(request, context)
    }

    #[expect(deprecated, reason = "legacy clients still unsubscribe this way")]
    fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + MaybeSendFuture + '_ {
        self.handler.unsubscribe(request, context)
    }

    fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        context: NotificationContext<RoleServer>,
    ) -> impl Future<Output = ()> + MaybeSendFuture + '_ {
        self.handler.on_cancelled(notification, context)
    }

    fn on_progress(
        &self,
        notification: ProgressNotificationParam,
        context: NotificationContext<RoleServer>,
    ) -> impl Future<Output = ()> + MaybeSendFuture + '_ {
        self.handler.on_progress(notification, context)
    }

    fn on_initialized(
        &self,
        context: NotificationContext<RoleServer>,
    ) -> impl Future<Output = ()> + MaybeSendFuture + '_ {
        self.handler.on_initialized(context)
    }

    fn on_roots_list_changed(
        &self,
        context: NotificationContext<RoleServer>,
    ) -> impl Future<Output = ()> + MaybeSendFuture + '_ {
        self.handler.on_roots_list_changed(context)
    }

    fn on_custom_notification(
        &self,
        notification: CustomNotification,
        context: NotificationContext<RoleServer>,
    ) -> impl Future<Output = ()> + MaybeSendFuture + '_ {
        self.handler.on_custom_notification(notification, context)
    }

    fn get_info(&self) -> ServerConfig {
        self.handler.get_info()
    }

    fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<GetTaskResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.get_task(request, context)
    }

    fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + MaybeSendFuture + '_ {
        self.handler.update_task(request, context)
    }

    fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + MaybeSendFuture + '_ {
        self.handler.cancel_task(request, context)
    }

    fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListSkillsResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.list_skills(request, context)
    }

    fn get_skill(
        &self,
        request: GetSkillRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<GetSkillResult, ErrorData>> + MaybeSendFuture + '_ {
        self.handler.get_skill(request, context)
    }

    fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ReadResourceDirectoryResult, ErrorData>> + MaybeSendFuture + '_
    {
        self.handler.read_resource_directory(request, context)
    }
}

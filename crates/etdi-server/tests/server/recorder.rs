//! A handler that records every call, and whose answers all differ from the trait's defaults.

use std::borrow::Cow;

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::*,
    service::{NotificationContext, RequestContext, SubscriptionContext},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

#[derive(Clone)]
pub struct Recorder {
    log: watch::Sender<Vec<String>>,
}

impl Recorder {
    pub fn new() -> Self {
        Self { log: watch::Sender::new(Vec::new()) }
    }

    /// Waits until `method` has been called, and returns the parameters.
    pub async fn heard(&self, method: &str) -> String {
        let mut log = self.log.subscribe();
        let heard = log.wait_for(|log| log.iter().any(|line| line.starts_with(method)));
        let log = tokio::time::timeout(std::time::Duration::from_secs(30), heard).await;
        let log = log.unwrap_or_else(|_| panic!("{method} was never called")).unwrap();
        log.iter().find(|line| line.starts_with(method)).unwrap().clone()
    }

    /// Returns all calls so far, in an order that does not depend on scheduling.
    pub fn log(&self) -> Vec<String> {
        let mut log = self.log.borrow().clone();
        log.sort();
        log
    }

    fn note(&self, method: &str, what: impl serde::Serialize) {
        let line = format!("{method} {}", serde_json::to_string(&what).unwrap());
        self.log.send_modify(|log| log.push(line));
    }
}

fn answer<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn tool(name: &str) -> Tool {
    answer(
        json!({"name": name, "title": "T", "inputSchema": {"type": "object"}, "_meta": {"x": 1}}),
    )
}

#[expect(deprecated, reason = "the deprecated methods are forwarded too")]
impl ServerHandler for Recorder {
    async fn ping(&self, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.note("ping", context.id);
        Err(ErrorData::new(ErrorCode(71), "pinged", None))
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        self.note("initialize", &request);
        context.peer.set_peer_info(request.clone());
        let mut result = self.negotiate_initialize(&request)?;
        result.instructions = Some("from initialize".to_owned());
        Ok(result)
    }

    fn negotiate_initialize(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        self.note("negotiate_initialize", request);
        let mut result = self.get_info();
        result.protocol_version = ProtocolVersion::V_2025_11_25;
        result.server_info.name = "negotiated".to_owned();
        Ok(result)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(&[ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28])
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        self.note("discover", context.id);
        let versions = self.supported_protocol_versions().into_owned();
        let mut result = DiscoverResult::from_server_info(versions, self.get_info());
        result.instructions = Some("from discover".to_owned());
        Ok(result)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.note("complete", request);
        Ok(answer(json!({"completion": {"values": ["completed"], "total": 1}})))
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.note("set_level", request);
        Ok(())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.note("get_prompt", request);
        Ok(GetPromptResult::default().with_description("prompted").into())
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.note("list_prompts", request);
        Ok(answer(json!({"prompts": [{"name": "p"}], "nextCursor": "n"})))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.note("list_resources", request);
        Ok(answer(json!({"resources": [{"uri": "r://1", "name": "r"}]})))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.note("list_resource_templates", request);
        Ok(answer(json!({"resourceTemplates": [{"uriTemplate": "r://{x}", "name": "t"}]})))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.note("read_resource", request);
        let result: ReadResourceResult =
            answer(json!({"contents": [{"uri": "r://1", "text": "read"}]}));
        Ok(result.into())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.note("accepted_subscription_filter", requested);
        let mut accepted = requested.clone();
        accepted.prompts_list_changed = None;
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.note("listen", context.accepted());
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.note("subscribe", request);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.note("unsubscribe", request);
        Ok(())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.note("call_tool", request);
        Ok(CallToolResult::success(vec![ContentBlock::text("called")]).into())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.note("list_tools", request);
        Ok(ListToolsResult::with_all_items(vec![tool("scan"), tool("echo")]))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.note("get_tool", name);
        Some(tool(name))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.note("on_custom_request", request);
        Ok(CustomResult::new(json!({"custom": true})))
    }

    async fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        _: NotificationContext<RoleServer>,
    ) {
        self.note("on_cancelled", notification);
    }

    async fn on_progress(
        &self,
        notification: ProgressNotificationParam,
        _: NotificationContext<RoleServer>,
    ) {
        self.note("on_progress", notification);
    }

    async fn on_initialized(&self, _: NotificationContext<RoleServer>) {
        self.note("on_initialized", ());
    }

    async fn on_roots_list_changed(&self, _: NotificationContext<RoleServer>) {
        self.note("on_roots_list_changed", ());
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        _: NotificationContext<RoleServer>,
    ) {
        self.note("on_custom_notification", notification);
    }

    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions()
            .enable_logging()
            .enable_tasks()
            .enable_skills_with_directory_read()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("recorder", "9.8.7"))
            .with_instructions("recorded")
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.note("get_task", request);
        let at = "2026-01-01T00:00:00Z";
        Ok(answer(json!({
            "taskId": "t", "status": "working", "createdAt": at, "lastUpdatedAt": at, "ttlMs": 5,
        })))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.note("update_task", request);
        Ok(())
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.note("cancel_task", request);
        Ok(())
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        self.note("list_skills", request);
        Ok(ListSkillsResult::with_all_items(vec![skill()]))
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        self.note("get_skill", request);
        Ok(GetSkillResult::new(skill()))
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceDirectoryResult, ErrorData> {
        self.note("read_resource_directory", request);
        Ok(answer(json!({"resources": [{"uri": "skill://s/a", "name": "in directory"}]})))
    }
}

fn skill() -> Skill {
    Skill::new("skill://s/SKILL.md", SkillFrontmatter::new("s", "a skill"), SkillResources::Dynamic)
}

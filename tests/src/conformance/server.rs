//! The server under test, as its author would write it with rmcp alone.
#![expect(deprecated, reason = "revision 2025-11-25 still has logging, sampling and subscriptions")]

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock,
    CreateMessageRequestParams, GetPromptRequestParams, GetPromptResponse, GetPromptResult,
    Implementation, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, LoggingLevel, LoggingMessageNotificationParam, PaginatedRequestParams,
    ProgressNotificationParam, PromptMessage, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ResourceContents, Role, SamplingMessage, ServerConfig,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::fixtures::FIXTURES;
use super::rounds::{Round, States};

/// A server with every tool, prompt and resource that the suite asks for. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    states: States,
    changes: broadcast::Sender<Change>,
    /// The least severe log level that a client of revision 2025-11-25 asked for.
    level: Mutex<LoggingLevel>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Tools,
    Prompts,
}

type Context = RequestContext<RoleServer>;

impl Default for Server {
    fn default() -> Self {
        let (states, level) = (States::default(), Mutex::new(LoggingLevel::Debug));
        let changes = broadcast::Sender::new(16);
        Self { shared: Arc::new(Shared { states, changes, level }) }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let named = Implementation::new("etdi-conformance-server", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(FIXTURES.capabilities.clone()).with_server_info(named)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(FIXTURES.tools.clone()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        FIXTURES.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.clone();
        if let Some(contents) = FIXTURES.answers.get(&*name) {
            return Ok(CallToolResult::success(contents.clone()).into());
        }
        match &*name {
            "test_error_handling" => {
                let text = "This tool intentionally returns an error for testing";
                Ok(CallToolResult::error(vec![ContentBlock::text(text)]).into())
            }
            "test_tool_with_logging" => {
                for said in ["Tool execution started", "Tool processing data"] {
                    self.log(said, &context).await?;
                }
                self.log("Tool execution completed", &context).await?;
                Ok(text("Three messages were logged."))
            }
            "test_logging_tool" => {
                self.log("The tool ran", &context).await?;
                Ok(text("A message was logged, if the request asked for it."))
            }
            "test_tool_with_progress" => progress(&context).await,
            "test_sampling" => sample(&request, &context).await,
            "test_missing_capability" => {
                let client = context.client_capabilities().unwrap_or_default();
                if client.sampling.is_none() {
                    let needed = ClientCapabilities::builder().enable_sampling().build();
                    return Err(ErrorData::missing_required_client_capability(needed));
                }
                Ok(text("The client can sample."))
            }
            "test_trigger_tool_change" => Ok(self.announce(Change::Tools)),
            "test_trigger_prompt_change" => Ok(self.announce(Change::Prompts)),
            "test_streaming_elicitation" => self.rounds("elicitation", request, &context),
            other => match other.strip_prefix("test_input_required_result_") {
                Some(kind) => self.rounds(kind, request, &context),
                None => elicit(&request, &context).await,
            },
        }
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(FIXTURES.prompts.clone()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let argument = |name: &str| {
            let value = request.arguments.as_ref().and_then(|given| given.get(name)?.as_str());
            value.ok_or_else(|| ErrorData::invalid_params(format!("{name} is missing"), None))
        };
        let contents = match &*request.name {
            "test_simple_prompt" => {
                vec![ContentBlock::text("This is a simple prompt for testing.")]
            }
            "test_prompt_with_arguments" => {
                let (first, second) = (argument("arg1")?, argument("arg2")?);
                let said = format!("Prompt with arguments: arg1='{first}', arg2='{second}'");
                vec![ContentBlock::text(said)]
            }
            "test_prompt_with_embedded_resource" => {
                let resource = ResourceContents::TextResourceContents {
                    uri: argument("resourceUri")?.to_owned(),
                    mime_type: Some("text/plain".to_owned()),
                    text: "Embedded resource content for testing.".to_owned(),
                    meta: None,
                };
                let ask = "Please process the embedded resource above.";
                vec![ContentBlock::resource(resource), ContentBlock::text(ask)]
            }
            "test_prompt_with_image" => {
                let image = ContentBlock::image(FIXTURES.image.clone(), "image/png");
                vec![image, ContentBlock::text("Please analyze the image above.")]
            }
            "test_input_required_result_prompt" => {
                let client = context.client_capabilities();
                let (given, state) = (request.input_responses, request.request_state.as_deref());
                let rounds = &FIXTURES.rounds["prompt"];
                match self.shared.states.round(rounds, client.as_ref(), given, state)? {
                    Round::Ask(ask) => return Ok(ask.into()),
                    Round::Done { responses, .. } => {
                        vec![ContentBlock::text(format!("The context: {}", json!(responses)))]
                    }
                }
            }
            other => {
                let message = format!("no prompt is named {other}");
                return Err(ErrorData::invalid_params(message, None));
            }
        };
        let message = |content| PromptMessage::new(Role::User, content);
        Ok(GetPromptResult::new(contents.into_iter().map(message).collect()).into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let values = ["paris", "park", "party"]
            .into_iter()
            .filter(|value| value.starts_with(&request.argument.value));
        let values = values.map(str::to_owned).collect();
        let completion = CompletionInfo::new(values).map_err(|error| internal(&error))?;
        Ok(CompleteResult::new(completion))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(FIXTURES.resources.clone()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(FIXTURES.templates.clone()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let (kind, text) = match (&*uri, id) {
            ("test://static-binary", _) => {
                let contents = ResourceContents::BlobResourceContents {
                    uri,
                    mime_type: Some("image/png".to_owned()),
                    blob: FIXTURES.image.clone(),
                    meta: None,
                };
                return Ok(ReadResourceResult::new(vec![contents]).into());
            }
            ("test://static-text", _) => {
                ("text/plain", "This is the content of the static text resource.".to_owned())
            }
            ("test://watched-resource", _) => ("text/plain", "Nothing changed.".to_owned()),
            (_, Some(id)) => {
                let data = format!("Data for ID: {id}");
                let json = json!({ "id": id, "templateTest": true, "data": data });
                ("application/json", json.to_string())
            }
            _ => {
                let data = json!({ "uri": uri });
                return Err(ErrorData::resource_not_found("Resource not found", Some(data)));
            }
        };
        let mime_type = Some(kind.to_owned());
        let contents = ResourceContents::TextResourceContents { uri, mime_type, text, meta: None };
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        *self.shared.level.lock().unwrap_or_else(PoisonError::into_inner) = request.level;
        Ok(())
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&FIXTURES.capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.shared.changes.subscribe();
        let (sink, accepted) = (context.sink(), context.accepted());
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                () = context.cancelled() => return Ok(()),
            };
            let sent = match change {
                Ok(Change::Tools) if accepted.tools_list_changed == Some(true) => {
                    sink.notify_tool_list_changed().await
                }
                Ok(Change::Prompts) if accepted.prompts_list_changed == Some(true) => {
                    sink.notify_prompt_list_changed().await
                }
                _ => Ok(()),
            };
            if sent.is_err() {
                return Ok(());
            }
        }
    }
}

impl Server {
    fn announce(&self, change: Change) -> CallToolResponse {
        // The send fails if there are no listeners, which is not an error here.
        self.shared.changes.send(change).ok();
        text("The change was announced.")
    }

    /// Sends a log message, if the client's log level includes it.
    async fn log(&self, message: &str, context: &Context) -> Result<(), ErrorData> {
        let wanted = match context.meta.protocol_version() {
            // From 2026-07-28 on, each request carries the level.
            Some(_) => context.meta.log_level(),
            None => Some(*self.shared.level.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        let order = |level| json!(level).as_str().and_then(severity).unwrap_or(0);
        if wanted.is_none_or(|wanted| order(wanted) > order(LoggingLevel::Info)) {
            return Ok(());
        }
        let params = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
        let sent = context.peer.notify_logging_message(params).await;
        sent.map_err(|error| internal(&error))
    }

    fn rounds(
        &self,
        kind: &str,
        request: CallToolRequestParams,
        context: &Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(rounds) = FIXTURES.rounds.get(kind) else {
            return Err(no_tool(&request.name));
        };
        let client = context.client_capabilities();
        let (given, state) = (request.input_responses, request.request_state.as_deref());
        match self.shared.states.round(rounds, client.as_ref(), given, state)? {
            Round::Ask(ask) => Ok(ask.into()),
            Round::Done { responses, state } => {
                let answers = json!(responses);
                Ok(text(if state { format!("state-ok: {answers}") } else { answers.to_string() }))
            }
        }
    }
}

/// Returns the rank of a log level of RFC 5424. The least severe level has rank 0.
fn severity(level: &str) -> Option<usize> {
    let levels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    levels.iter().position(|one| *one == level)
}

async fn progress(context: &Context) -> Result<CallToolResponse, ErrorData> {
    if let Some(token) = context.meta.get_progress_token() {
        for done in [0.0, 50.0, 100.0] {
            let mut params = ProgressNotificationParam::new(token.clone(), done);
            params.total = Some(100.0);
            let sent = context.peer.notify_progress(params).await;
            sent.map_err(|error| internal(&error))?;
        }
    }
    Ok(text("The progress was reported, if the request asked for it."))
}

async fn sample(
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let prompt = argument(request, "prompt").unwrap_or("Hello");
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    let answer = context.peer.create_message(params).await.map_err(|error| internal(&error))?;
    Ok(text(format!("LLM response: {}", json!(answer.message.content))))
}

/// Asks the user the question of this tool's fixture.
async fn elicit(
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<CallToolResponse, ErrorData> {
    let Some(params) = FIXTURES.elicitations.get(&*request.name) else {
        return Err(no_tool(&request.name));
    };
    let mut params = json!(params);
    if let Some(message) = argument(request, "message") {
        params["message"] = message.into();
    }
    let params = serde_json::from_value(params).map_err(|error| internal(&error))?;
    let answer = context.peer.create_elicitation(params).await.map_err(|error| internal(&error))?;
    let (action, content) = (json!(answer.action), answer.content.unwrap_or(Value::Null));
    let action = action.as_str().unwrap_or_default();
    Ok(text(format!("Elicitation completed: action={action}, content={content}")))
}

fn argument<'a>(request: &'a CallToolRequestParams, name: &str) -> Option<&'a str> {
    request.arguments.as_ref()?.get(name)?.as_str()
}

fn text(text: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(text)]).into()
}

fn no_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("no tool is named {name}"), None)
}

fn internal(error: &impl ToString) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

//! A server that uses every feature of MCP, so that the tests see any feature that ETDI loses. Its
//! texts are in `peers/rich.json`, which the server in Python uses as well.
#![expect(deprecated, reason = "what newer revisions of MCP drop must pass as well")]

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rmcp::model::*;
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The number of tools on one page of the listing.
pub const PAGE: usize = 5;

static SAID: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../peers/rich.json")).unwrap_or_default());

/// Returns the names of the tools.
pub fn tool_names() -> impl Iterator<Item = &'static str> {
    let tools = SAID.get("tools").and_then(Value::as_array).into_iter().flatten();
    tools.filter_map(|tool| tool.get("name")?.as_str())
}

/// The handler. Clones share their records.
#[derive(Clone, Debug, Default)]
pub struct Rich {
    cancelled: Arc<Seen>,
    released: Arc<Seen>,
    heard: Arc<Seen>,
}

type Request = RequestContext<RoleServer>;
type Answer<T> = Result<T, ErrorData>;

impl ServerHandler for Rich {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_completions()
            .enable_logging()
            .build();
        ServerConfig::new(capabilities)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: Request,
    ) -> Answer<ListToolsResult> {
        let cursor = request.and_then(|request| request.cursor);
        let start = match &cursor {
            None => 0,
            Some(cursor) => cursor.parse::<usize>().map_err(|_| unknown("cursor", cursor))?,
        };
        let tools: Vec<Tool> = said("tools")?;
        let next = Some(start + PAGE).filter(|next| *next < tools.len());
        let page = tools.into_iter().skip(start).take(PAGE).collect();
        let mut result = ListToolsResult::with_all_items(page);
        result.next_cursor = next.map(|next| next.to_string());
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Request,
    ) -> Answer<CallToolResponse> {
        let result = match &*request.name {
            "media" | "structured" | "failing" => complete(&SAID["results"][&*request.name])?,
            "broken" => {
                let data = json!({"vendor.example/retry": [1, null]});
                return Err(ErrorData::new(ErrorCode(-31999), "broken ✓", Some(data)));
            }
            "large" => large(&request),
            "stream" => self.stream(&context).await?,
            "release" => {
                self.released.add(json!(true));
                result(json!({"released": true}))
            }
            "log" => log(&context).await?,
            "slow" => self.slow(&context).await?,
            "cancelled" => result(json!({"cancelled": self.cancelled.next().await})),
            "ask" => return ask(&request, &context).await,
            "sample" => return sample(&request, &context).await,
            "roots" => return roots(&request, &context).await,
            "echo" => echo(&request, &context),
            "reach" => reach(&context).await?,
            "heard" => result(self.heard.next().await),
            name => return Err(unknown("tool", name)),
        };
        Ok(result.into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Request,
    ) -> Answer<ListPromptsResult> {
        Ok(ListPromptsResult::with_all_items(said("prompts")?))
    }

    async fn get_prompt(&self, _: GetPromptRequestParams, _: Request) -> Answer<GetPromptResponse> {
        Ok(complete::<GetPromptResult>(&SAID["prompt"])?.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Request,
    ) -> Answer<ListResourcesResult> {
        Ok(ListResourcesResult::with_all_items(said("resources")?))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Request,
    ) -> Answer<ListResourceTemplatesResult> {
        Ok(ListResourceTemplatesResult::with_all_items(said("templates")?))
    }

    async fn read_resource(
        &self,
        _: ReadResourceRequestParams,
        _: Request,
    ) -> Answer<ReadResourceResponse> {
        Ok(complete::<ReadResourceResult>(&SAID["resource"])?.into())
    }

    async fn complete(&self, _: CompleteRequestParams, _: Request) -> Answer<CompleteResult> {
        complete(&SAID["completion"])
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: Request) -> Answer<()> {
        Ok(())
    }

    async fn on_custom_request(&self, request: CustomRequest, _: Request) -> Answer<CustomResult> {
        Ok(CustomResult::new(json!({"method": request.method, "params": request.params})))
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        _: NotificationContext<RoleServer>,
    ) {
        self.heard.add(json!({"method": notification.method, "params": notification.params}));
    }
}

impl Rich {
    /// Reports that it runs, and ends only when the call is cancelled.
    async fn slow(&self, context: &Request) -> Answer<CallToolResult> {
        progress(context, &json!({"progress": 1, "message": "running"})).await?;
        context.ct.cancelled().await;
        self.cancelled.add(json!("slow"));
        Err(ErrorData::internal_error("cancelled", None))
    }

    /// Reports each step, and then waits until the client releases the next one, so that the client
    /// sees the steps in order.
    async fn stream(&self, context: &Request) -> Answer<CallToolResult> {
        for step in SAID["progress"].as_array().into_iter().flatten() {
            progress(context, step).await?;
            self.released.next().await;
        }
        Ok(CallToolResult::success(vec![ContentBlock::text("streamed")]))
    }
}

fn large(request: &CallToolRequestParams) -> CallToolResult {
    let characters = request.arguments.as_ref().and_then(|given| given.get("characters"));
    let characters = characters.and_then(Value::as_u64).unwrap_or_default();
    let text = "0123456789abcdef".chars().cycle().take(usize::try_from(characters).unwrap_or(0));
    CallToolResult::success(vec![ContentBlock::text(text.collect::<String>())])
}

async fn progress(context: &Request, step: &Value) -> Answer<()> {
    let Some(token) = context.meta.get_progress_token() else { return Ok(()) };
    let mut step = step.clone();
    step["progressToken"] = json!(token);
    context.peer.notify_progress(parsed(step)?).await.map_err(failed)
}

async fn log(context: &Request) -> Answer<CallToolResult> {
    for message in said::<Vec<LoggingMessageNotificationParam>>("logs")? {
        context.peer.notify_logging_message(message).await.map_err(failed)?;
    }
    Ok(CallToolResult::success(vec![ContentBlock::text("logged")]))
}

async fn ask(request: &CallToolRequestParams, context: &Request) -> Answer<CallToolResponse> {
    let params: ElicitRequestParams = said("elicitation")?;
    if let Some(question) = question(request, context, || {
        InputRequest::Elicitation(ElicitRequest::new(params.clone()))
    })? {
        return Ok(question);
    }
    let asked = ServerRequest::ElicitRequest(ElicitRequest::new(params));
    let answer = context.peer.send_request(asked).await.map_err(failed)?;
    Ok(result(json!(answer)).into())
}

async fn sample(request: &CallToolRequestParams, context: &Request) -> Answer<CallToolResponse> {
    let params: CreateMessageRequestParams = said("sampling")?;
    if let Some(question) = question(request, context, || {
        InputRequest::CreateMessage(CreateMessageRequest::new(params.clone()))
    })? {
        return Ok(question);
    }
    let answer = context.peer.create_message(params).await.map_err(failed)?;
    Ok(result(json!(answer)).into())
}

async fn roots(request: &CallToolRequestParams, context: &Request) -> Answer<CallToolResponse> {
    let listing = || InputRequest::ListRoots(ListRootsRequest::default());
    if let Some(question) = question(request, context, listing)? {
        return Ok(question);
    }
    let answer = context.peer.list_roots().await.map_err(failed)?;
    Ok(result(json!(answer)).into())
}

/// Returns a result that asks the client a question, or, if this call brings the answer, a result with
/// the answer. Returns `None` before MCP 2026-07-28: the server must then send a request.
fn question(
    request: &CallToolRequestParams,
    context: &Request,
    ask: impl FnOnce() -> InputRequest,
) -> Answer<Option<CallToolResponse>> {
    if !is_stateless(context) {
        return Ok(None);
    }
    if let Some(answers) = &request.input_responses {
        let answer = answers.get("question").cloned().unwrap_or_default();
        let state = request.request_state.clone();
        return Ok(Some(result(json!({"answer": answer, "state": state})).into()));
    }
    let questions = [("question".to_owned(), ask())].into();
    let question = InputRequiredResult::new(Some(questions), Some("opaque ✓ state".to_owned()));
    Ok(Some(question.into()))
}

fn is_stateless(context: &Request) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version.as_str() >= ProtocolVersion::NO_INITIALIZE.as_str())
}

/// Returns the arguments of a call and those members of `_meta` that a test sets. The other members
/// describe the client's SDK.
fn echo(request: &CallToolRequestParams, context: &Request) -> CallToolResult {
    let mut meta = json!(context.meta);
    if let Some(meta) = meta.as_object_mut() {
        meta.retain(|name, _| name.starts_with("vendor.example/"));
    }
    result(json!({"arguments": request.arguments, "meta": meta}))
}

async fn reach(context: &Request) -> Answer<CallToolResult> {
    let told = &SAID["customNotification"];
    let told = CustomNotification::new(
        told["method"].as_str().unwrap_or_default(),
        told.get("params").cloned(),
    );
    context
        .peer
        .send_notification(ServerNotification::CustomNotification(told))
        .await
        .map_err(failed)?;
    let asked = &SAID["customRequest"];
    let asked = CustomRequest::new(
        asked["method"].as_str().unwrap_or_default(),
        asked.get("params").cloned(),
    );
    if is_stateless(context) {
        return Ok(result(json!({"answer": null})));
    }
    let answer = context.peer.send_request(ServerRequest::CustomRequest(asked)).await;
    Ok(result(json!({"answer": answer.map_err(failed)?})))
}

/// A queue of recorded messages. Each message is returned once, in order.
#[derive(Debug)]
struct Seen {
    all: Mutex<Vec<Value>>,
    count: watch::Sender<usize>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { all: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Seen {
    fn add(&self, value: Value) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(value);
        self.count.send_modify(|count| *count += 1);
    }

    async fn next(&self) -> Value {
        let mut count = self.count.subscribe();
        loop {
            count.mark_unchanged();
            let next = {
                let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
                (!all.is_empty()).then(|| all.remove(0))
            };
            match next {
                Some(value) => return value,
                None => count.changed().await.unwrap_or_default(),
            }
        }
    }
}

fn result(structured: Value) -> CallToolResult {
    CallToolResult::structured(structured)
}

fn said<T: DeserializeOwned>(what: &str) -> Answer<T> {
    parsed(SAID[what].clone())
}

/// Returns a result with the member `resultType` of newer revisions of MCP. rmcp removes the member for
/// older revisions.
fn complete<T: DeserializeOwned>(result: &Value) -> Answer<T> {
    let mut result = result.clone();
    result["resultType"] = json!(ResultType::COMPLETE);
    parsed(result)
}

fn parsed<T: DeserializeOwned>(value: Value) -> Answer<T> {
    serde_json::from_value(value)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

fn unknown(what: &str, name: &str) -> ErrorData {
    let data = json!({"name": name, "vendor.example/known": false});
    ErrorData::invalid_params(format!("no {what} {name:?}"), Some(data))
}

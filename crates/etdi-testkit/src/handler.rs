//! A server's handler that counts its calls.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
    CustomResult, ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

/// A handler that lists the tools of the last [`set`](Self::set) and answers each call with
/// `called`. Unless a method changes this, each page of the list has one tool.
#[derive(Clone, Debug, Default)]
pub struct CountingHandler {
    tools: Arc<Mutex<Vec<Tool>>>,
    calls: Arc<AtomicUsize>,
    shows_tools: bool,
    one_page: bool,
    is_numbered: bool,
}

impl CountingHandler {
    pub fn new(tools: impl IntoIterator<Item = Value>) -> Self {
        let handler = Self::default();
        handler.set(tools);
        handler
    }

    /// Returns a handler that lists plain tools with these names on one page, and answers each call
    /// with the number of the call.
    pub fn numbered(names: &[&str]) -> Self {
        let tools = names.iter().map(|name| {
            let description = "Finds personal data in a document";
            json!({ "name": name, "description": description, "inputSchema": {} })
        });
        Self { is_numbered: true, ..Self::new(tools).on_one_page() }
    }

    /// Makes `get_tool` return the listed tools too.
    #[must_use]
    pub fn showing_tools(self) -> Self {
        Self { shows_tools: true, ..self }
    }

    /// Makes the handler list all its tools on one page.
    #[must_use]
    pub fn on_one_page(self) -> Self {
        Self { one_page: true, ..self }
    }

    /// Lists these tools from now on.
    pub fn set(&self, tools: impl IntoIterator<Item = Value>) {
        let tools = tools.into_iter().map(|tool| serde_json::from_value(tool).unwrap());
        *self.tools.lock().unwrap() = tools.collect();
    }

    /// Returns how many calls and custom requests arrived.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub fn assert_calls(&self, count: usize) {
        assert_eq!(self.calls(), count, "calls");
    }
}

impl ServerHandler for CountingHandler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let at: usize =
            request.and_then(|request| request.cursor).map_or(0, |cursor| cursor.parse().unwrap());
        let tools = self.tools.lock().unwrap();
        let size = if self.one_page { tools.len() } else { 1 };
        let mut page =
            ListToolsResult::with_all_items(tools.iter().skip(at).take(size).cloned().collect());
        page.next_cursor = (at + size < tools.len()).then(|| (at + size).to_string());
        Ok(page)
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let text = if self.is_numbered { number.to_string() } else { "called".to_owned() };
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tools = self.tools.lock().unwrap();
        tools.iter().find(|tool| self.shows_tools && tool.name == name).cloned()
    }

    async fn on_custom_request(
        &self,
        _: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Ok(CustomResult::new(json!({})))
    }
}

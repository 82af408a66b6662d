//! An author's handler that counts its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

/// Lists plain tools of these names, answers each call with its number.
#[derive(Clone, Debug)]
pub struct Counting {
    tools: Arc<Vec<Tool>>,
    calls: Arc<AtomicUsize>,
}

impl Counting {
    /// Tools of these names.
    pub fn new(names: &[&str]) -> Self {
        let tools = names.iter().map(|name| {
            let description = "Finds personal data in a document";
            Tool::new((*name).to_owned(), description, JsonObject::new())
        });
        Self { tools: Arc::new(tools.collect()), calls: Arc::default() }
    }

    /// How many calls arrived.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl ServerHandler for Counting {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.to_vec()))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(CallToolResult::success(vec![ContentBlock::text(number.to_string())]).into())
    }
}

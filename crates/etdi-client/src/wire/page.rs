//! One page of `tools/list`: its text, and the tools that are read from it.
//!
//! This crate reads a page once. [`RawText::page`] finds the tools in the message. [`RawPage`]
//! holds each tool as a text, which is judged, and in rmcp's type, which rmcp and the host see.
//! [`RawListing`] collects the pages, `etdi_types` reads the text of each tool strictly, and a
//! `Snapshot` holds the result.
//!
//! rmcp reads the same bytes on its own: its reader parses each line of a stdio server, and its
//! worker parses each event of a stream. Both are private to rmcp, so rmcp reads a page once more.
//! Before that, `Answered::by` finds the ids of a message, and skips all values.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use etdi_types::listing::ListedTool;
use etdi_types::{Listing, ListingError, Page};
use rmcp::model::{
    ErrorCode, ErrorData, JsonRpcMessage, ListToolsResult, RequestId, ServerJsonRpcMessage,
    ServerResult, Tool,
};
use serde_json::Value;

use super::ids::answers;

/// The text of one message from a server, as it came.
#[derive(Debug)]
pub(crate) struct RawText {
    bytes: Bytes,
    /// The ids of the requests that it answers.
    ids: Vec<RequestId>,
    page: OnceLock<Result<RawPage, ListingError>>,
}

/// One page of a listing.
#[derive(Clone, Debug)]
pub(crate) struct RawPage {
    page: Page,
    /// Each tool in rmcp's type, in the order of the page. `None` for a tool that rmcp cannot read.
    readable: Vec<Option<Tool>>,
}

/// A complete listing that is not judged yet.
#[derive(Debug)]
pub(crate) struct RawListing {
    pub(crate) tools: Vec<ListedTool>,
    /// Whether rmcp could read each tool, and did not leave it out; in the order of the tools.
    pub(crate) usable: Vec<bool>,
}

/// The pages of a listing so far.
#[derive(Debug, Default)]
pub(crate) struct RawPages {
    listing: Listing,
    usable: Vec<bool>,
}

impl RawText {
    pub(crate) fn new(message: &[u8], ids: Vec<RequestId>) -> Self {
        Self { bytes: Bytes::copy_from_slice(message), ids, page: OnceLock::new() }
    }

    /// Returns whether this message answers the request `id`.
    pub(crate) fn answers(&self, id: &RequestId) -> bool {
        self.ids.iter().any(|response| answers(id, response))
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the page of a listing in this message. The first caller reads it, and later callers
    /// get the same result.
    pub(crate) fn page(&self) -> Result<&RawPage, &ListingError> {
        self.page.get_or_init(|| RawPage::read(&self.bytes)).as_ref()
    }

    /// Returns the same page, without a copy if this is the last holder of the text.
    pub(crate) fn into_page(self: Arc<Self>) -> Result<RawPage, ListingError> {
        self.page().map_err(Clone::clone)?;
        match Arc::try_unwrap(self) {
            Ok(text) => text.page.into_inner().unwrap_or(Err(ListingError::NoTools)),
            Err(shared) => shared.page().cloned().map_err(Clone::clone),
        }
    }

    /// Returns a member of the message. If the member is there twice, returns the last one.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        let text = self.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.bytes);
        serde_json::from_slice::<Value>(text).ok()?.get_mut(name).map(Value::take)
    }

    /// Returns the JSON-RPC error, if this message is one. Servers also send an error without a
    /// code, or a text in place of the object (JSON-RPC 2.0, section 5.1, wants both).
    pub(crate) fn error(&self) -> Option<ErrorData> {
        let error = self.member("error").filter(|error| !error.is_null())?;
        let code = error.get("code").and_then(Value::as_i64).and_then(|code| code.try_into().ok());
        let message = error.as_str().or_else(|| error.get("message")?.as_str());
        Some(ErrorData::new(
            code.map_or(ErrorCode::INTERNAL_ERROR, ErrorCode),
            message.map_or_else(|| error.to_string(), str::to_owned),
            error.get("data").cloned(),
        ))
    }

    /// Returns the message in the form that rmcp gets after the listing request `id`.
    ///
    /// rmcp learns from listings which headers a call needs. It reads a page as a whole or not at
    /// all. So one malformed tool would make it learn no headers for the other tools.
    pub(crate) fn readable(&self, id: &RequestId) -> Option<ServerJsonRpcMessage> {
        if let Ok(page) = self.page()
            && self.answers(id)
        {
            return Some(page.message(id));
        }
        match self.error() {
            Some(error) => Some(JsonRpcMessage::error(error, Some(id.clone()))),
            None => serde_json::from_slice(&self.bytes).ok(),
        }
    }
}

impl PartialEq for RawText {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for RawText {}

impl RawPage {
    fn read(message: &[u8]) -> Result<Self, ListingError> {
        let page = Page::parse(message)?;
        let readable = page.tools.iter().map(|raw| serde_json::from_str(raw).ok()).collect();
        Ok(Self { page, readable })
    }

    fn message(&self, id: &RequestId) -> ServerJsonRpcMessage {
        let tools = self.readable.iter().flatten().cloned();
        let mut result = ListToolsResult::with_all_items(tools.collect());
        result.next_cursor.clone_from(&self.page.next_cursor);
        JsonRpcMessage::response(ServerResult::ListToolsResult(result), id.clone())
    }
}

impl RawPages {
    /// Adds a page, and returns the cursor to read next. `passed` holds the tools that rmcp kept in
    /// its own result, if rmcp can leave out tools.
    pub(crate) fn add(
        &mut self,
        page: RawPage,
        passed: Option<&[Tool]>,
    ) -> Result<Option<String>, ListingError> {
        let passed: Option<HashSet<&str>> =
            passed.map(|tools| tools.iter().map(|tool| tool.name.as_ref()).collect());
        let is_passed =
            |tool: &Tool| passed.as_ref().is_none_or(|names| names.contains(tool.name.as_ref()));
        let before = self.listing.len();
        let cursor = self.listing.add(page.page)?;
        // A page that repeats an earlier one at the end is not added.
        let added = if self.listing.len() > before { page.readable.as_slice() } else { &[] };
        self.usable.extend(added.iter().map(|tool| tool.as_ref().is_some_and(is_passed)));
        Ok(cursor)
    }

    pub(crate) fn complete(self) -> RawListing {
        RawListing { tools: self.listing.tools(), usable: self.usable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_malformed_tool_leaves_the_others_readable() {
        let text = br#"{"jsonrpc":"2.0","id":4,"result":{"nextCursor":"b","tools":[
            {"name":"good","inputSchema":{}},
            {"name":"twice","name":"twice","inputSchema":{}},
            {"name":"no schema"}]}}"#;
        let message =
            RawText::new(text, vec![RequestId::Number(4)]).readable(&RequestId::Number(4)).unwrap();
        let JsonRpcMessage::Response(response) = message else {
            panic!("{message:?}");
        };
        let ServerResult::ListToolsResult(result) = response.result else {
            panic!("{response:?}");
        };
        let names: Vec<_> = result.tools.iter().map(|tool| tool.name.as_ref()).collect();
        assert_eq!(names, ["good"]);
        assert_eq!(result.next_cursor.as_deref(), Some("b"));
    }

    #[test]
    fn a_page_is_read_once_by_all_who_need_it() {
        let text = Arc::new(RawText::new(
            br#"{"id":4,"result":{"tools":[{"name":"a"}]}}"#,
            vec![RequestId::Number(4)],
        ));
        let first: *const RawPage = text.page().unwrap();
        text.readable(&RequestId::Number(4)).unwrap();
        assert!(std::ptr::eq(first, text.page().unwrap()));
        let page = text.into_page().unwrap();
        assert_eq!(page.page.tools, [r#"{"name":"a"}"#]);
    }

    #[test]
    fn a_tool_that_rmcp_cannot_read_or_left_out_is_not_usable() {
        let text = br#"{"id":4,"result":{"tools":[{"name":"no schema"},
            {"name":"kept","inputSchema":{}},{"name":"left out","inputSchema":{}}]}}"#;
        let page = RawPage::read(text).unwrap();
        let passed = [page.readable[1].clone().unwrap()];
        let usable = |passed: Option<&[Tool]>| {
            let mut pages = RawPages::default();
            assert_eq!(pages.add(page.clone(), passed).unwrap(), None);
            pages.complete().usable
        };
        assert_eq!(usable(None), [false, true, true]);
        assert_eq!(usable(Some(&passed)), [false, true, false]);
    }
}

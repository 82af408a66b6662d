//! A listing that rmcp can read, beside the raw one that is judged.
//!
//! rmcp learns from listings which headers a call needs. Its model takes a page whole or not at
//! all, so one malformed tool would take that from all the others.

use etdi_types::Page;
use rmcp::model::{
    JsonRpcMessage, ListToolsResult, RequestId, ServerJsonRpcMessage, ServerResult, Tool,
};

/// What rmcp is to see of the response `text` to the listing request `id`.
pub(super) fn listing(
    text: &[u8],
    id: &RequestId,
) -> Result<ServerJsonRpcMessage, serde_json::Error> {
    let typed = serde_json::from_slice::<ServerJsonRpcMessage>(text);
    match &typed {
        Ok(JsonRpcMessage::Error(_)) => return typed,
        Ok(JsonRpcMessage::Response(response))
            if matches!(response.result, ServerResult::ListToolsResult(_)) =>
        {
            return typed;
        }
        _ => {}
    }
    let Ok(page) = Page::parse(text) else {
        return typed;
    };
    let tools = page.tools.iter().filter_map(|raw| serde_json::from_str::<Tool>(raw).ok());
    let mut result = ListToolsResult::with_all_items(tools.collect());
    result.next_cursor = page.next_cursor;
    Ok(ServerJsonRpcMessage::response(ServerResult::ListToolsResult(result), id.clone()))
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
        let message = listing(text, &RequestId::Number(4)).unwrap();
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
}

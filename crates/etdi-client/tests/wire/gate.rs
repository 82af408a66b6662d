//! rmcp's own peer cannot list or call tools.

use rmcp::model::{CallToolRequestParams, ClientRequest, CustomRequest};

use crate::script::Script;
use crate::servers::{HttpServer, WAYS, Way, child, client};

const TOOL: &str = r#"{"name":"scan","inputSchema":{"type":"object"}}"#;

#[tokio::test]
async fn tools_are_neither_listed_nor_called_through_the_peer() {
    for (way, modern) in WAYS {
        let script = Script { modern, ..Script::of(&[TOOL]) };
        let (connection, http) = if way == Way::Stdio {
            (client().connect_stdio(child(&script)).await.unwrap(), None)
        } else {
            let server = HttpServer::start(script, way).await;
            (client().connect_http(&server.uri).await.unwrap(), Some(server))
        };
        let peer = connection.peer();
        let custom = |method: &str| ClientRequest::CustomRequest(CustomRequest::new(method, None));
        let refused = [
            peer.list_tools(None).await.map(|_| ()),
            peer.call_tool(CallToolRequestParams::new("scan")).await.map(|_| ()),
            peer.send_request(custom("tools/list")).await.map(|_| ()),
            peer.send_request(custom("tools/call")).await.map(|_| ()),
        ];
        for outcome in refused {
            let error = outcome.unwrap_err();
            assert!(error.to_string().contains("ServerConnection"), "{way:?}: {error}");
        }
        if let Some(server) = http {
            assert_eq!((server.script.lists(), server.script.calls()), (0, 0));
        }
        // The connection still works for tools that are judged.
        assert_eq!(connection.discover().await.unwrap().len(), 1);
    }
}

//! Checks before a server starts.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use etdi_server::{SecureServer, ServerError, ToolProblem, ToolSpec};
use etdi_testkit::handler::CountingHandler;
use etdi_types::ListingError;
use rmcp::{ErrorData, RoleServer, ServerHandler, model::*, service::RequestContext};
use serde_json::json;

use crate::app::{builder, described, key, scan, scanner, tool};
use crate::wire::{Client, LEGACY, Route};

async fn problems<H: ServerHandler>(secure: &SecureServer, handler: H) -> Vec<ToolProblem> {
    match secure.check(handler).await {
        Err(ServerError::Check(problems)) => problems.iter().cloned().collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_pages_are_checked_and_every_problem_is_reported() {
    let secure = builder(&key())
        .tool("scan", ToolSpec::version("1.0.0"))
        .tool("gone", ToolSpec::version("1.0.0"))
        .build()
        .await
        .unwrap();
    let found = problems(&secure, CountingHandler::new([scan(), tool("extra"), scan()])).await;
    let tool = str::to_owned;
    assert_eq!(
        found,
        [
            ToolProblem::Undeclared { tool: tool("extra") },
            ToolProblem::ServedTwice { tool: tool("scan") },
            ToolProblem::NotServed { tool: tool("gone") },
        ]
    );
    let text = secure.check(CountingHandler::new([scan()])).await.unwrap_err().to_string();
    assert!(text.contains("\n- the tool `gone` is declared but"), "{text}");
}

#[tokio::test]
async fn an_output_schema_that_older_clients_would_not_get_is_refused() {
    for schema in [json!({"type": "array"}), json!({"oneOf": []}), json!({"type": ["object"]})] {
        let mut tool = tool("scan");
        tool["outputSchema"] = schema;
        let secure = scanner().await;
        let found = problems(&secure, CountingHandler::new([tool.clone()])).await;
        assert_eq!(found, [ToolProblem::OutputSchema { tool: "scan".to_owned() }]);
        // A server that was not checked does not serve the tool either.
        let mut client =
            Client::connect(secure.wrap(CountingHandler::new([tool])), Route::Lines, LEGACY).await;
        let answer = client.ask("tools/list", json!({})).await;
        assert_eq!(answer["error"]["data"]["reason"], "output_schema");
    }
}

#[tokio::test]
async fn a_tool_that_clients_would_refuse_is_refused_here() {
    let mut numbered = tool("scan");
    numbered["inputSchema"]["maximum"] = json!(1u64 << 60);
    let long = described("scan", &"x".repeat(300_000));
    for tool in [numbered, long] {
        let found = problems(&scanner().await, CountingHandler::new([tool])).await;
        assert!(
            matches!(&found[..], [ToolProblem::Definition { tool, .. }] if tool == "scan"),
            "{found:?}"
        );
    }
}

/// Describes its tool differently in each listing.
#[derive(Clone, Default)]
struct Unstable(Arc<AtomicUsize>, &'static [ProtocolVersion]);

impl ServerHandler for Unstable {
    fn supported_protocol_versions(&self) -> std::borrow::Cow<'static, [ProtocolVersion]> {
        self.1.into()
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let tool = described("scan", &format!("listed {number} times"));
        Ok(ListToolsResult::with_all_items(vec![serde_json::from_value(tool).unwrap()]))
    }
}

#[tokio::test]
async fn a_server_whose_definition_differs_between_listings_does_not_start() {
    for versions in [
        &[ProtocolVersion::V_2025_11_25][..],
        &[ProtocolVersion::V_2026_07_28],
        &[ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28],
    ] {
        let secure = scanner().await;
        let found = problems(&secure, Unstable(Arc::default(), versions)).await;
        let [problem @ ToolProblem::Changed { tool, diff, .. }] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(tool, "scan");
        assert_eq!(diff.changes()[0].path, "/description");
        assert!(problem.to_string().contains("make the definition the same"), "{problem}");
        // A failed check does not bind any definition.
        secure.check(CountingHandler::new([scan()])).await.unwrap();
    }
}

#[tokio::test]
async fn a_checked_definition_is_binding_when_it_is_served() {
    let secure = scanner().await;
    secure.check(CountingHandler::new([described("scan", "checked")])).await.unwrap();
    let app = CountingHandler::new([described("scan", "another")]);
    let mut client = Client::connect(secure.wrap(app), Route::Lines, LEGACY).await;
    let answer = client.ask("tools/list", json!({})).await;
    assert_eq!(answer["error"]["data"]["reason"], "changed");
}

#[tokio::test]
async fn a_server_whose_handler_cannot_be_listed_does_not_start() {
    struct Toolless;
    impl ServerHandler for Toolless {}
    let error = scanner().await.check(Toolless).await.unwrap_err();
    assert!(matches!(&error, ServerError::NotListed(why) if why.contains("-32601")), "{error}");

    struct Endless;
    impl ServerHandler for Endless {
        async fn list_tools(
            &self,
            _: Option<PaginatedRequestParams>,
            _: RequestContext<RoleServer>,
        ) -> Result<ListToolsResult, ErrorData> {
            let next_cursor = Some("again".to_owned());
            Ok(ListToolsResult { next_cursor, ..Default::default() })
        }
    }
    let error = scanner().await.check(Endless).await.unwrap_err();
    assert_eq!(error, ServerError::Listing(ListingError::RepeatedCursor));
}

#[tokio::test]
async fn a_handler_that_asks_its_client_something_is_answered() {
    struct Asking;
    impl ServerHandler for Asking {
        async fn list_tools(
            &self,
            _: Option<PaginatedRequestParams>,
            context: RequestContext<RoleServer>,
        ) -> Result<ListToolsResult, ErrorData> {
            let request = CustomRequest::new("example.com/who", None);
            let _ = context.peer.send_request(ServerRequest::CustomRequest(request)).await;
            let scan = serde_json::from_value(scan()).unwrap();
            Ok(ListToolsResult::with_all_items(vec![scan]))
        }
    }
    scanner().await.check(Asking).await.unwrap();
}

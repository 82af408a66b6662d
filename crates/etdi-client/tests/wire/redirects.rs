//! Requests that are meant for one server do not go to another (attack 26).

use etdi_client::{Approval, CallError, ConnectError, Decision, DiscoverError, ListError};

use crate::script::Script;
use crate::servers::{HttpServer, Way, client};

const TOOL: &str = r#"{"name":"scan","inputSchema":{"type":"object"}}"#;

async fn pair(way: Way) -> (HttpServer, HttpServer) {
    let elsewhere = HttpServer::start(Script::of(&[TOOL]), way).await;
    (HttpServer::start(Script::of(&[TOOL]), way).await, elsewhere)
}

fn redirect(from: &HttpServer, method: &str, to: &HttpServer) {
    *from.redirects.lock().unwrap() = Some((method.to_owned(), to.uri.clone()));
}

#[tokio::test]
async fn arguments_do_not_follow_a_redirect() {
    for way in [Way::Json, Way::EventStream] {
        let (server, elsewhere) = pair(way).await;
        let connection = client().connect_http(&server.uri).await.unwrap();
        let tools = connection.discover().await.unwrap();
        let Decision::Ask(request) = connection.decide(&tools[0]).await.unwrap() else { panic!() };
        let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
        redirect(&server, "tools/call", &elsewhere);
        let secret = serde_json::Map::from_iter([("secret".to_owned(), "s".into())]);
        let error = connection.call(&tool, secret).await.unwrap_err();
        assert!(matches!(error, CallError::Redirected { .. }), "{way:?}: {error:?}");
        assert_eq!(*elsewhere.script.methods.lock().unwrap(), [""; 0]);
    }
}

#[tokio::test]
async fn listings_and_handshakes_do_not_follow_a_redirect() {
    for way in [Way::Json, Way::EventStream] {
        let (server, elsewhere) = pair(way).await;
        let connection = client().connect_http(&server.uri).await.unwrap();
        redirect(&server, "tools/list", &elsewhere);
        let error = connection.discover().await.unwrap_err();
        let refused = matches!(error, DiscoverError::Listing(ListError::Redirected { .. }));
        assert!(refused, "{way:?}: {error:?}");
        for method in ["server/discover", "initialize"] {
            redirect(&server, method, &elsewhere);
            let error = client().connect_http(&server.uri).await.unwrap_err();
            assert!(
                matches!(error, ConnectError::Redirected { .. }),
                "{way:?} {method}: {error:?}"
            );
        }
        assert_eq!(*elsewhere.script.methods.lock().unwrap(), [""; 0]);
    }
}

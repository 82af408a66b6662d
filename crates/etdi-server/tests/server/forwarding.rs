//! Every method of `ServerHandler` behaves the same bare and wrapped.

use rmcp::{
    ServerHandler,
    model::{InitializeRequestParams, SubscriptionFilter},
};
use serde_json::{Value, json};

use crate::recorder::Recorder;
use crate::wire::{Client, LEGACY, MODERN, ROUTES, Route};

/// (method on the wire, parameters, method of the trait, the only protocol version that has it, or
/// `None` if both have it)
fn requests() -> Vec<(&'static str, Value, &'static str, Option<&'static str>)> {
    vec![
        ("ping", json!({}), "ping", Some(LEGACY)),
        ("server/discover", json!({}), "discover", Some(MODERN)),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": "v"}}),
            "complete",
            None,
        ),
        ("logging/setLevel", json!({"level": "error"}), "set_level", Some(LEGACY)),
        ("prompts/get", json!({"name": "p", "arguments": {"a": "b"}}), "get_prompt", None),
        ("prompts/list", json!({"cursor": "c"}), "list_prompts", None),
        ("resources/list", json!({"cursor": "c"}), "list_resources", None),
        ("resources/templates/list", json!({"cursor": "c"}), "list_resource_templates", None),
        ("resources/read", json!({"uri": "r://1"}), "read_resource", None),
        ("resources/subscribe", json!({"uri": "r://1"}), "subscribe", Some(LEGACY)),
        ("resources/unsubscribe", json!({"uri": "r://1"}), "unsubscribe", Some(LEGACY)),
        (
            "subscriptions/listen",
            json!({"notifications": {"toolsListChanged": true, "promptsListChanged": true}}),
            "listen",
            Some(MODERN),
        ),
        ("tools/list", json!({"cursor": "c"}), "list_tools", None),
        ("tools/call", json!({"name": "echo", "arguments": {"a": 1}}), "call_tool", None),
        ("tasks/get", json!({"taskId": "t"}), "get_task", None),
        ("tasks/update", json!({"taskId": "t", "inputResponses": {}}), "update_task", None),
        ("tasks/cancel", json!({"taskId": "t"}), "cancel_task", None),
        ("skills/list", json!({"cursor": "c"}), "list_skills", None),
        ("skills/get", json!({"uri": "skill://s/SKILL.md"}), "get_skill", None),
        ("resources/directory/read", json!({"uri": "skill://s"}), "read_resource_directory", None),
        ("example.com/custom", json!({"free": "form"}), "on_custom_request", None),
    ]
}

fn notifications() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("notifications/cancelled", json!({"requestId": 999, "reason": "r"}), "on_cancelled"),
        ("notifications/progress", json!({"progressToken": "t", "progress": 1.0}), "on_progress"),
        ("notifications/initialized", json!({}), "on_initialized"),
        ("notifications/roots/list_changed", json!({}), "on_roots_list_changed"),
        ("notifications/example", json!({"free": "form"}), "on_custom_notification"),
    ]
}

/// Returns everything that a client sees, and every call that the handler got.
async fn observe<H: ServerHandler + Clone>(
    handler: H,
    recorder: Recorder,
    route: Route,
    version: &'static str,
) -> (Vec<String>, Vec<String>) {
    let mut client = Client::connect(handler, route, version).await;
    let mut answers = Vec::new();
    for (method, params, _, only) in requests() {
        if only.is_some_and(|only| only != version) {
            continue;
        }
        answers.push(client.request(method, params).await);
    }
    // rmcp drops a notification that comes over HTTP outside a session.
    let hears = route == Route::Lines || (route, version) == (Route::Sessions, LEGACY);
    for (method, params, asked) in notifications().into_iter().filter(|_| hears) {
        client.notify(method, params).await;
        recorder.heard(asked).await;
    }
    (answers, recorder.log())
}

#[tokio::test]
async fn every_method_answers_on_every_route_as_if_it_were_not_wrapped() {
    let mut heard: Vec<String> = Vec::new();
    for (route, version) in ROUTES {
        let bare = Recorder::new();
        let bare = observe(bare.clone(), bare, route, version).await;
        let wrapped = Recorder::new();
        let wrapped =
            observe(crate::app::unsigned().await.wrap(wrapped.clone()), wrapped, route, version)
                .await;
        assert_eq!(bare.0, wrapped.0, "answers on {route:?} under {version}");
        assert_eq!(bare.1, wrapped.1, "calls on {route:?} under {version}");
        heard.extend(wrapped.1);
    }
    let requests = requests().into_iter().map(|request| request.2);
    let notifications = notifications().into_iter().map(|notification| notification.2);
    for method in
        requests.chain(notifications).chain(["initialize", "accepted_subscription_filter"])
    {
        assert!(
            heard.iter().any(|line| line.starts_with(&format!("{method} "))),
            "{method} was never called"
        );
    }
}

#[tokio::test]
async fn methods_that_return_at_once_return_the_handlers_own_answer() {
    let (bare, inner) = (Recorder::new(), Recorder::new());
    let wrapped = crate::app::unsigned().await.wrap(inner.clone());
    let initialize: InitializeRequestParams = serde_json::from_value(json!({
        "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "c", "version": "1"},
    }))
    .unwrap();
    let filter: SubscriptionFilter =
        serde_json::from_value(json!({"toolsListChanged": true, "promptsListChanged": true}))
            .unwrap();

    assert_eq!(bare.get_info(), wrapped.get_info());
    assert_eq!(bare.supported_protocol_versions(), wrapped.supported_protocol_versions());
    assert_eq!(
        bare.negotiate_initialize(&initialize).unwrap(),
        wrapped.negotiate_initialize(&initialize).unwrap()
    );
    assert_eq!(
        bare.accepted_subscription_filter(&filter),
        wrapped.accepted_subscription_filter(&filter)
    );
    assert_eq!(bare.get_tool("echo"), wrapped.get_tool("echo"));
    assert_eq!(bare.log(), inner.log());
}

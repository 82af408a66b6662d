//! Does with a server everything that a host can do, and records the answers.

use std::time::Duration;

use rmcp::model::{
    ClientNotification, ClientRequest, CompleteRequestParams, CustomNotification, CustomRequest,
    GetPromptRequestParams, ProtocolVersion, ReadResourceRequestParams,
};
use rmcp::service::ServiceError;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::host::Host;
use crate::session::{Session, failed};

/// The longest time for any step.
const PATIENCE: Duration = Duration::from_secs(60);

/// The parts of a server that are tried.
pub struct Plan {
    /// The version of the package.
    pub version: String,
    /// The calls: a title, the tool, and the arguments.
    pub calls: Vec<(&'static str, &'static str, Value)>,
    /// A tool that reports progress, and the number of its reports.
    pub stream: Option<(&'static str, Value, usize)>,
    /// A tool that releases the next report.
    pub release: Option<&'static str>,
    /// A tool that runs until it is cancelled, and a tool that tells which calls were cancelled.
    pub cancel: Option<(&'static str, &'static str)>,
    /// The number of log messages.
    pub logs: usize,
    pub prompt: Option<(&'static str, Value)>,
    pub resource: Option<&'static str>,
    /// The URI of a resource that does not exist.
    pub missing: Option<&'static str>,
    pub completion: Option<Value>,
    /// Whether the server sends a custom notification.
    pub tells: bool,
    /// A tool that returns the custom notification that the server received.
    pub heard: Option<&'static str>,
}

fn none(why: &str) -> Value {
    json!({"none": why})
}

impl Plan {
    pub async fn carry_out(&self, session: &Session, host: &Host) -> Value {
        let observing = tokio::time::timeout(PATIENCE, self.observe(session, host));
        observing.await.unwrap_or_else(|_| panic!("the server did not answer in {PATIENCE:?}"))
    }

    async fn observe(&self, session: &Session, host: &Host) -> Value {
        let peer = session.peer();
        let protocol = session.protocol();
        let stateless = protocol.as_str() >= ProtocolVersion::NO_INITIALIZE.as_str();
        let pages = session.pages().await;
        let mut seen = json!({"version": self.version, "protocol": protocol, "pages": pages});
        if !stateless {
            self.ask_for_logs(session).await;
        }
        let mut calls = Map::new();
        let level = json!({"io.modelcontextprotocol/logLevel": "debug", "vendor.example/trace": {"span": 1}});
        for (what, tool, arguments) in &self.calls {
            calls.insert((*what).to_owned(), session.call(tool, arguments, &level).await);
        }
        if let Some(missing) = self.missing {
            let read = peer.read_resource(ReadResourceRequestParams::new(missing)).await;
            calls.insert("broken".to_owned(), answer(read));
        }
        seen["stream"] = self.stream(session, host).await;
        seen["cancel"] = self.cancel(session, host).await;
        seen["logs"] = match self.logs {
            0 => none("sends no log messages"),
            count => json!(host.logs.first(count).await),
        };
        seen["prompts"] = answer(peer.list_prompts(None).await);
        if let Some((name, arguments)) = &self.prompt {
            let mut params = GetPromptRequestParams::new(*name);
            params.arguments = arguments.as_object().cloned();
            seen["prompt"] = answer(peer.get_prompt(params).await);
        }
        seen["resources"] = answer(peer.list_resources(None).await);
        seen["templates"] = answer(peer.list_resource_templates(None).await);
        if let Some(uri) = self.resource {
            seen["resource"] =
                answer(peer.read_resource(ReadResourceRequestParams::new(uri)).await);
        }
        seen["completion"] = match &self.completion {
            Some(params) => {
                let params: CompleteRequestParams = serde_json::from_value(params.clone()).unwrap();
                answer(peer.complete(params).await)
            }
            None => none("offers no completions"),
        };
        let params = json!({"free": "form", "list": [1, null]});
        let ask = CustomRequest::new("vendor.example/ask", Some(params.clone()));
        seen["asked"] = answer(peer.send_request(ClientRequest::CustomRequest(ask)).await);
        seen["told"] = match self.tells {
            true => json!(host.told.first(1).await),
            false => none("sends no custom notification"),
        };
        let heard = match self.heard {
            Some(_) if stateless => none("MCP 2026-07-28 has no notifications from clients"),
            Some(tool) => {
                let tell =
                    CustomNotification::new("notifications/vendor.example/told", Some(params));
                peer.send_notification(ClientNotification::CustomNotification(tell)).await.unwrap();
                session.call(tool, &json!({}), &json!({})).await
            }
            None => none("has no tool that says what it heard"),
        };
        calls.insert("heard".to_owned(), heard);
        seen["calls"] = calls.into();
        seen
    }

    #[expect(deprecated, reason = "earlier revisions set the level for a session")]
    async fn ask_for_logs(&self, session: &Session) {
        let level = serde_json::from_value(json!({"level": "debug"})).unwrap();
        session.peer().set_level(level).await.ok();
    }

    async fn stream(&self, session: &Session, host: &Host) -> Value {
        let Some((tool, arguments, steps)) = &self.stream else {
            return none("has no tool that reports progress");
        };
        host.progress.forget();
        let nothing = json!({});
        let call = session.call(tool, arguments, &nothing);
        let release = async {
            for step in 1..=*steps {
                host.progress.first(step).await;
                if let Some(release) = self.release {
                    session.call(release, &nothing, &nothing).await;
                }
            }
        };
        let (result, ()) = tokio::join!(call, release);
        let mut events = host.progress.first(*steps).await;
        events.push(result);
        events.into()
    }

    /// A host cancels a call by dropping its future.
    async fn cancel(&self, session: &Session, host: &Host) -> Value {
        let Some((slow, cancelled)) = self.cancel else {
            return none("has no tool that says what was cancelled");
        };
        host.progress.forget();
        let nothing = json!({});
        tokio::select! {
            ended = session.call(slow, &nothing, &nothing) => panic!("{slow} ended: {ended}"),
            _ = host.progress.first(1) => {}
        }
        session.call(cancelled, &nothing, &nothing).await
    }
}

fn answer<T: Serialize>(answer: Result<T, ServiceError>) -> Value {
    answer.map_or_else(|error| failed(&error), |answer| json!(answer))
}

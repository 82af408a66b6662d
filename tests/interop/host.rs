//! The handler of a host: it records the messages from the server, and answers them.
#![expect(deprecated, reason = "what newer revisions of MCP drop must pass as well")]

use std::sync::{Arc, Mutex};

use rmcp::model::*;
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ClientHandler, ErrorData, RoleClient};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Clones share the record.
#[derive(Clone, Debug, Default)]
pub struct Host {
    pub root: String,
    pub progress: Arc<Heard>,
    pub logs: Arc<Heard>,
    pub told: Arc<Heard>,
}

type Request = RequestContext<RoleClient>;
type Notification = NotificationContext<RoleClient>;

impl ClientHandler for Host {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_elicitation()
            .enable_sampling()
            .enable_roots()
            .build();
        ClientConfig::new(capabilities, Implementation::new("etdi-peers", "1"))
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: Request,
    ) -> Result<CreateMessageResult, ErrorData> {
        let message = SamplingMessage::assistant_text(json!(params).to_string());
        Ok(CreateMessageResult::new(message, "none".to_owned()))
    }

    async fn list_roots(&self, _: Request) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new(self.root.clone()).with_name("home")]))
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        _: Request,
    ) -> Result<ElicitResult, ErrorData> {
        let content = json!({"name": json!(params).to_string(), "public": true});
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: Request,
    ) -> Result<CustomResult, ErrorData> {
        Ok(CustomResult::new(json!({"method": request.method, "params": request.params})))
    }

    async fn on_progress(&self, params: ProgressNotificationParam, _: Notification) {
        let mut step = json!(params);
        step.as_object_mut().unwrap().remove("progressToken");
        self.progress.add(step);
    }

    async fn on_logging_message(&self, params: LoggingMessageNotificationParam, _: Notification) {
        self.logs.add(json!(params));
    }

    async fn on_custom_notification(&self, told: CustomNotification, _: Notification) {
        self.told.add(json!({"method": told.method, "params": told.params}));
    }
}

/// The messages, in order of arrival.
#[derive(Debug)]
pub struct Heard {
    all: Mutex<Vec<Value>>,
    count: watch::Sender<usize>,
}

impl Default for Heard {
    fn default() -> Self {
        Self { all: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Heard {
    fn add(&self, value: Value) {
        self.all.lock().unwrap().push(value);
        self.count.send_modify(|count| *count += 1);
    }

    /// Waits until this many messages have come, and returns them.
    pub async fn first(&self, count: usize) -> Vec<Value> {
        self.count.subscribe().wait_for(|came| *came >= count).await.unwrap();
        self.all.lock().unwrap()[..count].to_vec()
    }

    pub fn forget(&self) {
        self.all.lock().unwrap().clear();
        self.count.send_replace(0);
    }
}

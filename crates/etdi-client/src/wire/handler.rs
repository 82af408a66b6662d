//! The host's own handler. List changes are noted before it gets them.
#![expect(
    deprecated,
    reason = "a handler may still serve the parts of MCP that newer versions drop"
)]

use std::sync::Arc;

use rmcp::ClientHandler;
use rmcp::RoleClient;
use rmcp::model::{
    CancelledNotificationParam, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
    CustomNotification, CustomRequest, CustomResult, ElicitRequestParams, ElicitResult, ErrorData,
    Implementation, ListRootsResult, LoggingMessageNotificationParam, ProgressNotificationParam,
    ResourceUpdatedNotificationParam, SubscriptionsAcknowledgedNotificationParams,
    TaskStatusNotificationParams,
};
use rmcp::service::{NotificationContext, RequestContext};

use super::link::ListChanges;

/// A handler that forwards every method to `inner`. A change of the tool list is noted first.
pub(crate) struct Observed<H> {
    pub(crate) inner: Arc<H>,
    pub(crate) changes: Arc<ListChanges>,
}

type Request = RequestContext<RoleClient>;
type Notification = NotificationContext<RoleClient>;

impl<H: ClientHandler> ClientHandler for Observed<H> {
    async fn ping(&self, context: Request) -> Result<(), ErrorData> {
        self.inner.ping(context).await
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        context: Request,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.inner.create_message(params, context).await
    }

    async fn list_roots(&self, context: Request) -> Result<ListRootsResult, ErrorData> {
        self.inner.list_roots(context).await
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        context: Request,
    ) -> Result<ElicitResult, ErrorData> {
        self.inner.create_elicitation(request, context).await
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: Request,
    ) -> Result<CustomResult, ErrorData> {
        self.inner.on_custom_request(request, context).await
    }

    async fn on_cancelled(&self, params: CancelledNotificationParam, context: Notification) {
        self.inner.on_cancelled(params, context).await;
    }

    async fn on_progress(&self, params: ProgressNotificationParam, context: Notification) {
        self.inner.on_progress(params, context).await;
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        context: Notification,
    ) {
        self.inner.on_logging_message(params, context).await;
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        context: Notification,
    ) {
        self.inner.on_resource_updated(params, context).await;
    }

    async fn on_resource_list_changed(&self, context: Notification) {
        self.inner.on_resource_list_changed(context).await;
    }

    async fn on_tool_list_changed(&self, context: Notification) {
        self.changes.note();
        self.inner.on_tool_list_changed(context).await;
    }

    async fn on_prompt_list_changed(&self, context: Notification) {
        self.inner.on_prompt_list_changed(context).await;
    }

    async fn on_subscriptions_acknowledged(
        &self,
        params: SubscriptionsAcknowledgedNotificationParams,
        context: Notification,
    ) {
        self.inner.on_subscriptions_acknowledged(params, context).await;
    }

    async fn on_task_status(&self, params: TaskStatusNotificationParams, context: Notification) {
        self.inner.on_task_status(params, context).await;
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        context: Notification,
    ) {
        self.inner.on_custom_notification(notification, context).await;
    }

    /// Returns the handler's own name, or this crate's in place of rmcp's default.
    fn get_info(&self) -> ClientConfig {
        let mut info = self.inner.get_info();
        if info.client_info == Implementation::from_build_env() {
            info.client_info = Implementation::new("etdi", env!("CARGO_PKG_VERSION"));
        }
        info
    }
}

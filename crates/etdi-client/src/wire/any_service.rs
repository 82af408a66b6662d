//! A running handler whose type is not known.

use std::borrow::Cow;

use rmcp::RoleClient;
use rmcp::model::{
    ClientConfig, ClientResult, ErrorData, ProtocolVersion, ServerNotification, ServerRequest,
};
use rmcp::service::{DynService, NotificationContext, RequestContext, Service};

/// A handler of any type. rmcp's own box is a service for one lifetime only, so a future that holds
/// a running one could not move between threads.
pub(crate) struct AnyService(Box<dyn DynService<RoleClient>>);

impl AnyService {
    pub(crate) fn new(service: impl Service<RoleClient>) -> Self {
        Self(Box::new(service))
    }
}

impl Service<RoleClient> for AnyService {
    async fn handle_request(
        &self,
        request: ServerRequest,
        context: RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        DynService::handle_request(&*self.0, request, context).await
    }

    async fn handle_notification(
        &self,
        notification: ServerNotification,
        context: NotificationContext<RoleClient>,
    ) -> Result<(), ErrorData> {
        DynService::handle_notification(&*self.0, notification, context).await
    }

    fn get_info(&self) -> ClientConfig {
        DynService::get_info(&*self.0)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        DynService::supported_protocol_versions(&*self.0)
    }
}

//! The handshake, as whatever stands above may see it.
//!
//! A server's `instructions` are withheld: rmcp would keep them where any handler can read them. The
//! raw text of the handshake, from which a person may approve them, is taken below this.
//!
//! A server of an earlier revision that acknowledges every method with an empty result does not
//! know `server/discover` either. rmcp begins again with `initialize` after an error alone.

use std::borrow::Cow;

use rmcp::RoleClient;
use rmcp::model::{ClientRequest, ErrorData, JsonRpcMessage, RequestId, ServerResult};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;

use super::raw::answers;

/// A transport whose handshake brings no instructions.
pub(super) struct Withheld<T> {
    inner: T,
    probe: Option<RequestId>,
}

impl<T> Withheld<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, probe: None }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Withheld<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        if let JsonRpcMessage::Request(sent) = &item
            && matches!(sent.request, ClientRequest::DiscoverRequest(_))
        {
            self.probe = Some(sent.id.clone());
        }
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let mut message = self.inner.receive().await?;
        if let JsonRpcMessage::Response(response) = &mut message {
            match &mut response.result {
                ServerResult::InitializeResult(result) => result.instructions = None,
                ServerResult::DiscoverResult(result) => result.instructions = None,
                ServerResult::EmptyResult(_) => {
                    let probe = self.probe.take_if(|probe| answers(probe, &response.id));
                    if probe.is_some() {
                        let text = "server/discover was answered with an empty result";
                        let error = ErrorData::invalid_request(text, None);
                        return Some(JsonRpcMessage::error(error, probe));
                    }
                }
                _ => {}
            }
        }
        Some(message)
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}

//! A server's `instructions` are withheld from whatever stands above: rmcp would keep them where any
//! handler can read them. The raw text of the handshake, from which a person may approve them, is
//! taken below this.

use std::borrow::Cow;

use rmcp::RoleClient;
use rmcp::model::{JsonRpcMessage, ServerResult};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;

/// A transport whose handshake brings no instructions.
pub(super) struct Withheld<T>(pub(super) T);

impl<T: Transport<RoleClient>> Transport<RoleClient> for Withheld<T> {
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.0.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let mut message = self.0.receive().await?;
        if let JsonRpcMessage::Response(response) = &mut message {
            match &mut response.result {
                ServerResult::InitializeResult(result) => result.instructions = None,
                ServerResult::DiscoverResult(result) => result.instructions = None,
                _ => {}
            }
        }
        Some(message)
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.0.close().await
    }
}

//! The HTTP+SSE transport of MCP 2024-11-05, which later revisions replaced.
//!
//! The client opens an event stream with GET. Its first event names the endpoint to which messages
//! are posted, and all answers come over the stream.

use std::borrow::Cow;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::ACCEPT;
use reqwest::Url;
use rmcp::RoleClient;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::common::http_header::EVENT_STREAM_MIME_TYPE;
use rmcp::transport::streamable_http_client::SseError;
use sse_stream::Sse;

use super::error::{HttpError, RequestError};
use super::{RawHttpClient, after_forgetting, answer};
use crate::wire::credentials::{Afterwards, Sent};
use crate::wire::raw::MAX_RESPONSE;
use crate::wire::sse;

/// A connection to a server that has only this transport.
pub(crate) struct LegacyTransport {
    client: RawHttpClient,
    endpoint: Url,
    events: BoxStream<'static, Result<Sse, SseError>>,
}

impl LegacyTransport {
    /// Opens the event stream and reads the endpoint.
    pub(crate) async fn open(client: RawHttpClient) -> Result<Self, RequestError> {
        let uri = client.credentials.server().as_str();
        let open = |sent: Sent| {
            let request = client.http.get(uri).header(ACCEPT, EVENT_STREAM_MIME_TYPE);
            let opened = sent.add_to(request).send();
            async move { answer::event_stream(opened.await.map_err(answer::unanswered)?) }
        };
        let response = client.credentials.authorize(Afterwards::Repeat, open).await?;
        let events = sse::events(response.bytes_stream(), MAX_RESPONSE);
        let mut events = sse::tapped(events, Arc::clone(&client.raws), None);
        let named = loop {
            let event = events.next().await.ok_or(RequestError::UnexpectedEndOfStream)??;
            if event.event.as_deref() == Some("endpoint") {
                break event.data.unwrap_or_default();
            }
        };
        let endpoint = endpoint(uri, &named)?;
        Ok(Self { client, endpoint, events })
    }
}

/// Returns the endpoint. Fails if it has another origin than the event stream: another server would
/// get the token and the arguments of calls.
fn endpoint(uri: &str, named: &str) -> Result<Url, RequestError> {
    let base = Url::parse(uri).ok();
    let endpoint = base.as_ref().and_then(|base| base.join(named.trim()).ok());
    match (base, endpoint) {
        (Some(base), Some(endpoint)) if base.origin() == endpoint.origin() => Ok(endpoint),
        _ => Err(RequestError::Client(HttpError::ForeignEndpoint)),
    }
}

impl Transport<RoleClient> for LegacyTransport {
    type Error = RequestError;

    fn name() -> Cow<'static, str> {
        "HTTP+SSE".into()
    }

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), RequestError>> + Send + 'static {
        let item: ClientJsonRpcMessage = item;
        let (client, endpoint) = (self.client.clone(), self.endpoint.clone());
        async move {
            client.admit(&item)?;
            let post = |sent: Sent| {
                let request = client.http.post(endpoint.clone()).json(&item);
                let posted = sent.add_to(request).send();
                async move { answer::accepted(posted.await.map_err(answer::unanswered)?).await }
            };
            client.credentials.authorize(after_forgetting(&item), post).await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            let event = match self.events.next().await? {
                Ok(event) => event,
                Err(error) => {
                    tracing::debug!("the server's event stream broke off: {error}");
                    return None;
                }
            };
            let message = event.data.and_then(|data| serde_json::from_str(&data).ok());
            if message.is_some() {
                return message;
            }
        }
    }

    async fn close(&mut self) -> Result<(), RequestError> {
        self.events = futures::stream::empty().boxed();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_has_the_origin_of_the_event_stream() {
        for (named, expected) in [
            ("/messages?session=1", Some("https://a.example/messages?session=1")),
            ("messages", Some("https://a.example/messages")),
            ("https://a.example:443/m", Some("https://a.example/m")),
            ("https://b.example/m", None),
            ("//b.example/m", None),
            ("http://a.example/m", None),
            ("https://a.example:444/m", None),
            ("https://a.example@b.example/m", None),
            ("file:///m", None),
        ] {
            let found = endpoint("https://a.example/sse", named).ok();
            assert_eq!(found.as_ref().map(Url::as_str), expected, "{named}");
        }
    }
}

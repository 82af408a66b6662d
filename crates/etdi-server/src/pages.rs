//! Lists a handler's tools as a client would, through an in-memory transport.

use etdi_types::listing::RawTool;
use etdi_types::{Listing, Page};
use rmcp::model::ProtocolVersion;
use rmcp::{ServerHandler, serve_server};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

use crate::error::ServerError;

/// Returns the texts of all tools that `handler` lists to a client of `version`.
pub(crate) async fn list<H: ServerHandler>(
    handler: H,
    version: &ProtocolVersion,
) -> Result<Vec<RawTool>, ServerError> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(async move {
        if let Ok(service) = serve_server(handler, theirs).await {
            let _ = service.waiting().await;
        }
    });
    let (from, to) = tokio::io::split(ours);
    let mut client = ListingClient { from: BufReader::new(from).lines(), to, version, requests: 0 };
    let tools = client.list().await;
    server.abort();
    tools
}

struct ListingClient<'v> {
    from: Lines<BufReader<ReadHalf<DuplexStream>>>,
    to: WriteHalf<DuplexStream>,
    version: &'v ProtocolVersion,
    requests: u64,
}

impl ListingClient<'_> {
    async fn list(&mut self) -> Result<Vec<RawTool>, ServerError> {
        if *self.version < ProtocolVersion::V_2026_07_28 {
            let client = json!({"name": "etdi-server", "version": env!("CARGO_PKG_VERSION")});
            let hello =
                json!({"protocolVersion": self.version, "capabilities": {}, "clientInfo": client});
            self.request("initialize", hello).await?;
            let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            self.send(&ready).await?;
        }
        let mut listing = Listing::default();
        let mut tools = Vec::new();
        let mut cursor = None;
        loop {
            let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
            let page = Page::parse(self.request("tools/list", params).await?.as_bytes())?;
            tools.extend(page.tools.iter().cloned());
            cursor = listing.add(page)?;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
    }

    /// Sends a request and returns the text of the answer.
    async fn request(&mut self, method: &str, mut params: Value) -> Result<String, ServerError> {
        if *self.version >= ProtocolVersion::V_2026_07_28
            && let Value::Object(params) = &mut params
        {
            params.insert(
                "_meta".to_owned(),
                json!({
                    "io.modelcontextprotocol/protocolVersion": self.version,
                    "io.modelcontextprotocol/clientCapabilities": {},
                }),
            );
        }
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await?;
        loop {
            let line = self.from.next_line().await.map_err(broken)?.ok_or_else(|| {
                ServerError::NotListed(format!("the handler ended the connection at `{method}`"))
            })?;
            let message: Value =
                serde_json::from_str(&line).map_err(|error| broken(error.into()))?;
            if message.get("method").is_some() {
                self.decline(&message).await?;
            } else if let Some(error) = message.get("error") {
                return Err(ServerError::NotListed(format!(
                    "`{method}` was answered with {error}"
                )));
            } else if message.get("id") == Some(&id.into()) {
                return Ok(line);
            }
        }
    }

    /// Refuses a request of the handler, which would otherwise wait for its client for ever.
    async fn decline(&mut self, request: &Value) -> Result<(), ServerError> {
        match request.get("id") {
            Some(id) => {
                let error = json!({"code": -32601, "message": "no client is connected yet"});
                self.send(&json!({"jsonrpc": "2.0", "id": id, "error": error})).await
            }
            None => Ok(()),
        }
    }

    async fn send(&mut self, message: &Value) -> Result<(), ServerError> {
        self.to.write_all(format!("{message}\n").as_bytes()).await.map_err(broken)
    }
}

fn broken(error: std::io::Error) -> ServerError {
    ServerError::NotListed(error.to_string())
}

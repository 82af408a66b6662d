//! One connection to a server, through rmcp alone or through `EtdiClient`, with the same methods for
//! both.

use std::collections::HashMap;
use std::process::Stdio;

use etdi::{Approval, ApprovedTool, Decision, EtdiClient, StdioCommand, TrustConfig};
use etdi_client::{CallError, ServerConnection};
use rmcp::model::{
    CallToolRequestParams, ErrorData, PaginatedRequestParams, ProtocolVersion, RequestMetaObject,
    Tool,
};
use rmcp::service::{
    ClientCacheConfig, ClientInitializeError, ClientLifecycleMode, ClientServiceExt,
    RunningService, ServiceError,
};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{Peer, RoleClient};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::host::Host;
use crate::peer::Serving;

/// A server: the command that starts it on stdio, or a running server on HTTP.
pub enum Place {
    Stdio(Vec<String>),
    Http(Serving),
}

pub enum Session {
    Bare(RunningService<RoleClient, Host>),
    Etdi(Box<ServerConnection>, HashMap<String, ApprovedTool>),
}

impl Session {
    /// Connects as `EtdiClient` does: the newest revision first.
    pub async fn bare(place: &Place, host: Host) -> Self {
        let mode = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        };
        let service = match Self::bare_once(place, host.clone(), mode.clone()).await {
            // rmcp alone takes the late answer of a server that starts slowly for another answer.
            Err(ClientInitializeError::ConflictInitResponseId(..)) => {
                Self::bare_once(place, host, mode).await
            }
            service => service,
        };
        let service = service.unwrap();
        service.peer().set_response_cache_config(ClientCacheConfig::disabled()).await;
        Self::Bare(service)
    }

    async fn bare_once(
        place: &Place,
        host: Host,
        mode: ClientLifecycleMode,
    ) -> Result<RunningService<RoleClient, Host>, ClientInitializeError> {
        match place {
            Place::Stdio(command) => {
                let (program, arguments) = command.split_first().unwrap();
                let mut command = Command::new(program);
                command.args(arguments).kill_on_drop(true);
                let child = TokioChildProcess::builder(command).stderr(Stdio::null()).spawn();
                host.serve_with_lifecycle(child.unwrap().0, mode).await
            }
            Place::Http(serving) => {
                let transport = StreamableHttpClientTransport::from_uri(serving.url.clone());
                host.serve_with_lifecycle(transport, mode).await
            }
        }
    }

    /// Connects through `EtdiClient`, as a person who approves every tool.
    pub async fn etdi(place: &Place, host: Host) -> Self {
        let client = EtdiClient::builder(TrustConfig::default()).handler(host).build().unwrap();
        let connection = match place {
            Place::Stdio(command) => {
                let (program, arguments) = command.split_first().unwrap();
                client.connect_stdio(StdioCommand::new(program).args(arguments)).await
            }
            Place::Http(serving) => client.connect_http(&serving.url).await,
        };
        let connection = connection.unwrap();
        let mut approved = HashMap::new();
        for tool in connection.discover().await.unwrap() {
            let Decision::Ask(request) = connection.decide(&tool).await.unwrap() else {
                panic!("{} must need an approval", tool.name())
            };
            let tool = connection.approve(request, Approval::by("alice")).await.unwrap();
            approved.insert(tool.name().to_owned(), tool);
        }
        Self::Etdi(Box::new(connection), approved)
    }

    pub fn peer(&self) -> &Peer<RoleClient> {
        match self {
            Self::Bare(service) => service.peer(),
            Self::Etdi(connection, _) => connection.peer(),
        }
    }

    pub fn protocol(&self) -> ProtocolVersion {
        self.peer().peer_info().unwrap().protocol_version.clone()
    }

    /// Returns the tools, page by page; `EtdiClient` returns all pages as one.
    pub async fn pages(&self) -> Vec<Vec<Tool>> {
        let Self::Bare(service) = self else {
            let Self::Etdi(connection, _) = self else { unreachable!() };
            return vec![connection.visible_tools().await.unwrap()];
        };
        let (mut pages, mut cursor) = (Vec::new(), None);
        loop {
            let params = PaginatedRequestParams::default().with_cursor(cursor);
            let page = service.peer().list_tools(Some(params)).await.unwrap();
            pages.push(page.tools);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return pages;
            }
        }
    }

    /// Returns the result of a call, or `{"error"}`.
    pub async fn call(&self, name: &str, arguments: &Value, meta: &Value) -> Value {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        let meta: RequestMetaObject = serde_json::from_value(meta.clone()).unwrap();
        match self {
            Self::Bare(service) => {
                let mut params =
                    CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
                params.meta = Some(meta);
                service.call_tool(params).await.map_or_else(|error| failed(&error), |r| json!(r))
            }
            Self::Etdi(connection, approved) => {
                let Some(tool) = approved.get(name) else {
                    return error(&ErrorData::invalid_params(format!("no tool {name}"), None));
                };
                match connection.call_with_meta(tool, arguments, meta).await {
                    Ok(result) => json!(result),
                    Err(CallError::Service(error)) => failed(&error),
                    Err(other) => panic!("{name}: {other}"),
                }
            }
        }
    }
}

/// Returns the error of the server, or else the error of the library.
pub fn failed(failure: &ServiceError) -> Value {
    match failure {
        ServiceError::McpError(said) => error(said),
        other => json!({"error": {"message": other.to_string()}}),
    }
}

fn error(said: &ErrorData) -> Value {
    json!({"error": said})
}

//! One connection to the server of a scenario, in either form.

use async_trait::async_trait;
use etdi::ResourceUri;
use etdi::client::{
    CallError, ConnectError, DiscoverError, HttpAuthorizer, ListError, ServerConnection,
};
use etdi::{Approval, ApprovedTool, Decision, EtdiClient, ModelTool, TrustConfig};
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject, ProtocolVersion, Tool};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError};
use rmcp::transport::streamable_http_client::{
    StreamableHttpClientTransport, StreamableHttpClientTransportConfig,
};
use rmcp::{Peer, RoleClient};
use secrecy::SecretString;

use super::host::Host;

/// The library that the client is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With rmcp alone.
    Bare,
    /// Through [`EtdiClient`].
    Judged,
}

/// A live connection.
pub enum Session {
    /// rmcp's running client.
    Bare(RunningService<RoleClient, Host>),
    /// A connection of `EtdiClient`.
    Judged(Box<ServerConnection>),
}

/// A tool that a host may call.
pub enum Callable {
    /// A tool as the server lists it.
    Bare(Tool),
    /// A tool that was let through, or approved.
    Judged(Box<ApprovedTool>, Tool),
}

/// The reason why a step failed.
#[derive(Debug)]
pub enum Failure {
    /// The server wants a token, or a token with more rights. Holds its challenge (RFC 6750, section
    /// 3).
    Challenge(String),
    /// Anything else.
    Other(String),
}

impl Session {
    /// Connects to the server at `url` with `token`.
    ///
    /// # Errors
    /// A [`Failure`].
    pub async fn connect(
        form: Form,
        url: &str,
        version: &str,
        token: Option<String>,
    ) -> Result<Self, Failure> {
        match form {
            Form::Bare => {
                let mut config = StreamableHttpClientTransportConfig::with_uri(url);
                if let Some(token) = token {
                    config = config.auth_header(token);
                }
                let transport = StreamableHttpClientTransport::from_config(config);
                let serving = Host.serve_with_lifecycle(transport, lifecycle(version)).await;
                let service = serving.map_err(|error| failure(error.auth_challenge(), &error))?;
                Ok(Self::Bare(service))
            }
            Form::Judged => {
                let etdi = EtdiClient::builder(TrustConfig::default())
                    .handler(Host)
                    .authorizer(Holding(token))
                    .build()
                    .map_err(other)?;
                let connection = etdi.connect_http(url).await?;
                Ok(Self::Judged(Box::new(connection)))
            }
        }
    }

    /// Returns the tools that a model would see, each in a form that can be called.
    ///
    /// # Errors
    /// A [`Failure`].
    pub async fn tools(&self) -> Result<Vec<Callable>, Failure> {
        match self {
            Self::Bare(service) => {
                Ok(service.list_all_tools().await?.into_iter().map(Callable::Bare).collect())
            }
            Self::Judged(connection) => {
                let mut tools = Vec::new();
                for tool in connection.discover().await? {
                    let approved = match connection.decide(&tool).await? {
                        Decision::Allow(approved) => approved,
                        Decision::Ask(request) => connection
                            .approve(request, Approval::by("alice"))
                            .await
                            .map_err(other)?,
                        Decision::Block(refusal) => {
                            eprintln!("{refusal}");
                            continue;
                        }
                    };
                    let tool = approved.tool().map_err(other)?;
                    tools.push(Callable::Judged(Box::new(approved), tool));
                }
                Ok(tools)
            }
        }
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// A [`Failure`].
    pub async fn call(
        &self,
        tool: &Callable,
        arguments: JsonObject,
    ) -> Result<CallToolResult, Failure> {
        match (self, tool) {
            (Self::Bare(service), Callable::Bare(tool)) => {
                let params = CallToolRequestParams::new(tool.name.clone());
                Ok(service.call_tool(params.with_arguments(arguments)).await?)
            }
            (Self::Judged(connection), Callable::Judged(tool, _)) => {
                Ok(connection.call(tool, arguments).await?)
            }
            _ => Err(Failure::Other("a tool of another session".to_owned())),
        }
    }

    /// Returns rmcp's peer, for everything except tools.
    pub fn peer(&self) -> &Peer<RoleClient> {
        match self {
            Self::Bare(service) => service.peer(),
            Self::Judged(connection) => connection.peer(),
        }
    }

    /// Ends the connection.
    pub async fn close(self) {
        match self {
            Self::Bare(service) => {
                service.cancel().await.ok();
            }
            Self::Judged(connection) => connection.close().await,
        }
    }
}

impl Callable {
    /// Returns the tool as rmcp describes it.
    pub fn tool(&self) -> &Tool {
        match self {
            Self::Bare(tool) => tool,
            Self::Judged(_, tool) => tool,
        }
    }
}

/// Returns the lifecycle that the suite requires for a revision.
fn lifecycle(version: &str) -> ClientLifecycleMode {
    if version < ProtocolVersion::V_2026_07_28.as_str() {
        return ClientLifecycleMode::Initialize;
    }
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

/// A token that the host obtained.
#[derive(Debug)]
struct Holding(Option<String>);

#[async_trait]
impl HttpAuthorizer for Holding {
    async fn bearer_token(
        &self,
        _: &ResourceUri,
    ) -> Result<Option<SecretString>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.clone().map(SecretString::from))
    }
}

fn other(error: impl ToString) -> Failure {
    Failure::Other(error.to_string())
}

fn failure(challenge: Option<&str>, error: &impl ToString) -> Failure {
    match challenge {
        Some(challenge) => Failure::Challenge(challenge.to_owned()),
        None => Failure::Other(error.to_string()),
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        failure(error.auth_challenge(), &error)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        failure(error.challenge(), &error)
    }
}

impl From<DiscoverError> for Failure {
    fn from(error: DiscoverError) -> Self {
        match &error {
            DiscoverError::Listing(ListError::Unauthorized { challenge, .. }) => {
                failure(challenge.as_deref(), &error)
            }
            DiscoverError::Listing(ListError::Service(source)) => {
                failure(source.auth_challenge(), &error)
            }
            _ => other(error),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::InsufficientScope { scopes } => {
                Self::Challenge(format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\""))
            }
            CallError::Unauthorized { challenge } => Self::Challenge(challenge),
            CallError::Discover(error) => error.into(),
            error => other(error),
        }
    }
}

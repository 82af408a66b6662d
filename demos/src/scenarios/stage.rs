//! The two servers of a scenario, and the clients that connect to them.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use etdi::client::{CallError, ServerConnection};
use etdi::oauth::BearerToken;
use etdi::server::ACCESS_TOKEN_VARIABLE;
use etdi::{
    Approval, ApprovedTool, Decision, EtdiClient, JudgedTool, ServerIdentity, SigningKey,
    StdioCommand,
};
use reqwest::header::WWW_AUTHENTICATE;
use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject, Tool};
use rmcp::service::{RunningService, ServiceExt};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use serde_json::json;
use tempfile::TempDir;

use super::idp::IdentityProvider;
use crate::claims::Transport;
use crate::identity::loopback;
use crate::process::{HttpServer, Launcher};
use crate::servers::{KEY_FILE, Role, TOOL};
use crate::state::State;

/// The document that must not leak. Its numbers are published test numbers.
pub(super) const DOCUMENT: &str = "Contract of ada@example.org, +44 20 7946 0958.\n\
    Card 4111 1111 1111 1111, account DE89 3704 0044 0532 0130 00, SSN 219-09-9999.\n";
/// The kinds of data that the scanner must find in the document.
pub(super) const FINDINGS: &str = "email phone card iban ssn";

/// Two running servers, and the trust that a user has configured: TrustedSoft's key, and the issuer that
/// vouches for it.
pub(super) struct Stage<'a> {
    pub(super) identity: &'a IdentityProvider,
    pub(super) legitimate: Server,
    pub(super) impostor: Server,
    key: SigningKey,
    _folder: TempDir,
}

impl<'a> Stage<'a> {
    pub(super) async fn set(
        transport: Transport,
        launcher: &Launcher,
        identity: &'a IdentityProvider,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let key = SigningKey::generate()?;
        let legitimate = State::at(folder.path().join("legitimate"))?;
        legitimate.write(KEY_FILE, &key.to_pem()?)?;
        legitimate.set_offer("1.0.0")?;
        identity.introduce(&legitimate, None)?;
        let impostor = State::at(folder.path().join("impostor"))?;
        impostor.set_offer("copy")?;
        Ok(Self {
            identity,
            legitimate: Server::start(Role::Legitimate, transport, launcher, legitimate).await?,
            impostor: Server::start(Role::Impostor, transport, launcher, impostor).await?,
            key,
            _folder: folder,
        })
    }

    /// Returns a new client at level Enhanced, without approvals, that trusts TrustedSoft.
    pub(super) fn client(&self) -> anyhow::Result<EtdiClient> {
        let trust = self.identity.trust(&self.key)?;
        // The client must not use an older listing: the servers change between two lines of the demo.
        let builder = EtdiClient::builder(trust).definition_max_age(Duration::ZERO);
        Ok(builder.network(loopback()).build()?)
    }
}

/// One server of the stage.
pub(super) struct Server {
    pub(super) state: State,
    reached: Reached,
}

enum Reached {
    Http(HttpServer),
    Stdio(StdioCommand),
}

impl Server {
    pub(super) async fn start(
        role: Role,
        transport: Transport,
        launcher: &Launcher,
        state: State,
    ) -> anyhow::Result<Self> {
        let reached = match transport {
            Transport::Http => Reached::Http(launcher.http(role, state.path()).await?),
            Transport::Stdio => Reached::Stdio(launcher.stdio(role, state.path())),
        };
        Ok(Self { state, reached })
    }

    /// Calls the tool over HTTP without ETDI, with this token. Returns the status and the challenge.
    pub(super) async fn post_call(&self, token: &BearerToken) -> anyhow::Result<String> {
        let Reached::Http(server) = &self.reached else {
            anyhow::bail!("cannot post a call: the server is on stdio")
        };
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": TOOL, "arguments": arguments()},
        });
        let client = reqwest::Client::builder().no_proxy().build()?;
        let response = client
            .post(&server.url)
            .bearer_auth(token.expose())
            .header("accept", "application/json, text/event-stream")
            .json(&body)
            .send()
            .await?;
        let challenge = response.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let parts: Vec<_> = challenge
            .split(", ")
            .filter(|part| part.starts_with("error=") || part.starts_with("scope="))
            .collect();
        Ok(format!("{}, {}", response.status().as_u16(), parts.join(", ")))
    }

    /// Starts the server on stdio with this token for its calls. Returns its exit status and its error
    /// message.
    pub(super) async fn started_with(&self, token: &BearerToken) -> anyhow::Result<String> {
        let Reached::Stdio(command) = &self.reached else {
            anyhow::bail!("cannot pass a token at the start: the server is on HTTP")
        };
        let output = tokio::process::Command::new(&command.command)
            .args(&command.args)
            .env(ACCESS_TOKEN_VARIABLE, token.expose())
            .stdin(Stdio::null())
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(format!("exit status {}, {}", output.status.code().unwrap_or(-1), said.trim()))
    }

    /// Returns the identity under which a host configures tokens for this server.
    pub(super) fn identity(&self) -> anyhow::Result<ServerIdentity> {
        Ok(match &self.reached {
            Reached::Http(server) => server.url.parse()?,
            Reached::Stdio(command) => command.into(),
        })
    }

    /// Connects through ETDI.
    pub(super) async fn connect(&self, client: &EtdiClient) -> anyhow::Result<ServerConnection> {
        Ok(match &self.reached {
            Reached::Http(server) => client.connect_http(&server.url).await?,
            Reached::Stdio(command) => client.connect_stdio(command.clone()).await?,
        })
    }

    /// Connects without ETDI, as any MCP client does.
    pub(super) async fn connect_plainly(&self) -> anyhow::Result<RunningService<RoleClient, ()>> {
        Ok(match &self.reached {
            Reached::Http(server) => {
                ().serve(StreamableHttpClientTransport::from_uri(server.url.as_str())).await?
            }
            Reached::Stdio(command) => {
                let mut process = tokio::process::Command::new(&command.command);
                process.args(&command.args);
                ().serve(TokioChildProcess::new(process)?).await?
            }
        })
    }

    /// Returns the tool as any client can read it.
    pub(super) async fn read_tool(&self) -> anyhow::Result<Tool> {
        let client = self.connect_plainly().await?;
        let tools = client.list_all_tools().await?;
        client.cancel().await?;
        tools.into_iter().next().context("the server lists no tool")
    }
}

/// Returns the one tool of a server, judged.
pub(super) async fn judged(server: &ServerConnection) -> anyhow::Result<JudgedTool> {
    server.discover().await?.into_iter().next().context("the server lists no tool")
}

/// Calls the server's tool if it is allowed; a question stays without an answer. Returns the outcome in
/// a few words.
pub(super) async fn unattended(server: &ServerConnection) -> anyhow::Result<String> {
    let tool = judged(server).await?;
    Ok(match server.decide(&tool).await? {
        Decision::Allow(approved) => called(server.call(&approved, arguments()).await),
        Decision::Ask(_) => format!("ApprovalRequired: {}", verdict(&tool)),
        Decision::Block(_) => format!("blocked: {}", verdict(&tool)),
    })
}

/// Calls a tool that was approved before, and returns the outcome.
pub(super) async fn call_again(server: &ServerConnection, approved: &ApprovedTool) -> String {
    called(server.call(approved, arguments()).await)
}

fn called(result: Result<CallToolResult, CallError>) -> String {
    match result {
        Ok(result) => format!("called, found {}", kinds(&result)),
        Err(CallError::ApprovalRequired(request)) => {
            format!("ApprovalRequired: {}", verdict(request.tool()))
        }
        Err(CallError::Blocked(refusal)) => {
            format!("blocked: {}", verdict(refusal.tool()))
        }
        Err(error) => format!("failed: {error}"),
    }
}

/// Returns the names of a verdict: who, then what.
pub(super) fn verdict(tool: &JudgedTool) -> String {
    match tool.verdict() {
        Some(verdict) => {
            let what: Vec<_> = verdict.what.iter().map(|what| what.name()).collect();
            format!("{}, {}", verdict.who.name(), what.join(", "))
        }
        None => "malformed".to_owned(),
    }
}

/// Approves the current offer of the server, like a person who has read the question.
pub(super) async fn approve(server: &ServerConnection) -> anyhow::Result<ApprovedTool> {
    let tool = judged(server).await?;
    match server.decide(&tool).await? {
        Decision::Allow(approved) => Ok(approved),
        Decision::Ask(request) => Ok(server.approve(request, Approval::by("demo user")).await?),
        Decision::Block(refusal) => anyhow::bail!("{refusal}"),
    }
}

/// Calls the scanner without ETDI, as any MCP client does.
pub(super) async fn call_plainly(
    client: &RunningService<RoleClient, ()>,
) -> anyhow::Result<CallToolResult> {
    Ok(client.call_tool(CallToolRequestParams::new(TOOL).with_arguments(arguments())).await?)
}

/// Returns the kinds of the findings in a result.
pub(super) fn kinds(result: &CallToolResult) -> String {
    let findings = result.structured_content.as_ref().and_then(|c| c.get("findings")?.as_array());
    let kinds = findings.into_iter().flatten().filter_map(|f| f.get("kind")?.as_str());
    kinds.collect::<Vec<_>>().join(" ")
}

fn arguments() -> JsonObject {
    match json!({"document": DOCUMENT}) {
        serde_json::Value::Object(arguments) => arguments,
        _ => JsonObject::new(),
    }
}

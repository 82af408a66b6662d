//! One connection to one server.

pub(crate) mod approve;
pub(crate) mod call;
pub(crate) mod executable;
pub(crate) mod instructions;
pub(crate) mod reads;
pub(crate) mod relaunch;
pub(crate) mod tokens;

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use etdi_judge::{Decision, Judge, JudgedTool, StoreError};
use etdi_types::{Instructions, ServerIdentity};
use rmcp::model::Tool;
use rmcp::{Peer, RoleClient};

use crate::connection::executable::{Executable, ExecutableState};
use crate::connection::instructions::InstructionsState;
use crate::connection::reads::{Reading, Reads};
use crate::connection::tokens::Tokens;
use crate::error::DiscoverError;
use crate::model_tool::ModelTool;
use crate::wire::error::ConnectError;
use crate::wire::link::Link;

/// A live connection to one server. The tools of the server are read only through this connection.
/// They are judged before a host sees them, and again before each call.
///
/// Dropping it closes the connection and ends a child process.
pub struct ServerConnection {
    judge: Judge,
    link: Link,
    reads: Reads,
    tokens: Option<Arc<Tokens>>,
    executable: Option<Executable>,
    received_instructions: Option<Instructions>,
}

impl ServerConnection {
    pub(crate) fn new(
        judge: Judge,
        link: Link,
        startup: &[u8],
        executable: Option<Executable>,
        tokens: Option<Arc<Tokens>>,
    ) -> Result<Self, ConnectError> {
        let received_instructions =
            Instructions::from_response(startup).map_err(ConnectError::Refused)?;
        judge.reporter().connected(link.protocol());
        let reads = Reads::default();
        Ok(Self { judge, link, reads, tokens, executable, received_instructions })
    }

    /// Returns the identity of the server, under which its pins and approvals are kept.
    #[must_use]
    pub fn server(&self) -> &ServerIdentity {
        self.judge.server()
    }

    /// Reads all pages of the server's tools and judges each tool. The result includes blocked
    /// tools, with the reason. Show a model [`visible_tools`](Self::visible_tools) instead.
    ///
    /// # Errors
    /// [`DiscoverError`]: do not use any tool.
    pub async fn discover(&self) -> Result<Vec<JudgedTool>, DiscoverError> {
        let reading = self.read_now().await?;
        Ok(self.judge.discover(&reading.snapshot).await?)
    }

    /// Returns the decision on a tool that [`discover`](Self::discover) returned, by the records
    /// that are stored now.
    ///
    /// # Errors
    /// [`DiscoverError::Store`] if the store fails.
    pub async fn decide(&self, tool: &JudgedTool) -> Result<Decision, DiscoverError> {
        Ok(self.judge.decide(tool).await?)
    }

    /// Returns the tools that a model may see: the definitions that were let through, without any
    /// text of the others.
    ///
    /// # Errors
    /// As [`discover`](Self::discover).
    pub async fn visible_tools(&self) -> Result<Vec<Tool>, DiscoverError> {
        let reading = self.read_now().await?;
        let decisions = self.judge.decide_all(&reading.snapshot).await?;
        let allowed = decisions.into_iter().filter_map(|decision| match decision {
            Decision::Allow(approved) => approved.tool().ok(),
            Decision::Ask(_) | Decision::Block(_) => None,
        });
        Ok(allowed.collect())
    }

    /// Returns rmcp's peer, for prompts, resources, completions, subscriptions, and custom requests
    /// and notifications, which pass through unchanged. A request to list or call tools through it
    /// is refused with [`NotJudged`](crate::NotJudged) and not sent.
    #[must_use]
    pub fn peer(&self) -> &Peer<RoleClient> {
        self.link.peer()
    }

    /// Closes the connection: running calls fail, and a child process is ended.
    pub async fn close(&self) {
        self.link.close().await;
    }

    /// Forgets every record of a tool of this server, by its id or its served name. Only this ends
    /// the verdicts `Tampered` and `Replaced`, and only a person may decide it. Returns whether
    /// there was a record.
    ///
    /// # Errors
    /// [`StoreError::TwoTools`] if the word is the id of one tool and the name of another; another
    /// [`StoreError`] if the tool cannot be forgotten.
    pub async fn forget(&self, tool: &str) -> Result<bool, StoreError> {
        self.judge.forget(tool).await
    }

    /// Returns the state of the server's instructions.
    ///
    /// # Errors
    /// [`DiscoverError`] if the store fails.
    pub async fn instructions(&self) -> Result<InstructionsState, DiscoverError> {
        let received = self.received_instructions.as_ref();
        Ok(InstructionsState::of(received, &self.judge).await?)
    }

    /// Returns the state of the program behind this server. The first program that is seen is put
    /// on record.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    pub async fn executable(&self) -> Result<ExecutableState, StoreError> {
        match &self.executable {
            Some(executable) => executable.state(&self.judge).await,
            None => Ok(ExecutableState::Unknown),
        }
    }

    /// Puts the program that runs now on record, because a person has seen the change.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails, or if another program was put on record in the meantime.
    pub async fn acknowledge_executable(&self, by: impl Into<String>) -> Result<(), StoreError> {
        match &self.executable {
            Some(executable) => executable.acknowledge(&self.judge, by).await,
            None => Ok(()),
        }
    }

    /// Reads the listing again, even if an earlier one is young enough.
    async fn read_now(&self) -> Result<Arc<Reading>, DiscoverError> {
        Ok(self.reads.now(&self.link, &self.judge).await?)
    }
}

impl Debug for ServerConnection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConnection").field("server", self.server()).finish_non_exhaustive()
    }
}

impl Drop for ServerConnection {
    fn drop(&mut self) {
        self.judge.reporter().disconnected();
    }
}

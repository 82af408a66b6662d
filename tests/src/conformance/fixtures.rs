//! The parts that the suite expects of a server, as data.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rmcp::model::{
    ContentBlock, ElicitRequestParams, InputRequests, Prompt, Resource, ResourceTemplate,
    ServerCapabilities, Tool,
};
use serde::Deserialize;

/// `fixtures.json`, read once.
pub static FIXTURES: LazyLock<Fixtures> = LazyLock::new(|| {
    serde_json::from_str(include_str!("fixtures.json")).expect("rmcp can read the fixtures")
});

/// All listings, and all fixed answers.
#[derive(Debug, Deserialize)]
pub struct Fixtures {
    /// The capabilities of the server.
    pub capabilities: ServerCapabilities,
    /// The tools, in the order of the listing.
    pub tools: Vec<Tool>,
    /// The contents that a tool returns, for any arguments.
    pub answers: BTreeMap<String, Vec<ContentBlock>>,
    /// The questions of a tool to the user (MCP 2025-11-25).
    pub elicitations: BTreeMap<String, ElicitRequestParams>,
    /// The questions of a tool or prompt in rounds (MCP 2026-07-28), by the end of its name.
    pub rounds: BTreeMap<String, Rounds>,
    /// The prompts.
    pub prompts: Vec<Prompt>,
    /// The resources that are listed.
    pub resources: Vec<Resource>,
    /// The templates of resources.
    pub templates: Vec<ResourceTemplate>,
    /// A PNG image of one pixel, in base64.
    pub image: String,
}

/// The questions, round by round.
#[derive(Debug, Deserialize)]
pub struct Rounds {
    /// The requests of each round.
    pub inputs: Vec<InputRequests>,
    /// Whether each round has a state that the client must send back.
    #[serde(default)]
    pub state: bool,
}

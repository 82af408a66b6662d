//! What the suite expects a server to have, as data.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rmcp::model::{
    ContentBlock, ElicitRequestParams, InputRequests, Prompt, Resource, ResourceTemplate,
    ServerCapabilities, Tool,
};
use serde::Deserialize;

/// `fixtures.json`, read once.
pub static FIXTURES: LazyLock<Fixtures> = LazyLock::new(|| {
    serde_json::from_str(include_str!("fixtures.json")).expect("the fixtures are what rmcp reads")
});

/// Everything that is listed, and every answer that is always the same.
#[derive(Debug, Deserialize)]
pub struct Fixtures {
    /// What the server says that it can do.
    pub capabilities: ServerCapabilities,
    /// The tools, in the order of the listing.
    pub tools: Vec<Tool>,
    /// The contents that a tool returns, whatever it is called with.
    pub answers: BTreeMap<String, Vec<ContentBlock>>,
    /// What a tool asks the user (MCP 2025-11-25).
    pub elicitations: BTreeMap<String, ElicitRequestParams>,
    /// What a tool or prompt asks for in rounds (MCP 2026-07-28), by the end of its name.
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

/// What is asked for, round by round.
#[derive(Debug, Deserialize)]
pub struct Rounds {
    /// The requests of each round.
    pub inputs: Vec<InputRequests>,
    /// Whether each round carries a state that must come back.
    #[serde(default)]
    pub state: bool,
}

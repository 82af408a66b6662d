//! The steps of a host in each scenario of the suite.

use rmcp::model::{GetPromptRequestParams, JsonObject, ReadResourceRequestParams, Tool};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::authorizer::{Authorizer, Context};
use super::session::{Callable, Failure, Form, Session};

/// A scenario, as the suite describes it to the client.
#[derive(Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The revision of MCP.
    pub version: String,
    /// The server's endpoint.
    pub url: String,
    /// Further values, as JSON.
    pub context: Value,
}

#[derive(Debug, Deserialize)]
struct Call {
    name: String,
    arguments: JsonObject,
}

impl Scenario {
    /// Plays the scenario. If the server asks for a token, obtains one and begins again.
    ///
    /// # Errors
    /// The first [`Failure`] that a token cannot solve.
    pub async fn run(&self, form: Form) -> Result<(), Failure> {
        let context: Context = serde_json::from_value(self.context.clone()).unwrap_or_default();
        let credentials_grant = self.name.starts_with("auth/client-credentials");
        let mut authorizer = Authorizer::new(&self.url, context, credentials_grant);
        loop {
            match self.attempt(form, authorizer.token()).await {
                Err(Failure::Challenge(challenge)) => authorizer.answer(&challenge).await?,
                outcome => return outcome,
            }
        }
    }

    async fn attempt(&self, form: Form, token: Option<String>) -> Result<(), Failure> {
        let session = Session::connect(form, &self.url, &self.version, token).await?;
        let done = self.play(&session).await;
        session.close().await;
        done
    }

    async fn play(&self, session: &Session) -> Result<(), Failure> {
        let tools = session.tools().await?;
        match &*self.name {
            "initialize" | "request-metadata" | "json-schema-ref-no-deref" => return Ok(()),
            "http-custom-headers" => {
                let calls = self.context.get("toolCalls").cloned().unwrap_or_default();
                let calls: Vec<Call> = serde_json::from_value(calls).unwrap_or_default();
                for Call { name, arguments } in calls {
                    if let Some(tool) = find(&tools, &name) {
                        session.call(tool, arguments).await?;
                    }
                }
                return Ok(());
            }
            "json-schema-2020-12-preservation" => {
                let rich = find(&tools, "json_schema_2020_12_tool");
                let echo = find(&tools, "json_schema_echo");
                if let (Some(rich), Some(echo)) = (rich, echo) {
                    let arguments = json!({ "schema": *rich.tool().input_schema });
                    session.call(echo, object(arguments)).await?;
                }
                return Ok(());
            }
            "http-standard-headers" => {
                let peer = session.peer();
                for resource in peer.list_all_resources().await? {
                    peer.read_resource(ReadResourceRequestParams::new(resource.uri)).await?;
                }
                for prompt in peer.list_all_prompts().await? {
                    peer.get_prompt(GetPromptRequestParams::new(prompt.name)).await?;
                }
            }
            _ => {}
        }
        for tool in &tools {
            session.call(tool, sample(tool.tool())).await?;
        }
        Ok(())
    }
}

fn find<'a>(tools: &'a [Callable], name: &str) -> Option<&'a Callable> {
    tools.iter().find(|tool| tool.tool().name == name)
}

/// Returns arguments of the right types.
fn sample(tool: &Tool) -> JsonObject {
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    let value = |schema: &Value| match schema["type"].as_str() {
        Some("number" | "integer") => json!(5),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("text"),
    };
    let properties = properties.into_iter().flatten();
    properties.map(|(name, schema)| (name.clone(), value(schema))).collect()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

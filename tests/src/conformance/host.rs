//! The answers of the client under test to requests from a server.
#![expect(deprecated, reason = "revision 2025-11-25 still has sampling and roots")]

use rmcp::model::{
    ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ElicitationAction, Implementation, ListRootsResult, Root, SamplingMessage,
};
use rmcp::service::RequestContext;
use rmcp::{ClientHandler, ErrorData, RoleClient};
use serde_json::{Map, Value, json};

/// A host with a model, and with a user who accepts every proposal.
#[derive(Clone, Copy, Debug)]
pub struct Host;

impl ClientHandler for Host {
    fn get_info(&self) -> ClientConfig {
        let capabilities = json!({ "elicitation": {}, "roots": {}, "sampling": {} });
        let capabilities = serde_json::from_value(capabilities).unwrap_or_default();
        let named = Implementation::new("etdi-conformance-client", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(capabilities, named)
    }

    async fn create_message(
        &self,
        _: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let message = SamplingMessage::assistant_text("Paris");
        Ok(CreateMessageResult::new(message, "a-model".to_owned()))
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![Root::new("file:///work")]))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let request = json!(request);
        let accepted = defaults(&request["requestedSchema"]["properties"]);
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(accepted))
    }
}

/// Returns the default of each property that has one (SEP-1034).
fn defaults(properties: &Value) -> Value {
    let properties = properties.as_object().into_iter().flatten();
    let with_default = properties.filter_map(|(name, schema)| {
        let default = schema.get("default")?;
        Some((name.clone(), default.clone()))
    });
    Value::Object(with_default.collect::<Map<_, _>>())
}

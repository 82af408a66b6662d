//! Converts an approved tool to rmcp's `Tool`.

use etdi_judge::{ApprovedTool, Problem};
use rmcp::model::Tool;
use serde_json::Value;

/// The conversion of an approved tool to rmcp's `Tool`.
pub trait ModelTool {
    /// Returns exactly the definition that was let through, without its evidence.
    ///
    /// # Errors
    /// [`Problem::NotMcp`] if rmcp cannot read the definition. A
    /// [`ServerConnection`](crate::ServerConnection) blocks such a tool, so this never fails for a
    /// tool of a connection.
    fn tool(&self) -> Result<Tool, Problem>;
}

impl ModelTool for ApprovedTool {
    fn tool(&self) -> Result<Tool, Problem> {
        serde_json::from_value(Value::Object(self.projection())).map_err(|_| Problem::NotMcp)
    }
}

//! Decides whether a tool may be called.

use etdi_types::listing::MAX_PAGES;
use etdi_types::text::escaped;
use rmcp::model::{ErrorCode, PaginatedRequestParams, Tool};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;

use crate::attest::not_attested;
use crate::catalog::{Definitions, ToolStanding};
use crate::problem::ToolProblem;
use crate::secured::{CALL_REFUSED, Secured};

impl<H: ServerHandler> Secured<H> {
    /// Fails if the tool `name` may not be called.
    pub(crate) async fn admit(
        &self,
        name: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let standing = self.secure.catalog().standing(name);
        match standing {
            ToolStanding::Unsigned => return Ok(()),
            ToolStanding::Unknown => {
                let message = format!("unknown tool: {}", escaped(name));
                return Err(ErrorData::invalid_params(message, None));
            }
            ToolStanding::Unlisted | ToolStanding::Refused(_) | ToolStanding::Published(_) => {}
        }
        // If the handler's `get_tool` returns the tool, it is compared with its definition at every
        // call.
        match self.handler.get_tool(name) {
            Some(tool) => {
                self.publish(&mut [tool]).map_err(|problem| refusal(CALL_REFUSED, &problem))?;
            }
            None if standing == ToolStanding::Unlisted => self.list_for(name, context).await?,
            None => {}
        }
        let standing = self.secure.catalog().standing(name);
        match standing {
            // Clients are sent attested tools only, so attest the tool before it is called.
            ToolStanding::Published(_) if self.attests => self.attest([name], context).await,
            ToolStanding::Published(_) => Ok(()),
            ToolStanding::Refused(problem) => Err(refusal(CALL_REFUSED, &problem)),
            _ => Err(refusal(CALL_REFUSED, &ToolProblem::NotServed { tool: name.to_owned() })),
        }
    }

    /// Obtains an attestation, unless the published tools of these names are attested already. One
    /// attestation binds all tools, so all tools are listed before another attestation is asked
    /// for.
    pub(crate) async fn attest<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if !self.secure.catalog().lacks_attestation(names) {
            return Ok(());
        }
        self.list_until(|_| false, context).await?;
        self.secure.attest(Definitions::new()).await.map_err(|_| not_attested())
    }

    /// Publishes the handler's listing page by page until the tool appears.
    async fn list_for(
        &self,
        name: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.list_until(|tool| tool.name == name, context).await
    }

    async fn list_until(
        &self,
        found: impl Fn(&Tool) -> bool,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let mut page = None;
        for _ in 0..MAX_PAGES {
            let mut listed = self.handler.list_tools(page, context.clone()).await?;
            self.publish(&mut listed.tools).map_err(|problem| refusal(CALL_REFUSED, &problem))?;
            if listed.next_cursor.is_none() || listed.tools.iter().any(&found) {
                break;
            }
            page = Some(PaginatedRequestParams::default().with_cursor(listed.next_cursor));
        }
        Ok(())
    }
}

/// Returns the answer to a client: the tool and the reason, without the texts that are not
/// published.
pub(crate) fn refusal(code: i32, problem: &ToolProblem) -> ErrorData {
    let message = format!(
        "the server refuses to publish its tool `{}` as it is ({}); its log has the details",
        escaped(problem.tool()),
        problem.reason(),
    );
    let data = json!({"tool": problem.tool(), "reason": problem.reason()});
    ErrorData::new(ErrorCode(code), message, Some(data))
}

//! Approving by digest, without a question: the digests say which definitions a person has looked at.

use etdi::text::escaped;
use etdi::{ApprovalRequest, Decision, Digest, JudgedTool, ToolDefinition, What};

use super::approving::{Approving, undecided};
use crate::exit::CliError;
use crate::show::instructions::{self, Given};

impl Approving<'_> {
    /// Approves only tools and instructions with one of the digests. If a named tool has another digest,
    /// approves no tool.
    pub(super) async fn by_digest(&mut self) -> Result<(), CliError> {
        let tools = self.selected()?;
        let given = match self.order.all || self.order.instructions {
            true => Given::by(self.session).await?,
            false => None,
        };
        if self.order.instructions && given.is_none() {
            return Err(instructions::none());
        }
        if !self.order.all {
            self.refuse_others(&tools)?;
            if let Some(given) =
                given.as_ref().filter(|given| !self.order.yes.contains(&given.digest()))
            {
                let next = self.session.command("show", "--instructions");
                let what = "cannot approve the instructions: the digest in --yes is not the digest of \
                            the instructions that the server gives now";
                return Err(CliError::refused(what).at(given.digest()).next(next));
            }
        }
        let mut requests = Vec::new();
        for tool in &tools {
            requests.extend(self.one(tool).await?);
        }
        if !requests.is_empty() {
            self.store(requests).await?;
        }
        let Some(given) = given else { return Ok(()) };
        if !self.order.yes.contains(&given.digest()) {
            if given.request().is_some() {
                self.outcome.instructions_wait(Some(given.digest()));
            }
            return Ok(());
        }
        self.outcome.matched(given.digest());
        match given.request() {
            None => self.outcome.instructions_already(given.digest(), self.context),
            Some(_) if self.order.until.is_some() => self.endless(&given),
            Some(request) => self.store_instructions(request, given.digest()).await?,
        }
        Ok(())
    }

    /// Returns the request for a tool with one of the digests. Reports every other tool.
    async fn one(&mut self, tool: &JudgedTool) -> Result<Option<ApprovalRequest>, CliError> {
        let digest = digest_of(tool);
        let meant = digest.is_some_and(|digest| self.order.yes.contains(&digest));
        if let Some(digest) = digest.filter(|_| meant) {
            self.outcome.matched(digest);
        }
        match self.session.connection.decide(tool).await.map_err(undecided)? {
            Decision::Allow(_) if !meant => {}
            Decision::Allow(_) => self.already(tool).await?,
            Decision::Ask(_) if !meant => self.outcome.waits(tool.name(), digest),
            // A person must look at a copy of another server's tool, so --all does not approve it.
            Decision::Ask(_) if self.order.all && is_copy(tool) => {
                self.outcome.waits(tool.name(), digest);
                let what = "cannot approve the tool with --all: it is a copy of a tool on another server; \
                            look at it, then approve it by its name";
                let next = self.session.command_on("show", tool, "");
                self.outcome
                    .failed(CliError::refused(what).at(tool.name()).next(next), self.context);
            }
            Decision::Ask(request) => return Ok(Some(request)),
            Decision::Block(refusal) => {
                self.outcome.refused(tool, self.context);
                if meant {
                    self.outcome.failed(self.is_refused(&refusal), self.context);
                }
            }
        }
        Ok(None)
    }

    fn refuse_others(&self, tools: &[&JudgedTool]) -> Result<(), CliError> {
        for tool in tools {
            if let Some(digest) = digest_of(tool).filter(|digest| !self.order.yes.contains(digest))
            {
                let next = self.session.command_on("show", tool, "");
                let what = format!(
                    "cannot approve the tool \"{}\": the digest in --yes is not the digest of the \
                     definition that the server lists now",
                    escaped(tool.name())
                );
                return Err(CliError::refused(what).at(digest).next(next));
            }
        }
        Ok(())
    }
}

fn is_copy(tool: &JudgedTool) -> bool {
    let mut what = tool.verdict().into_iter().flat_map(|verdict| &verdict.what);
    what.any(|what| matches!(what, What::Shadowed { .. }))
}

fn digest_of(tool: &JudgedTool) -> Option<Digest> {
    tool.definition().map(ToolDefinition::digest)
}

//! Approving one refused tool with `--override`, in the cases where a person may.

use etdi::verdict::{DenyReason, UnknownReason};
use etdi::{Decision, JudgedTool, May, ToolDefinition, What, Who};

use super::approving::{Approving, undecided, unseen};
use super::outcome::declined;
use crate::exit::CliError;
use crate::show::tool::Question;
use crate::terminal::line::Line;

impl Approving<'_> {
    /// Asks whether to approve the one tool that the order names, against its refusal.
    pub(super) async fn against_refusal(&mut self) -> Result<(), CliError> {
        let [tool] = self.selected()?[..] else { return Ok(()) };
        let refusal = match self.session.connection.decide(tool).await.map_err(undecided)? {
            Decision::Block(refusal) => refusal,
            Decision::Allow(_) => return self.already(tool).await,
            Decision::Ask(_) => {
                return Err(CliError::new(
                    "cannot use --override: the tool is not refused, it waits for approval",
                )
                .at(tool.name())
                .next(self.session.command_on("approve", tool, "")));
            }
        };
        let Some(request) = refusal.override_request() else {
            self.outcome.refused(tool, self.context);
            return Err(self.is_refused(&refusal));
        };
        let deeds = self.deeds(tool)?;
        Question::about(tool, self.session).await?.show_all(self.context);
        for deed in deeds {
            self.context.out.indented(Line::new().warn("Approving it ").warn(deed), 4);
        }
        self.agreed(tool)?;
        let mut approval = self.order.approval.clone();
        if let Some(key) = &self.order.key {
            approval = approval.pinning(key.clone());
        }
        let approved = self.session.connection.approve(request, approval).await;
        let approved = approved.map_err(|error| self.not_approved(error))?;
        self.outcome.approved(&approved, self.context);
        Ok(())
    }

    /// Returns the effects of the approval, for the person: it may pin a key, approve an older version
    /// again or grant permissions.
    fn deeds(&self, tool: &JudgedTool) -> Result<Vec<String>, CliError> {
        let mut deeds = Vec::new();
        let verdict = tool.verdict();
        let untrusted = verdict.is_some_and(|verdict| {
            matches!(&verdict.who, Who::Unknown { why: UnknownReason::UntrustedKey { .. } })
        });
        match (&self.order.key, untrusted) {
            (Some(key), true) => {
                deeds.push(format!("pins the key {} for this server only", key.thumbprint()));
            }
            (None, true) => {
                return Err(CliError::refused(
                    "cannot approve the tool: the trust configuration does not have its key; get the key from the publisher, not from the server",
                )
                .at(tool.name())
                .next(self.session.command_on("approve", tool, "--override --key FILE")));
            }
            (Some(_), false) => {
                return Err(CliError::new(
                    "cannot use --key: the key is not the reason why the tool is refused",
                )
                .next("leave out --key"));
            }
            (None, false) => {}
        }
        for what in verdict.into_iter().flat_map(|verdict| &verdict.what) {
            if let What::RolledBack { approved, .. } = what {
                let was = approved.as_ref().map(|version| format!(", lower than {version}"));
                deeds.push(format!(
                    "approves an earlier definition again{}, with its old faults",
                    was.unwrap_or_default()
                ));
            }
        }
        if let Some(May::Denied { why: DenyReason::MissingScopes { scopes } }) =
            verdict.map(|verdict| &verdict.may)
        {
            let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            deeds.push(format!("grants new permissions: {}", scopes.join(" ")));
        }
        Ok(deeds)
    }

    /// Fails unless the person agrees, with an answer or with the digest.
    fn agreed(&mut self, tool: &JudgedTool) -> Result<(), CliError> {
        let digest = tool.definition().map(ToolDefinition::digest);
        if !self.order.yes.is_empty() {
            let meant = digest.filter(|digest| self.order.yes.contains(digest));
            let Some(digest) = meant else {
                return Err(CliError::refused(
                    "cannot approve the tool: the digest in --yes is not the digest of the definition \
                     that the server lists now",
                )
                .at(digest.map(|digest| digest.to_string()).unwrap_or_default())
                .next(self.session.command_on("show", tool, "")));
            };
            self.outcome.matched(digest);
            return Ok(());
        }
        if self.nobody_sees() {
            return Err(unseen().next(self.session.command_on("show", tool, "")));
        }
        match self.context.prompt.confirm("Approve it anyway?", "give --yes with the digest")? {
            true => Ok(()),
            false => Err(declined(self.outcome, &[tool.name()])),
        }
    }
}

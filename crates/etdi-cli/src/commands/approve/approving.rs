//! The steps that all ways of approving on one server share.

use std::fmt::Display;

use etdi::client::{ApproveError, InstructionsRequest, StoreError};
use etdi::{ApprovalRequest, ApprovedTool, Digest, JudgedTool, Refusal, ToolDefinition};

use super::order::ApprovalOrder;
use super::outcome::{ApprovalOutcome, declined};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::servers::session::Session;
use crate::show::instructions::{self, Given};

const YES: &str = "give --yes with the digest";
/// The text of the spinner while the server's list is read again.
pub(super) const READING: &str = "reading the server's list again";

/// An order that is carried out on one server.
pub(super) struct Approving<'a> {
    pub(super) session: &'a Session,
    pub(super) order: &'a ApprovalOrder,
    pub(super) outcome: &'a mut ApprovalOutcome,
    pub(super) context: &'a Context,
}

impl<'a> Approving<'a> {
    /// Carries out the order: with an override, by digest, or with questions.
    pub(super) async fn run(&mut self) -> Result<(), CliError> {
        let done = if self.order.overriding {
            self.against_refusal().await
        } else if !self.order.yes.is_empty() {
            self.by_digest().await
        } else {
            self.ask().await
        };
        if self.outcome.approved_here() {
            self.session.name_server(self.context).await?;
        }
        done
    }

    /// Reports a tool that is approved already. Fails if the order gives other permissions or another
    /// end: the command must not change an approval in silence, and must not report the wrong approval.
    pub(super) async fn already(&mut self, tool: &JudgedTool) -> Result<(), CliError> {
        let definition = tool.definition();
        let approved = match definition {
            Some(definition) => self.session.approved(definition).await?,
            None => None,
        };
        let as_told = approved.is_some_and(|approved| {
            let granted = &approved.granted;
            let told = &self.order.granted;
            let same =
                granted.len() == told.len() && told.iter().all(|scope| granted.contains(scope));
            (told.is_empty() || same)
                && (self.order.until.is_none() || self.order.until == approved.until)
        });
        if as_told || (self.order.granted.is_empty() && self.order.until.is_none()) {
            self.outcome.already(tool.name(), definition.map(ToolDefinition::digest), self.context);
            return Ok(());
        }
        let what = "cannot approve the tool: it is approved already, with other permissions or another \
                    end; revoke it first";
        let next = self.session.command_on("revoke", tool, "");
        self.outcome.failed(CliError::refused(what).at(tool.name()).next(next), self.context);
        Ok(())
    }

    /// Returns whether no person sees the screen. A person must see the tool before a question about it.
    pub(super) fn nobody_sees(&self) -> bool {
        !self.context.prompt.is_interactive() || !self.context.out.is_seen()
    }

    /// Returns the tools that the order names, each once.
    pub(super) fn selected(&self) -> Result<Vec<&'a JudgedTool>, CliError> {
        if self.order.all {
            return Ok(self.session.tools.iter().collect());
        }
        let mut tools: Vec<&'a JudgedTool> = Vec::new();
        for wanted in &self.order.tools {
            let tool = self.session.tool(wanted)?;
            if !tools.iter().any(|one| std::ptr::eq(*one, tool)) {
                tools.push(tool);
            }
        }
        Ok(tools)
    }

    /// Returns the error for a refused tool, with the next step for a person.
    pub(super) fn is_refused(&self, refusal: &Refusal) -> CliError {
        let tool = refusal.tool();
        let error = CliError::refused("cannot approve the tool: it is refused").at(tool.name());
        match refusal.override_request() {
            Some(_) => error.next(self.session.command_on("approve", tool, "--override")),
            // `etdi show` prints the reason.
            None => error.next(self.session.command_on("show", tool, "")),
        }
    }

    /// Returns the error of an approval. Its exit status says whether the approval was refused or could
    /// not be checked.
    pub(super) fn not_approved(&self, error: ApproveError) -> CliError {
        match error {
            // The texts of the library show the whole tool, in several lines.
            ApproveError::Changed(tool) => {
                let what = "cannot approve the tool: its definition or its verdict changed since it \
                            was shown";
                let next = self.session.command_on("show", &tool, "");
                CliError::refused(what).at(tool.name()).next(next)
            }
            ApproveError::Blocked(refusal) => self.is_refused(&refusal),
            ApproveError::Discover(_) | ApproveError::Store(StoreError::Unavailable(_)) => {
                CliError::new(error)
            }
            _ => CliError::refused(error),
        }
    }

    /// Stores the approval of the server's instructions.
    pub(super) async fn store_instructions(
        &mut self,
        request: &InstructionsRequest,
        digest: Digest,
    ) -> Result<(), CliError> {
        let by = self.order.by.clone();
        let done = self.session.connection.approve_instructions(request.clone(), by).await;
        done.map_err(|error| self.not_approved(error))?;
        self.outcome.approved_instructions(digest, self.context);
        Ok(())
    }

    /// Reports that the instructions are not approved, because the order has an end. An approval of
    /// instructions cannot have an end.
    pub(super) fn endless(&mut self, given: &Given) {
        self.outcome.instructions_wait(Some(given.digest()));
        let what = "cannot approve the instructions with --until: they are approved without an end";
        let error = CliError::refused(what).at(instructions::NAME);
        self.outcome
            .failed(error.next(self.session.command("approve", "--instructions")), self.context);
    }

    /// Stores the approvals. Reads the server's list once more: a tool that changed since it was shown
    /// is not approved.
    pub(super) async fn store(&mut self, requests: Vec<ApprovalRequest>) -> Result<(), CliError> {
        let shown: Vec<_> = requests
            .iter()
            .map(|request| (request.tool().name().to_owned(), request.digest()))
            .collect();
        let done = {
            let _progress = self.context.out.progress(READING);
            self.session.connection.approve_all(requests, &self.order.approval).await
        };
        self.stored(shown, done.map_err(ApproveError::from))
    }

    /// Reports what was stored and what was not, for each tool that was shown.
    pub(super) fn stored(
        &mut self,
        shown: Vec<(String, Option<Digest>)>,
        done: Result<Vec<Result<ApprovedTool, ApproveError>>, ApproveError>,
    ) -> Result<(), CliError> {
        let results = match done {
            Ok(results) => results,
            Err(error) => {
                shown.iter().for_each(|(name, digest)| self.outcome.waits(name, *digest));
                return Err(self.not_approved(error));
            }
        };
        for (result, (name, digest)) in results.into_iter().zip(shown) {
            match result {
                Ok(approved) => self.outcome.approved(&approved, self.context),
                Err(error) => {
                    self.outcome.waits(&name, digest);
                    let error = self.not_approved(error);
                    self.outcome.failed(error, self.context);
                }
            }
        }
        Ok(())
    }

    pub(super) fn confirmed(&self, question: &str) -> Result<bool, CliError> {
        let answer = self.context.prompt.confirm(question, YES);
        answer.map_err(|error| unanswered(error, !self.outcome.is_empty()))
    }

    pub(super) fn refuse(&mut self, names: &[String]) -> Result<(), CliError> {
        for name in names {
            self.outcome.waits(name, None);
        }
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let error = declined(self.outcome, &names);
        self.outcome.failed(error, self.context);
        Ok(())
    }
}

/// Returns the error for a question that no person would see.
pub(super) fn unseen() -> CliError {
    CliError::refused(
        "cannot ask for the approval: the question needs a terminal, without --json and --quiet; look \
         at the definition first, then give --yes with its digest",
    )
}

/// Returns the error of a tool that could not be judged.
pub(super) fn undecided(error: impl Display) -> CliError {
    CliError::new(error).cannot("judge the tool")
}

/// Returns the error of a question. If some tools were approved before it, the text must not say that
/// no changes were made.
fn unanswered(error: CliError, approved_some: bool) -> CliError {
    match error.exit() {
        Exit::Interrupted if approved_some => CliError::interrupted_after("approved"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_after_a_change_does_not_deny_the_change() {
        let said = |some| unanswered(CliError::interrupted(), some);
        assert!(said(false).what().contains("no changes were made"));
        assert!(!said(true).what().contains("no changes were made"));
        assert_eq!(said(true).exit(), Exit::Interrupted);
    }
}

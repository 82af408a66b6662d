//! `etdi approve`.

use clap::Args;
use etdi::client::ApproveError;
use etdi::text::escaped;
use etdi::{Approval, ApprovalRequest, Decision, Digest, Scope};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::context::Context;
use crate::desk::{Desk, Session, StoreOptions, Which};
use crate::exit::{CliError, Ending, Exit};
use crate::line::Line;
use crate::network::NetworkOptions;
use crate::question::Question;

/// Approve one tool of a server, as it is now.
///
/// Shows who published it, what it is, what changed and what is odd about it, and asks once. The
/// approval is of the digest that was shown: if the server has another definition by then, nothing is
/// approved. Exit code 0 if it is approved, 1 if not, 2 if it could not be checked.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  etdi approve scan https://docs.example/mcp
  etdi approve scan --yes sha256:… --by alice -- npx -y docs-server")]
pub(crate) struct Approve {
    /// The tool: its name on the server, or its id.
    tool: String,
    #[command(flatten)]
    which: Which,
    /// Do not ask, and approve the definition of this digest and no other.
    #[arg(long, value_name = "DIGEST")]
    yes: Option<Digest>,
    /// Who approves. Otherwise USER.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Grant this permission; any number of times, and then no other. Otherwise those that the tool
    /// requires.
    #[arg(long, value_name = "SCOPE")]
    grant: Vec<Scope>,
    /// When the approval ends: a date (its first moment in UTC), or a time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

impl Approve {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let approval = self.approval(context)?;
        let server = self.which.one()?;
        let desk = Desk::new(&self.store, &self.network, context)?;
        let session = desk.session(server, context).await?;
        let ending = self.decide(&session, approval, context).await;
        session.connection.close().await;
        ending
    }

    async fn decide(&self, session: &Session, approval: Approval, context: &Context) -> Ending {
        let tool = session.tool(&self.tool)?;
        let decision = session.connection.decide(tool).await.map_err(CliError::new)?;
        let digest = tool.definition().map(|definition| definition.digest());
        if let (Some(yes), Some(digest)) = (self.yes, digest)
            && yes != digest
        {
            return Err(CliError::refused("not approved: the server has another definition now")
                .at(digest)
                .next("etdi show TOOL, and look at it again"));
        }
        let request = match decision {
            Decision::Ask(request) => request,
            Decision::Allow(approved) => {
                context.out.json(&json!({ "approved": approved.digest(), "already": true }));
                context.out.line("It is approved already, as it is.");
                return Ok(Exit::Ok);
            }
            Decision::Block(_) => {
                Question::about(tool, session).await?.show_verdict(context);
                return Err(CliError::refused(
                    "not approved: the tool is refused, whatever you say",
                )
                .at(&self.tool)
                .next("etdi show says why; etdi revoke forgets what was known of it"));
            }
        };
        let question = Question::about(request.tool(), session).await?;
        question.show_verdict(context);
        match question.review() {
            Some(_) => question.show_review(context),
            None => question.show_definition(context),
        }
        question.show_findings(context);
        self.ask(&request, context)?;
        let done =
            session.connection.approve(request, approval).await.map_err(|error| match error {
                ApproveError::Discover(_) => CliError::new(error),
                ApproveError::Store(etdi::client::StoreError::Unavailable(_)) => {
                    CliError::new(error)
                }
                _ => CliError::refused(error),
            })?;
        context.out.json(&json!({ "approved": done.digest(), "already": false }));
        let line = Line::new().good("approved ").theirs(done.name()).text(" ");
        context.out.line(line.text(done.digest()));
        Ok(Exit::Ok)
    }

    /// A yes, or the error.
    fn ask(&self, request: &ApprovalRequest, context: &Context) -> Result<(), CliError> {
        if self.yes.is_some() {
            return Ok(());
        }
        if !context.interactive || !context.out.is_seen() {
            return Err(CliError::refused(
                "not approved: nobody at a terminal sees what would be approved",
            )
            .next("look at it with etdi show, then give --yes with its digest"));
        }
        let question = format!("Approve {} as shown?", escaped(request.tool().name()));
        match context.confirm(&question, "give --yes with the digest")? {
            true => Ok(()),
            false => Err(CliError::refused("not approved; nothing was changed")),
        }
    }

    fn approval(&self, context: &Context) -> Result<Approval, CliError> {
        let by = self.by.clone().or_else(|| context.environment.get("USER"));
        let by =
            by.ok_or_else(|| CliError::new("nothing says who approves").next("give --by NAME"))?;
        let mut approval = Approval::by(by);
        if !self.grant.is_empty() {
            approval = approval.granting(self.grant.iter().cloned());
        }
        if let Some(text) = &self.until {
            approval = approval.until(end(text, context.clock.now())?);
        }
        Ok(approval)
    }
}

fn end(text: &str, now: OffsetDateTime) -> Result<OffsetDateTime, CliError> {
    let date = || Date::parse(text, format_description!("[year]-[month]-[day]"));
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| date().map(|date| date.midnight().assume_utc()))
        .ok()
        .filter(|end| *end > now)
        .ok_or_else(|| {
            CliError::new("this is no time in the future")
                .at(text)
                .next("write a date, 2099-12-31, or a time, 2099-12-31T10:00:00Z")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_in_the_future() {
        let now = OffsetDateTime::from_unix_timestamp(86_400).unwrap();
        assert_eq!(end("1970-01-03", now).unwrap().unix_timestamp(), 172_800);
        assert_eq!(end("1970-01-02T00:00:01Z", now).unwrap().unix_timestamp(), 86_401);
        for bad in ["", "1970-01-02", "1970-01-01T00:00:00Z", "tomorrow"] {
            assert!(end(bad, now).is_err(), "{bad}");
        }
    }
}

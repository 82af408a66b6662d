//! Approving against a refusal, where a person may: one tool, asked for in so many words.

use etdi::verdict::{DenyReason, UnknownReason};
use etdi::{Decision, JudgedTool, May, ToolDefinition, What, Who};

use super::order::ApprovalOrder;
use super::outcome::{ApprovalOutcome, declined};
use super::together::{is_refused, selected, unseen};
use super::{already, nobody_sees, not_approved};
use crate::context::Context;
use crate::exit::CliError;
use crate::servers::session::Session;
use crate::show::tool::Question;
use crate::terminal::line::Line;

/// Asks whether to go against the refusal of the one tool that the order names.
pub(super) async fn refusal(
    session: &Session,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let [tool] = selected(session, order)?[..] else { return Ok(()) };
    let refusal = match session.connection.decide(tool).await.map_err(CliError::new)? {
        Decision::Block(refusal) => refusal,
        Decision::Allow(_) => return already(session, tool, order, outcome, context).await,
        Decision::Ask(_) => {
            return Err(CliError::new("the tool is not refused, it waits for approval")
                .at(tool.name())
                .next(session.command_on("approve", tool, "")));
        }
    };
    let Some(request) = refusal.override_request() else {
        outcome.refused(tool, context);
        return Err(is_refused(session, &refusal));
    };
    let deeds = deeds(session, tool, order)?;
    Question::about(tool, session).await?.show_all(context);
    for deed in deeds {
        context.out.indented(Line::new().warn("Approving it ").warn(deed), 4);
    }
    agreed(session, tool, order, outcome, context)?;
    let mut approval = order.approval.clone();
    if let Some(key) = &order.key {
        approval = approval.pinning(key.clone());
    }
    let approved = session.connection.approve(request, approval).await.map_err(not_approved)?;
    outcome.approved(&approved, context);
    Ok(())
}

/// What an approval does beside approving.
fn deeds(
    session: &Session,
    tool: &JudgedTool,
    order: &ApprovalOrder,
) -> Result<Vec<String>, CliError> {
    let mut deeds = Vec::new();
    let verdict = tool.verdict();
    let untrusted = verdict.is_some_and(|verdict| {
        matches!(&verdict.who, Who::Unknown { why: UnknownReason::UntrustedKey { .. } })
    });
    match (&order.key, untrusted) {
        (Some(key), true) => {
            deeds.push(format!("pins the key {} for this server only", key.thumbprint()));
        }
        (None, true) => {
            return Err(CliError::refused(
                "not approved: nothing configures the key; get it from the publisher, not from the server",
            )
            .at(tool.name())
            .next(session.command_on("approve", tool, "--override --key FILE")));
        }
        (Some(_), false) => {
            return Err(CliError::new("the tool needs no key of yours").next("leave out --key"));
        }
        (None, false) => {}
    }
    for what in verdict.into_iter().flat_map(|verdict| &verdict.what) {
        if let What::RolledBack { approved, .. } = what {
            let was = approved.as_ref().map(|version| format!(", lower than {version}"));
            deeds.push(format!(
                "takes an earlier definition back{}, with whatever was wrong with it",
                was.unwrap_or_default()
            ));
        }
    }
    if let Some(May::Denied { why: DenyReason::MissingScopes { scopes } }) =
        verdict.map(|verdict| &verdict.may)
    {
        let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
        deeds.push(format!("grants what was not granted before: {}", scopes.join(" ")));
    }
    Ok(deeds)
}

/// A person's yes: to the question, or with the digest.
fn agreed(
    session: &Session,
    tool: &JudgedTool,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let digest = tool.definition().map(ToolDefinition::digest);
    if !order.yes.is_empty() {
        let meant = digest.filter(|digest| order.yes.contains(digest));
        let Some(digest) = meant else {
            return Err(CliError::refused("not approved: the server has another definition now")
                .at(digest.map(|digest| digest.to_string()).unwrap_or_default())
                .next(session.command_on("show", tool, "")));
        };
        outcome.matched(digest);
        return Ok(());
    }
    if nobody_sees(context) {
        return Err(unseen().next(session.command_on("show", tool, "")));
    }
    match context.prompt.confirm("Approve it all the same?", "give --yes with the digest")? {
        true => Ok(()),
        false => Err(declined(outcome, &[tool.name()])),
    }
}

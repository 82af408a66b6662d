//! Approving without a question: the digests say what somebody has looked at.

use etdi::{ApprovalRequest, Decision, Digest, JudgedTool, ToolDefinition, What};

use super::order::ApprovalOrder;
use super::outcome::ApprovalOutcome;
use super::together::{endless, is_refused, selected, store};
use super::{already, not_approved};
use crate::context::Context;
use crate::exit::CliError;
use crate::servers::session::Session;
use crate::show::instructions::Given;

/// Approves what has one of the digests, and nothing else. If a tool that was named has another one,
/// nothing is approved.
pub(super) async fn by_digest(
    session: &Session,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let tools = selected(session, order)?;
    let given = match order.all || order.instructions {
        true => Given::by(session).await?,
        false => None,
    };
    if order.instructions && given.is_none() {
        return Err(super::super::show::none());
    }
    if !order.all {
        refuse_others(session, &tools, order)?;
        if let Some(given) = given.as_ref().filter(|given| !order.yes.contains(&given.digest())) {
            let next = session.command("show", "--instructions");
            return Err(another("the server gives other instructions now", given.digest(), next));
        }
    }
    let mut requests = Vec::new();
    for tool in &tools {
        requests.extend(one(session, tool, order, outcome, context).await?);
    }
    if !requests.is_empty() {
        store(session, requests, order, outcome, context).await?;
    }
    let Some(given) = given else { return Ok(()) };
    if !order.yes.contains(&given.digest()) {
        if given.request().is_some() {
            outcome.instructions_wait(Some(given.digest()));
        }
        return Ok(());
    }
    outcome.matched(given.digest());
    match given.request() {
        None => outcome.instructions_already(given.digest(), context),
        Some(_) if order.until.is_some() => endless(session, &given, outcome, context),
        Some(request) => {
            let by = order.by.clone();
            let done = session.connection.approve_instructions(request.clone(), by).await;
            done.map_err(not_approved)?;
            outcome.approved_instructions(given.digest(), context);
        }
    }
    Ok(())
}

/// What is to be approved of a tool.
async fn one(
    session: &Session,
    tool: &JudgedTool,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<Option<ApprovalRequest>, CliError> {
    let digest = digest_of(tool);
    let meant = digest.is_some_and(|digest| order.yes.contains(&digest));
    if let Some(digest) = digest.filter(|_| meant) {
        outcome.matched(digest);
    }
    match session.connection.decide(tool).await.map_err(CliError::new)? {
        Decision::Allow(_) if !meant => {}
        Decision::Allow(_) => already(session, tool, order, outcome, context).await?,
        Decision::Ask(_) if !meant => outcome.waits(tool.name(), digest),
        // A copy of another server's tool is a question of its own, which no batch answers.
        Decision::Ask(_) if order.all && is_copy(tool) => {
            outcome.waits(tool.name(), digest);
            let what = "not approved: the tool is a copy of one on another server; look at it, then \
                        approve it by its name instead of --all";
            let next = session.command_on("show", tool, "");
            outcome.failed(CliError::refused(what).at(tool.name()).next(next), context);
        }
        Decision::Ask(request) => return Ok(Some(request)),
        Decision::Block(refusal) => {
            outcome.refused(tool, context);
            if meant {
                outcome.failed(is_refused(session, &refusal), context);
            }
        }
    }
    Ok(None)
}

fn is_copy(tool: &JudgedTool) -> bool {
    let mut what = tool.verdict().into_iter().flat_map(|verdict| &verdict.what);
    what.any(|what| matches!(what, What::Shadowed { .. }))
}

fn refuse_others(
    session: &Session,
    tools: &[&JudgedTool],
    order: &ApprovalOrder,
) -> Result<(), CliError> {
    for tool in tools {
        if let Some(digest) = digest_of(tool).filter(|digest| !order.yes.contains(digest)) {
            let next = session.command_on("show", tool, "");
            return Err(another("the server has another definition now", digest, next));
        }
    }
    Ok(())
}

fn another(what: &str, digest: Digest, next: String) -> CliError {
    CliError::refused(format!("not approved: {what}")).at(digest).next(next)
}

pub(super) fn digest_of(tool: &JudgedTool) -> Option<Digest> {
    tool.definition().map(ToolDefinition::digest)
}

//! Asking a person: once for what belongs together, and on its own about what is critical.

use std::collections::BTreeMap;

use etdi::client::{ExecutableState, RelaunchRequest};
use etdi::text::escaped;
use etdi::{ApprovalRequest, Decision, JudgedTool, Refusal};

use super::order::ApprovalOrder;
use super::outcome::{ApprovalOutcome, declined};
use super::{already, nobody_sees, not_approved};
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::servers::session::Session;
use crate::show::hints::NOTE;
use crate::show::instructions::Given;
use crate::show::tool::Question;
use crate::terminal::line::Line;

const YES: &str = "give --yes with the digest";
const READING: &str = "reading the server's list again";

/// Asks about everything that the order names on this server.
pub(super) async fn ask(
    session: &Session,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let requests = waiting(session, order, outcome, context).await?;
    if !requests.is_empty() && nobody_sees(context) {
        none_seen(session, &requests, outcome, context);
    } else if let Some(relaunch) = relaunch(session, order, &requests).await? {
        same_tools(session, relaunch, order, outcome, context).await?;
    } else {
        in_groups(session, requests, order, outcome, context).await?;
    }
    if order.all || order.instructions {
        of_instructions(session, order, outcome, context).await?;
    }
    program(session, order, outcome, context).await
}

/// What waits for a person, among what the order names.
async fn waiting(
    session: &Session,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<Vec<ApprovalRequest>, CliError> {
    let mut requests = Vec::new();
    for tool in selected(session, order)? {
        match session.connection.decide(tool).await.map_err(CliError::new)? {
            Decision::Ask(request) => requests.push(request),
            Decision::Allow(_) if order.all => {}
            Decision::Allow(_) => already(session, tool, order, outcome, context).await?,
            Decision::Block(refusal) => {
                outcome.refused(tool, context);
                if !order.all {
                    outcome.failed(is_refused(session, &refusal), context);
                }
            }
        }
    }
    Ok(requests)
}

/// The tools that the order names, each once.
pub(super) fn selected<'s>(
    session: &'s Session,
    order: &ApprovalOrder,
) -> Result<Vec<&'s JudgedTool>, CliError> {
    if order.all {
        return Ok(session.tools.iter().collect());
    }
    let mut tools: Vec<&JudgedTool> = Vec::new();
    for wanted in &order.tools {
        let tool = session.tool(wanted)?;
        if !tools.iter().any(|one| std::ptr::eq(*one, tool)) {
            tools.push(tool);
        }
    }
    Ok(tools)
}

/// Why a tool cannot be approved, and what a person can do.
pub(super) fn is_refused(session: &Session, refusal: &Refusal) -> CliError {
    let tool = refusal.tool();
    let error = CliError::refused("not approved: the tool is refused").at(tool.name());
    match refusal.override_request() {
        Some(_) => error.next(session.command_on("approve", tool, "--override")),
        // It says why.
        None => error.next(session.command_on("show", tool, "")),
    }
}

fn none_seen(
    session: &Session,
    requests: &[ApprovalRequest],
    outcome: &mut ApprovalOutcome,
    context: &Context,
) {
    for request in requests {
        outcome.waits(request.tool().name(), request.digest());
    }
    let next = match requests.first() {
        Some(request) => session.command_on("show", request.tool(), ""),
        None => session.command("discover", ""),
    };
    outcome.failed(unseen().next(next), context);
}

/// Nobody is asked about what they do not see.
pub(super) fn unseen() -> CliError {
    CliError::refused(
        "not approved: nobody at a terminal sees what would be approved; look at it, then give \
         --yes with its digest",
    )
}

/// The one question about a stdio server whose command alone changed.
async fn relaunch(
    session: &Session,
    order: &ApprovalOrder,
    requests: &[ApprovalRequest],
) -> Result<Option<RelaunchRequest>, CliError> {
    if !order.all || requests.is_empty() {
        return Ok(None);
    }
    session.connection.relaunch().await.map_err(CliError::new)
}

async fn same_tools(
    session: &Session,
    request: RelaunchRequest,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let out = &context.out;
    let names: Vec<_> = request.tools().map(|tool| tool.name().to_owned()).collect();
    let heading = Line::new().bold("Same tools, new launch");
    out.indented(heading.text(": each is approved, as it is, under another command"), 4);
    let mut fields = vec![("before", Line::new().theirs(&request.earlier().to_string()))];
    for (_, name) in session.names_of([request.earlier()]) {
        fields.push(("command", Line::new().theirs(&name)));
    }
    fields.push(("now", Line::new().theirs(&session.server().to_string())));
    if let Some(label) = session.label() {
        fields.push(("command", Line::new().theirs(label)));
    }
    out.fields(fields);
    let row = |tool: &JudgedTool| {
        let digest = tool.definition().map(|definition| definition.digest().to_string());
        vec![escaped(tool.name()).to_string(), digest.unwrap_or_default()]
    };
    out.table(&["tool", "digest"], request.tools().map(row));
    let question = format!("Approve {} as before, for this command?", count(names.len()));
    if !confirmed(&question, outcome, context)? {
        return refuse(&names, outcome, context);
    }
    let done = {
        let _progress = context.out.progress(READING);
        session.connection.approve_relaunch(request, order.approval.clone()).await
    };
    for tool in done.map_err(|error| not_approved(error).next("etdi list"))? {
        outcome.approved(&tool, context);
    }
    Ok(())
}

async fn in_groups(
    session: &Session,
    requests: Vec<ApprovalRequest>,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let (mut together, mut alone) = (BTreeMap::<String, Vec<ApprovalRequest>>::new(), Vec::new());
    for request in requests {
        let question = Question::about(request.tool(), session).await?;
        if question.stands_alone() {
            alone.push(request);
        } else {
            together.entry(question.provider()).or_default().push(request);
        }
    }
    for (provider, requests) in together {
        if requests.len() == 1 {
            alone.extend(requests);
        } else {
            group(session, &provider, requests, order, outcome, context).await?;
        }
    }
    for request in alone {
        let name = request.tool().name().to_owned();
        Question::about(request.tool(), session).await?.show_all(context);
        // After the question, and quoted: a name could complete the sentence.
        let shown = escaped(&name).to_string().replace('"', "\\\"");
        let question = format!("Approve this tool as shown? (its name: \"{shown}\")");
        if confirmed(&question, outcome, context)? {
            store(session, vec![request], order, outcome, context).await?;
        } else {
            refuse(&[name], outcome, context)?;
        }
    }
    Ok(())
}

/// Several tools, one question. All of each is shown, and a table of them above the question.
async fn group(
    session: &Session,
    provider: &str,
    requests: Vec<ApprovalRequest>,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let (mut rows, mut names) = (Vec::new(), Vec::new());
    context.out.indented(Line::new().bold(count(requests.len())).text(", ").text(provider), 4);
    for request in &requests {
        let question = Question::about(request.tool(), session).await?;
        question.show_among_others(context);
        rows.push(question.row());
        names.push(request.tool().name().to_owned());
    }
    context.out.blank();
    context.out.indented(Line::new().bold(count(names.len())).text(", ").text(provider), 4);
    context.out.table(&["tool", "what", "permissions", "hints", "findings"], rows);
    context.out.indented(Line::new().dim(NOTE), 7);
    let question = format!("Approve these {} as shown?", count(names.len()));
    if !confirmed(&question, outcome, context)? {
        return refuse(&names, outcome, context);
    }
    store(session, requests, order, outcome, context).await
}

async fn of_instructions(
    session: &Session,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let Some(given) = Given::by(session).await? else {
        if order.instructions {
            return Err(super::super::show::none());
        }
        return Ok(());
    };
    let Some(request) = given.request() else {
        if order.instructions {
            outcome.instructions_already(given.digest(), context);
        }
        return Ok(());
    };
    if order.until.is_some() {
        endless(session, &given, outcome, context);
        return Ok(());
    }
    if nobody_sees(context) {
        outcome.instructions_wait(Some(given.digest()));
        let show = session.command("show", "--instructions");
        outcome.failed(unseen().next(show), context);
        return Ok(());
    }
    given.show_change(context);
    if !confirmed("Approve these instructions as shown?", outcome, context)? {
        outcome.instructions_wait(Some(given.digest()));
        outcome.failed(declined(outcome, &[crate::show::instructions::NAME]), context);
        return Ok(());
    }
    let by = order.by.clone();
    let done = session.connection.approve_instructions(request.clone(), by).await;
    done.map_err(not_approved)?;
    outcome.approved_instructions(given.digest(), context);
    Ok(())
}

/// Instructions wait where an end is told, which their approval cannot have.
pub(super) fn endless(
    session: &Session,
    given: &Given,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) {
    outcome.instructions_wait(Some(given.digest()));
    let what = "not approved: instructions are approved without an end, and --until gives one";
    let error = CliError::refused(what).at(crate::show::instructions::NAME);
    outcome.failed(error.next(session.command("approve", "--instructions")), context);
}

/// Another program behind the same command is shown; that a person saw it goes on record.
async fn program(
    session: &Session,
    order: &ApprovalOrder,
    outcome: &ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let ExecutableState::Changed { was, now } = &session.executable else { return Ok(()) };
    if nobody_sees(context) {
        return Ok(());
    }
    context.out.line(Line::new().bold("Another program is behind this command"));
    let now = Line::from(now.to_string());
    context.out.fields([("was", Line::from(was.as_str())), ("now", now)]);
    if confirmed("Have you seen that, and is it meant to be so?", outcome, context)? {
        let done = session.connection.acknowledge_executable(order.by.clone()).await;
        done.map_err(CliError::new)?;
    }
    Ok(())
}

/// Records the approvals. The list is read once more, so that nothing is approved that it no longer
/// holds.
pub(super) async fn store(
    session: &Session,
    requests: Vec<ApprovalRequest>,
    order: &ApprovalOrder,
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    let shown: Vec<_> = requests
        .iter()
        .map(|request| (request.tool().name().to_owned(), request.digest()))
        .collect();
    let done = {
        let _progress = context.out.progress(READING);
        session.connection.approve_all(requests, &order.approval).await
    };
    let results = match done {
        Ok(results) => results,
        Err(error) => {
            shown.iter().for_each(|(name, digest)| outcome.waits(name, *digest));
            return Err(not_approved(error.into()));
        }
    };
    for (result, (name, digest)) in results.into_iter().zip(shown) {
        match result {
            Ok(approved) => outcome.approved(&approved, context),
            Err(error) => {
                outcome.waits(&name, digest);
                outcome.failed(not_approved(error), context);
            }
        }
    }
    Ok(())
}

fn confirmed(
    question: &str,
    outcome: &ApprovalOutcome,
    context: &Context,
) -> Result<bool, CliError> {
    let answer = context.prompt.confirm(question, YES);
    answer.map_err(|error| unanswered(error, !outcome.is_empty()))
}

/// An error at a question says nothing was changed only where that is so.
fn unanswered(error: CliError, approved_some: bool) -> CliError {
    match error.exit() {
        Exit::Interrupted if approved_some => CliError::interrupted_after("approved"),
        _ => error,
    }
}

fn refuse(
    names: &[String],
    outcome: &mut ApprovalOutcome,
    context: &Context,
) -> Result<(), CliError> {
    for name in names {
        outcome.waits(name, None);
    }
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let error = declined(outcome, &names);
    outcome.failed(error, context);
    Ok(())
}

fn count(tools: usize) -> String {
    if tools == 1 { "1 tool".to_owned() } else { format!("{tools} tools") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_never_says_that_nothing_changed_where_something_did() {
        let said = |some| unanswered(CliError::interrupted(), some);
        assert!(said(false).what().contains("nothing was changed"));
        assert!(!said(true).what().contains("nothing was changed"));
        assert_eq!(said(true).exit(), Exit::Interrupted);
    }
}

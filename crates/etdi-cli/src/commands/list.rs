//! `etdi list`.

use std::collections::BTreeMap;
use std::fmt::Display;

use clap::Args;
use etdi::text::escaped;
use etdi::{ApprovalBasis, ApprovalRecord, Instructions, ServerIdentity};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::servers::caller;
use crate::servers::kept_store::KeptApprovals;
use crate::servers::store::StoreOptions;
use crate::show::instructions::NAME;
use crate::terminal::line::Line;

/// List the approvals, each with its person and its end.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi list
  etdi list --all --json     superseded approvals as well")]
pub(crate) struct ListArgs {
    /// List superseded approvals as well.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    store: StoreOptions,
}

impl ListArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let (mut approvals, commands) = match self.store.existing(context)? {
            Some(store) => {
                let approvals = store.records().approvals().await.map_err(unread)?;
                (approvals, commands(&store).await?)
            }
            None => Default::default(),
        };
        approvals.retain(|approval| self.all || !approval.superseded);
        let answer: Vec<_> = approvals.iter().map(|one| to_json(one, &commands)).collect();
        context.out.json(&json!({ "approvals": answer }));
        if approvals.is_empty() {
            context.out.line("There are no approvals.");
            context.out.next("etdi discover URL");
        }
        for approval in &approvals {
            show(approval, &commands, context);
        }
        Ok(Exit::Ok)
    }
}

/// The labels of servers on stdio that are on record.
pub(super) type Commands = BTreeMap<ServerIdentity, String>;

pub(super) async fn commands(store: &KeptApprovals) -> Result<Commands, CliError> {
    store.records().server_names().await.map_err(unread)
}

pub(super) fn unread(error: impl Display) -> CliError {
    CliError::new(error).cannot("read the approvals")
}

fn show(approval: &ApprovalRecord, commands: &Commands, context: &Context) {
    let pin = &approval.pin;
    let heading = Line::new().bold(name(approval));
    let superseded = if approval.superseded { "  superseded" } else { "" };
    context.out.line(heading.dim(superseded));
    let granted: Vec<_> = approval.granted.iter().map(|scope| scope.as_str()).collect();
    let by = Line::new().text("by ").theirs(&approval.by);
    let mut fields = vec![
        ("server", Line::new().theirs(&pin.server.to_string())),
        ("digest", Line::from(pin.digest.to_string())),
        ("approved", by.text(format!(" on {}", pin.at.date())).text(how(approval.basis))),
    ];
    if !pin.served_name.is_empty() {
        fields.insert(1, ("who", Line::new().theirs(&pin.evidence.describe())));
    }
    // The id of an unsigned tool is its server and its name.
    if let Some(version) = &pin.version {
        fields.insert(1, ("id", Line::new().theirs(&pin.id).text(format!(" {version}"))));
    }
    if let Some(caller) = caller::described(&approval.context) {
        fields.push(("for", Line::from(caller)));
    }
    if let Some(command) = commands.get(&pin.server) {
        fields.insert(1, ("command", Line::new().theirs(command)));
    }
    if !granted.is_empty() {
        fields.push(("granted", Line::new().theirs(&granted.join(" "))));
    }
    if let Some(until) = approval.until {
        let ended = until <= context.clock.now();
        let line = if ended { Line::new().warn("ended ") } else { Line::new() };
        fields.push(("until", line.text(until)));
    }
    context.out.fields(fields);
    context.out.blank();
}

/// Returns the name of an approved tool. An approval for the whole server has no name, so it gets a
/// description.
fn name(approval: &ApprovalRecord) -> String {
    let pin = &approval.pin;
    if !pin.served_name.is_empty() {
        return escaped(&pin.served_name).to_string();
    }
    match is_instructions(approval) {
        true => NAME.to_owned(),
        false => "program behind the command".to_owned(),
    }
}

fn is_instructions(approval: &ApprovalRecord) -> bool {
    let pin = &approval.pin;
    pin.served_name.is_empty() && pin.id == Instructions::id(&pin.server)
}

pub(super) fn to_json(approval: &ApprovalRecord, commands: &Commands) -> Value {
    let mut answer = json!(approval);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("name".to_owned(), json!(name(approval)));
        answer.insert("instructions".to_owned(), json!(is_instructions(approval)));
        answer.insert("command".to_owned(), json!(commands.get(&approval.pin.server)));
    }
    // The definition is left out, because it is long. `etdi show` prints it.
    if let Some(pin) = answer.get_mut("pin").and_then(Value::as_object_mut) {
        pin.remove("definition");
    }
    answer
}

/// Returns how the approval was made, if it was not the answer to a question.
fn how(basis: ApprovalBasis) -> &'static str {
    match basis {
        ApprovalBasis::Override => ", against a refusal",
        ApprovalBasis::PinnedKey => ", with a key given for this server",
        ApprovalBasis::Relaunch => ", all tools at once, for a new launch",
        ApprovalBasis::Policy => ", by the policy for changes, not by a person",
        _ => "",
    }
}

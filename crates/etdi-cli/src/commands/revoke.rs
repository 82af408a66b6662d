//! `etdi revoke`.

use std::collections::BTreeSet;

use clap::Args;
use etdi::records::{Known, Pin};
use etdi::text::escaped;
use etdi::{ApprovalRecord, ApprovalStore, Digest, Instructions, ServerIdentity};
use serde_json::json;

use super::list;
use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::servers::kept_store::KeptApprovals;
use crate::servers::store::StoreOptions;
use crate::servers::target::ToolTarget;
use crate::show::instructions::NAME;
use crate::terminal::line::Line;

/// Forget a tool of a server, or the server's instructions: the approvals and the other records.
///
/// The tool is named by its name on the server, its id, or the digest that was approved. The server
/// is not asked. If it lists the tool again, the tool is new and waits for approval. Exit code 1 if
/// there was no record, or the answer was no.
#[derive(Debug, Args)]
#[command(
    override_usage = "etdi revoke [OPTIONS] <TOOL | --instructions>\n       \
        <URL | --from FILE | --identity SERVER | -- COMMAND…>",
    after_help = "\
Examples:
  etdi revoke scan https://docs.example/mcp
  etdi revoke scan --yes -- npx -y docs-server
  etdi revoke --instructions https://docs.example/mcp
  etdi revoke scan --identity stdio:sha256:…     as etdi list shows it"
)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    target: ToolTarget,
    /// The server as `etdi list` shows it, instead of its address or command.
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["command", "from"])]
    identity: Option<ServerIdentity>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    store: StoreOptions,
}

impl RevokeArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let (tool, server) = self.what(context)?;
        let shown = tool.as_deref().unwrap_or(NAME);
        let nothing = || {
            CliError::refused(
                "cannot revoke the approval: the store has no record of it for this server",
            )
            .at(shown)
            .next("etdi list")
        };
        let store = self.store.existing(context)?.ok_or_else(nothing)?;
        let of_digest = of_digest(&store, &server, shown).await?;
        let word = of_digest.as_deref().or(tool.as_deref());
        let mut known = known(&store, &server, word).await?;
        if let Some(id) = &of_digest {
            // A digest means one tool. Another tool may be served under the id of this tool.
            known.pins.retain(|pin| pin.id == *id);
            known.approvals.retain(|approval| approval.pin.id == *id);
        }
        if known.pins.is_empty() && known.approvals.is_empty() {
            return Err(nothing());
        }
        if let Some(word) = word {
            refuse_two(word, &known)?;
        }
        let commands = list::commands(&store).await?;
        if !self.yes {
            show(&server, &commands, shown, &known, context);
        }
        let question = match &tool {
            Some(_) => "Forget this tool? It must then be approved again",
            None => "Forget these instructions? They must then be approved again",
        };
        if !self.yes && !context.prompt.confirm(question, "give --yes")? {
            return Err(CliError::refused(
                "cannot revoke the approval: the answer was no; no changes were made",
            ));
        }
        if !forget(&store, &server, &known, tool.is_none()).await? {
            return Err(nothing());
        }
        let approvals = known.approvals.iter().map(|one| list::to_json(one, &commands));
        let approvals: Vec<_> = approvals.collect();
        context.out.json(&json!({
            "revoked": shown, "server": server, "command": commands.get(&server),
            "approvals": approvals,
        }));
        context.out.line(Line::new().good("revoked ").theirs(shown));
        Ok(Exit::Ok)
    }

    /// Returns the tool, or `None` for the instructions, and the server.
    fn what(&self, context: &Context) -> Result<(Option<String>, ServerIdentity), CliError> {
        let (tools, server) = match &self.identity {
            Some(identity) => (self.target.words(), identity.clone()),
            None => (self.target.tools(), self.target.server(context)?.identity()?),
        };
        match (tools, self.target.instructions) {
            ([tool], false) if !tool.is_empty() => Ok((Some(tool.clone()), server)),
            ([], true) => Ok((None, server)),
            _ => Err(CliError::new(
                "cannot revoke the approval: the command line must name a server, and one tool or \
                 --instructions",
            )
            .next("etdi list")),
        }
    }
}

/// Forgets the records that were shown: of the tools, or of the instructions.
async fn forget(
    store: &KeptApprovals,
    server: &ServerIdentity,
    known: &Known,
    is_instructions: bool,
) -> Result<bool, CliError> {
    let failed = |error| CliError::new(error).cannot("revoke the approval");
    if is_instructions {
        return store.forget_instructions(server).await.map_err(failed);
    }
    let approved = known.approvals.iter().map(|approval| &approval.pin);
    let ids: BTreeSet<_> = known.pins.iter().chain(approved).map(|pin| &pin.id).collect();
    let mut any = false;
    for id in ids {
        any |= store.forget(server, id).await.map_err(failed)?;
    }
    Ok(any)
}

/// Returns the id of the tool with this approved digest, if `word` is a digest. A person types the digest
/// for a tool whose name looks like a flag.
async fn of_digest(
    store: &KeptApprovals,
    server: &ServerIdentity,
    word: &str,
) -> Result<Option<String>, CliError> {
    let Ok(digest) = word.parse::<Digest>() else { return Ok(None) };
    let approvals = store.records().approvals().await.map_err(list::unread)?;
    let mut pins = approvals.into_iter().map(|approval| approval.pin);
    let is_meant =
        |pin: &Pin| pin.server == *server && pin.digest == digest && !pin.served_name.is_empty();
    Ok(pins.find(is_meant).map(|pin| pin.id))
}

/// Returns the records that would be forgotten.
async fn known(
    store: &KeptApprovals,
    server: &ServerIdentity,
    tool: Option<&str>,
) -> Result<Known, CliError> {
    let instructions = Instructions::id(server);
    let mut subject = etdi::Subject::of_server(server, tool.unwrap_or(&instructions));
    if let Some(tool) = tool {
        tool.clone_into(&mut subject.served_name);
    }
    let known = store.known(&[subject]).await.map_err(list::unread)?;
    let mut known = known.into_iter().next().unwrap_or_default();
    // Records of the whole server have no served name.
    let meant = |pin: &Pin| match tool {
        Some(_) => !pin.served_name.is_empty(),
        None => pin.id == instructions,
    };
    known.pins.retain(|pin| meant(pin));
    known.approvals.retain(|approval| meant(&approval.pin));
    Ok(known)
}

/// Fails if `word` is the name of one tool and the id of another. A server chooses names, and could
/// make a person forget the wrong tool.
fn refuse_two(word: &str, known: &Known) -> Result<(), CliError> {
    let pins = || known.pins.iter().chain(known.approvals.iter().map(|approval| &approval.pin));
    let by_id = pins().find(|pin| pin.id == word);
    let by_name = pins().find(|pin| pin.id != word && pin.served_name == word);
    let (Some(by_id), Some(by_name)) = (by_id, by_name) else { return Ok(()) };
    let what = "cannot revoke the tool: this is the name of one tool and the id of another";
    let next = format!(
        "give \"{}\" for the tool with this id, \"{}\" for the tool with this name",
        escaped(&by_id.served_name),
        escaped(&by_name.id)
    );
    Err(CliError::refused(what).at(word).next(next))
}

fn show(
    server: &ServerIdentity,
    commands: &list::Commands,
    tool: &str,
    known: &Known,
    context: &Context,
) {
    let out = &context.out;
    out.line(Line::new().bold(escaped(tool)));
    let mut fields = vec![("server", Line::new().theirs(&server.to_string()))];
    if let Some(command) = commands.get(server) {
        fields.push(("command", Line::new().theirs(command)));
    }
    let (past, now): (Vec<_>, Vec<_>) = known.approvals.iter().partition(|one| one.superseded);
    for approval in now {
        if approval.pin.served_name != tool && !approval.pin.served_name.is_empty() {
            fields.push(("name", Line::new().theirs(&approval.pin.served_name)));
        }
        fields.push(("approved", given(approval)));
        fields.push(("digest", Line::from(approval.pin.digest.to_string())));
    }
    if !past.is_empty() {
        fields.push(("before", Line::from(format!("{} superseded approvals", past.len()))));
    }
    for pin in known.pins.iter().filter(|_| known.approvals.is_empty()) {
        fields.push(("seen", Line::from(format!("on {}, not approved", pin.at.date()))));
        fields.push(("digest", Line::from(pin.digest.to_string())));
    }
    out.fields(fields);
}

fn given(approval: &ApprovalRecord) -> Line {
    Line::new().text("by ").theirs(&approval.by).text(format!(" on {}", approval.pin.at.date()))
}

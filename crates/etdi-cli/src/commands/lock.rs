//! `etdi lock`.

use std::path::PathBuf;

use clap::Args;
use etdi::JudgedTool;
use etdi::decision::Action;
use etdi::lockfile::{Launch, LockedServer, LockedTool, Lockfile};
use etdi::text::escaped;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files::lock_file::LockOptions;
use crate::servers::desk::{Desk, ServerArgs};
use crate::servers::host_config::{self, Endpoint};
use crate::servers::session::{Session, heading};
use crate::servers::target::NamedServer;
use crate::show::instructions::{self, Given};
use crate::terminal::line::Line;
use crate::terminal::shell::{flag, quoted};

/// Write the approved tools into etdi.lock, for a team's repository.
///
/// Lists each server, and locks the tools and the instructions that you have approved as they are now.
/// A tool that is not approved is not locked, and its earlier entry in the lockfile stays. Exit code 0
/// if everything is locked, 1 if something is not approved, 2 if a server could not be asked; the
/// others are still locked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi lock                                  the servers of .mcp.json
  etdi lock --from .vscode/mcp.json --server docs
  etdi lock https://docs.example/mcp
  etdi lock --remove docs")]
pub(crate) struct LockArgs {
    /// The server's address, if it is on HTTP and no configuration names it.
    #[arg(value_name = "URL", conflicts_with_all = ["from", "server"])]
    url: Option<String>,
    /// The host's configuration, in the folder of the lockfile or below. Its commands are started.
    #[arg(long, value_name = "FILE", default_value = ".mcp.json")]
    from: PathBuf,
    /// Lock only this server of the configuration.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Keep the locked tools that a server does not list now. A server may list other tools for other
    /// callers, for example by scope or by language.
    #[arg(long)]
    variants: bool,
    /// Remove the server with this name from the lockfile, without asking a server.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["url", "from", "server", "variants"])]
    remove: Option<String>,
    #[command(flatten)]
    lock: LockOptions,
    #[command(flatten)]
    server_args: ServerArgs,
}

impl LockArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let mut lockfile = self.lock.read()?.unwrap_or_default();
        if let Some(name) = &self.remove {
            return self.take_out(name, lockfile, context);
        }
        let servers = self.servers(context)?;
        let desk = Desk::new(&self.server_args, context)?;
        let (mut exit, mut answers) = (Exit::Ok, Vec::new());
        for server in servers {
            let name = server.name.clone();
            match self.one(server, &desk, &mut lockfile, context).await {
                Ok((one, answer)) => {
                    exit = exit.and(one);
                    answers.push(answer);
                }
                // Lock the other servers even if one is down.
                Err(error) => {
                    exit = exit.and(Exit::CannotCheck);
                    if !context.out.is_json() {
                        context.out.error(&error);
                    }
                    let (at, next) = (error.place(), error.next_step());
                    answers.push(
                        json!({ "name": name, "error": error.what(), "at": at, "next": next }),
                    );
                }
            }
        }
        let answer = json!({ "servers": answers, "exit": exit.code() });
        // Do not write an empty lockfile: a check against it compares no servers, and could pass.
        if exit == Exit::CannotCheck && lockfile.servers().is_empty() {
            context.out.json(&answer);
            return Ok(exit);
        }
        self.written(&lockfile, answer, context)?;
        Ok(exit)
    }

    fn take_out(&self, name: &str, mut lockfile: Lockfile, context: &Context) -> Ending {
        if !lockfile.remove(name) {
            return Err(self.lock.unknown(name, &lockfile));
        }
        self.written(&lockfile, json!({ "removed": name, "exit": 0 }), context)?;
        Ok(Exit::Ok)
    }

    fn written(
        &self,
        lockfile: &Lockfile,
        mut answer: Value,
        context: &Context,
    ) -> Result<(), CliError> {
        let is_new = self.lock.write(lockfile)?;
        let path = self.lock.lockfile.display().to_string();
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("lockfile".to_owned(), json!(path));
            answer.insert("changed".to_owned(), json!(is_new));
        }
        context.out.json(&answer);
        let line = Line::new().theirs(&path);
        match is_new {
            true => context.out.line(Line::new().good("written ").then(line)),
            false => context.out.line(line.text(" is unchanged")),
        }
        Ok(())
    }

    fn servers(&self, context: &Context) -> Result<Vec<NamedServer>, CliError> {
        if let Some(url) = &self.url {
            let endpoint = Endpoint::http(url);
            let name = endpoint.identity()?.to_string();
            let words = quoted(&name);
            return Ok(vec![NamedServer::given(name, endpoint, words)]);
        }
        let config = host_config::read(&self.from, &|name| context.environment.get(name))?;
        let entries = config.named(self.server.as_deref(), &self.from)?;
        let servers =
            entries.into_iter().map(|entry| NamedServer::configured(entry, &self.from)).collect();
        match self.server {
            Some(_) => Ok(servers),
            None => Ok(NamedServer::enabled(servers, context)),
        }
    }

    /// Locks one server.
    async fn one(
        &self,
        mut server: NamedServer,
        desk: &Desk,
        lockfile: &mut Lockfile,
        context: &Context,
    ) -> Result<(Exit, Value), CliError> {
        let name = server.name.clone();
        let at = |error: CliError| error.at(&name);
        let mut locked = self.locked(&name, server.endpoint).map_err(at)?;
        self.is_locked_otherwise(&locked.0, lockfile)?;
        server.endpoint = Ok(locked.1);
        let earlier = lockfile.server(&name).cloned();
        let fill =
            async |session: &Session| self.fill(&mut locked.0, earlier, session, context).await;
        let (exit, answer) = desk.visit(server, context, fill).await?;
        let put = lockfile.put(locked.0);
        put.map_err(|error| at(CliError::new(error).cannot("lock the server")))?;
        Ok((exit, answer))
    }

    /// Fails if the server is locked under another name. Called before the server is started.
    fn is_locked_otherwise(&self, new: &LockedServer, lockfile: &Lockfile) -> Result<(), CliError> {
        let is_same = |one: &&LockedServer| one.identity == new.identity && one.name != new.name;
        let Some(other) = lockfile.servers().iter().find(is_same) else { return Ok(()) };
        let what = format!(
            "cannot lock the server: it is locked already, as \"{}\"",
            escaped(&other.name)
        );
        let again = other.from.as_ref().map(|from| {
            Some(format!("etdi lock --from {} {}", quoted(from)?, flag("--server", &other.name)?))
        });
        let (lockfile, name) = (self.lock.words(), flag("--remove", &other.name));
        let remove = lockfile.zip(name).map(|(file, name)| format!("etdi lock {file}{name}"));
        let steps: Vec<_> = again.flatten().into_iter().chain(remove).collect();
        let error = CliError::new(what).at(&new.name);
        Err(if steps.is_empty() { error } else { error.next(steps.join(", or ")) })
    }

    /// Returns the new entry of a server, and its endpoint. The entry has the identity of the server, and
    /// the files and the package of its command. The server is not started yet.
    fn locked(
        &self,
        name: &str,
        endpoint: Result<Endpoint, CliError>,
    ) -> Result<(LockedServer, Endpoint), CliError> {
        let mut endpoint = endpoint?;
        let from = match self.url {
            Some(_) => None,
            None => Some(self.lock.relative(&self.from).ok_or_else(|| {
                CliError::new("cannot lock the server: its configuration is not in the folder of the lockfile")
                    .next("lock the servers of a file that the repository holds")
            })?),
        };
        let mut locked = LockedServer::new(name, endpoint.identity()?);
        locked.from = from;
        if let Endpoint::Stdio { configured, started } = &mut endpoint {
            *started = self.lock.at_root(started.clone());
            locked.files = self.lock.files(started)?;
            if let Launch::Package(package) = Launch::of(configured) {
                locked.package = Some(package);
            }
        }
        Ok((locked, endpoint))
    }

    async fn fill(
        &self,
        locked: &mut LockedServer,
        earlier: Option<LockedServer>,
        session: &Session,
        context: &Context,
    ) -> Result<(Exit, Value), CliError> {
        let out = &context.out;
        out.line(heading(&locked.name));
        let earlier = earlier.filter(|earlier| earlier.identity == locked.identity);
        let (mut answers, mut left_out) = (Vec::new(), Vec::new());
        for tool in &session.tools {
            match approved(tool, session).await? {
                Ok(one) => {
                    let line = Line::new().good("locked  ").bold(escaped(&one.name));
                    out.indented(Line::new().text("  ").then(line).dim(by(&one)), 4);
                    answers.push(json!({ "name": one.name, "digest": one.digest, "approved_by": one.approved_by }));
                    locked.tools.push(one);
                }
                Err(why) => left_out.push((tool.name().to_owned(), why)),
            }
        }
        match Given::by(session).await? {
            Some(given) if given.request().is_none() => {
                locked.instructions = Some(given.digest());
                let line = Line::new().text("  ").good("locked  ").bold(instructions::NAME);
                out.indented(line, 4);
            }
            Some(_) => {
                left_out.push((instructions::NAME.to_owned(), "not approved".to_owned()));
                locked.instructions = earlier.as_ref().and_then(|earlier| earlier.instructions);
            }
            None => {}
        }
        for (name, why) in &left_out {
            let line = Line::new().text("  ").warn("not locked  ").bold(escaped(name));
            out.indented(line.text(": ").text(why), 4);
        }
        if !left_out.is_empty() {
            out.next(session.command("approve", "--all"));
        }
        self.keep(locked, earlier.map(|earlier| earlier.tools).unwrap_or_default(), &left_out);
        let left: Vec<_> =
            left_out.iter().map(|(name, why)| json!({ "name": name, "why": why })).collect();
        let exit = if left_out.is_empty() { Exit::Ok } else { Exit::No };
        let answer = json!({
            "name": locked.name, "server": locked.identity, "locked": answers,
            "instructions": locked.instructions, "not_locked": left,
        });
        Ok((exit, answer))
    }

    /// Keeps earlier entries of tools that wait for approval, and with --variants of tools that are not
    /// listed.
    fn keep(
        &self,
        locked: &mut LockedServer,
        earlier: Vec<LockedTool>,
        left_out: &[(String, String)],
    ) {
        let id = |tool: &LockedTool| tool.signed.as_ref().map(|signed| signed.id.clone());
        for tool in earlier {
            let waits = left_out.iter().any(|(name, _)| *name == tool.name);
            let is_there = locked.tools.iter().any(|one| match (id(one), id(&tool)) {
                (None, None) => one.name == tool.name,
                (one, other) => one == other,
            });
            if (self.variants || waits) && !is_there {
                locked.tools.push(tool);
            }
        }
    }
}

/// Returns the tool as it is locked, or the reason why it is not locked.
async fn approved(
    tool: &JudgedTool,
    session: &Session,
) -> Result<Result<LockedTool, String>, CliError> {
    let Some(definition) = tool.definition() else {
        let why = tool.problem().map(ToString::to_string).unwrap_or_default();
        return Ok(Err(format!("refused: {why}")));
    };
    match tool.action() {
        Action::Block => return Ok(Err("refused".to_owned())),
        Action::Ask => return Ok(Err("not approved as it is now".to_owned())),
        _ => {}
    }
    let record = session.approved(definition).await?;
    Ok(match record.filter(|record| record.pin.digest == definition.digest()) {
        Some(record) => Ok(LockedTool::of(definition, &record.pin.evidence, &record.by)),
        None => Err("not approved as it is now".to_owned()),
    })
}

fn by(tool: &LockedTool) -> String {
    let identity = tool.signed.as_ref().map(|signed| format!("  {} {}", signed.id, signed.version));
    format!("{}  by {}", identity.unwrap_or_default(), escaped(&tool.approved_by))
}

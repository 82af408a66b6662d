//! Locks one server, or leaves it out by name.

use etdi::JudgedTool;
use etdi::decision::Action;
use etdi::lockfile::{LockedServer, LockedTool, Lockfile, SkipReason};
use etdi::text::escaped;
use serde_json::{Value, json};

use super::LockArgs;
use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::servers::desk::Desk;
use crate::servers::host_config::Endpoint;
use crate::servers::session::{Session, heading};
use crate::servers::target::NamedServer;
use crate::show::instructions::{self, Given};
use crate::terminal::line::Line;
use crate::terminal::shell::{flag, quoted};

impl LockArgs {
    /// Locks one server. A server that is disabled or cannot be reached is left out by name, unless the
    /// command line names it, or it is locked already.
    pub(super) async fn one(
        &self,
        mut server: NamedServer,
        desk: &Desk,
        lockfile: &mut Lockfile,
        context: &Context,
    ) -> Result<(Exit, Value), CliError> {
        let name = server.name.clone();
        let at = |error: CliError| error.at(&name);
        let from = self.locked_from().map_err(at)?;
        if server.skip.is_some() && self.is_all() {
            server.say_skipped(context);
            return self.leave_out_disabled(&name, from, lockfile).map_err(at);
        }
        // A server without a valid address has no identity to lock.
        let endpoint = server.endpoint.and_then(|endpoint| endpoint.identity().map(|_| endpoint));
        let (mut locked, endpoint) = match endpoint {
            Ok(endpoint) => self.locked(&name, from, endpoint, context).map_err(at)?,
            Err(error) => {
                let from = from.unwrap_or_default();
                let new = LockedServer::left_out(&name, from, None, SkipReason::Unreachable);
                return self.leave_out(new, error.at(&name), lockfile, context);
            }
        };
        self.is_locked_otherwise(&locked, lockfile)?;
        let earlier = lockfile.server(&name).cloned();
        server.endpoint = Ok(endpoint);
        let session = match desk.session(server, context).await {
            Ok(session) => session,
            Err(error) if error.is_of_server() => {
                locked.skipped = Some(SkipReason::Unreachable);
                return self.leave_out(locked, error, lockfile, context);
            }
            Err(error) => return Err(error),
        };
        let done = self.fill(&mut locked, earlier, &session, context).await;
        session.connection.close().await;
        let (exit, answer) = done?;
        put(locked, lockfile)?;
        Ok((exit, answer))
    }

    /// Leaves out a server that its configuration disables. The tools of an earlier entry stay.
    fn leave_out_disabled(
        &self,
        name: &str,
        from: Option<String>,
        lockfile: &mut Lockfile,
    ) -> Result<(Exit, Value), CliError> {
        let from = from.unwrap_or_default();
        let why = SkipReason::Disabled;
        let mut entry = match lockfile.server(name) {
            Some(earlier) if earlier.from.as_ref() == Some(&from) => earlier.clone(),
            Some(_) => {
                return Err(CliError::new(
                    "cannot lock the server: another configuration has a server of this name",
                ));
            }
            None => LockedServer::left_out(name, from, None, why),
        };
        entry.skipped = Some(why);
        put(entry, lockfile)?;
        Ok((Exit::Ok, json!({ "name": name, "skipped": why })))
    }

    /// Leaves out a server that cannot be reached. Fails if the command line names this server, or if
    /// the lockfile has its tools: they must not vanish because it is down.
    fn leave_out(
        &self,
        new: LockedServer,
        error: CliError,
        lockfile: &mut Lockfile,
        context: &Context,
    ) -> Result<(Exit, Value), CliError> {
        let is_locked = |earlier: &LockedServer| {
            let is_same = new.identity.is_none() || earlier.identity == new.identity;
            let was_asked = earlier.skipped.is_none() || !earlier.tools.is_empty();
            is_same && was_asked
        };
        if !self.is_all() || lockfile.server(&new.name).is_some_and(is_locked) {
            return Err(error);
        }
        let (name, why) = (new.name.clone(), SkipReason::Unreachable);
        put(new, lockfile)?;
        context.out.line(heading(&name));
        let line =
            Line::new().text("  ").warn("left out  ").text(why).text(": ").text(error.what());
        context.out.indented(line, 4);
        if let Some(next) = error.next_step() {
            context.out.next(next);
        }
        let (at, next) = (error.place(), error.next_step());
        let answer = json!({
            "name": name, "skipped": why, "error": error.what(), "at": at, "next": next,
        });
        Ok((Exit::Ok, answer))
    }

    /// Fails if the server is locked under another name. Called before the server is started.
    fn is_locked_otherwise(&self, new: &LockedServer, lockfile: &Lockfile) -> Result<(), CliError> {
        let is_same = |one: &&LockedServer| {
            one.skipped.is_none() && one.identity == new.identity && one.name != new.name
        };
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

    /// Returns the path of the configuration as the lockfile writes it. `None` if the command line gives
    /// the address of the server.
    fn locked_from(&self) -> Result<Option<String>, CliError> {
        if self.url.is_some() {
            return Ok(None);
        }
        self.lock.relative(&self.from).map(Some).ok_or_else(|| {
            CliError::new(
                "cannot lock the server: its configuration is not in the folder of the lockfile",
            )
            .next("lock the servers of a file that the repository holds")
        })
    }

    /// Returns the new entry of a server, and its endpoint. The entry has the identity of the server, and
    /// everything that its command starts. The server is not started yet.
    fn locked(
        &self,
        name: &str,
        from: Option<String>,
        mut endpoint: Endpoint,
        context: &Context,
    ) -> Result<(LockedServer, Endpoint), CliError> {
        let mut locked = LockedServer::new(name, endpoint.identity()?);
        locked.from = from;
        if let Endpoint::Stdio { configured, started } = &mut endpoint {
            *started = self.lock.at_root(started.clone());
            let launch = self.lock.launch(configured, started, context.environment);
            locked.files = self.lock.files(&launch)?;
            locked.unbound = launch.unbound();
            locked.packages = launch.artifacts;
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

fn put(entry: LockedServer, lockfile: &mut Lockfile) -> Result<(), CliError> {
    let name = entry.name.clone();
    let put = lockfile.put(entry);
    put.map_err(|error| CliError::new(error).cannot("lock the server").at(name))
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

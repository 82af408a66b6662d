//! `etdi lock`.

mod one;

use std::path::PathBuf;

use clap::Args;
use etdi::lockfile::Lockfile;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files::lock_file::LockOptions;
use crate::servers::desk::{Desk, ServerArgs};
use crate::servers::host_config::{self, Endpoint};
use crate::servers::target::NamedServer;
use crate::terminal::line::Line;
use crate::terminal::shell::{flag, quoted};

/// Write the approved tools into etdi.lock, for a team's repository.
///
/// Lists each server, and locks the tools and the instructions that you have approved as they are now.
/// A tool that is not approved is not locked, and its earlier entry in the lockfile stays. A server
/// that is disabled or cannot be reached is left out by name. Exit code 0 if everything is locked or
/// left out by name, 1 if something is not approved, 2 if a server that is locked or that you name
/// could not be asked; the others are still locked.
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
        let old = self.lock.read_to_change()?;
        if let Some(name) = &self.remove {
            return self.take_out(name, &old, context);
        }
        let mut lockfile = old.clone();
        let servers = self.servers(context)?;
        let names: Vec<_> = servers.iter().map(|server| server.name.clone()).collect();
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
        for name in self.gone(&names, &lockfile) {
            exit = exit.and(Exit::No);
            let line = Line::new().theirs(&name).warn("  not in the configuration any longer");
            context.out.indented(line, 4);
            if let (Some(lockfile), Some(remove)) = (self.lock.words(), flag("--remove", &name)) {
                context.out.next(format!("etdi lock {lockfile}{remove}"));
            }
            answers.push(json!({ "name": name, "missing": true }));
        }
        let answer = json!({ "servers": answers, "exit": exit.code() });
        // Do not write an empty lockfile: a check against it compares no servers, and could pass.
        if exit == Exit::CannotCheck && lockfile.servers().is_empty() {
            context.out.json(&answer);
            return Ok(exit);
        }
        self.written(&old, &lockfile, answer, context)?;
        Ok(exit)
    }

    /// Returns whether the command line names no server, so that all servers of the file are meant.
    fn is_all(&self) -> bool {
        self.url.is_none() && self.server.is_none()
    }

    /// Returns the locked servers that the configuration does not name any longer.
    fn gone(&self, names: &[String], lockfile: &Lockfile) -> Vec<String> {
        let from = self.lock.relative(&self.from).filter(|_| self.is_all());
        let Some(from) = from else { return Vec::new() };
        let is_gone = |name: &String| !names.contains(name);
        let of_file =
            lockfile.servers().iter().filter(|server| server.from.as_ref() == Some(&from));
        of_file.map(|server| server.name.clone()).filter(is_gone).collect()
    }

    fn take_out(&self, name: &str, old: &Lockfile, context: &Context) -> Ending {
        let mut lockfile = old.clone();
        if !lockfile.remove(name) {
            return Err(self.lock.unknown(name, &lockfile));
        }
        self.written(old, &lockfile, json!({ "removed": name, "exit": 0 }), context)?;
        Ok(Exit::Ok)
    }

    fn written(
        &self,
        old: &Lockfile,
        lockfile: &Lockfile,
        mut answer: Value,
        context: &Context,
    ) -> Result<(), CliError> {
        let is_new = self.lock.write(old, lockfile)?;
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
        Ok(entries.into_iter().map(|entry| NamedServer::configured(entry, &self.from)).collect())
    }
}

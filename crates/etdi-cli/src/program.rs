//! From the process's arguments to its exit status.

use std::future::{Future, poll_fn};
use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ColorChoice as ClapColor, CommandFactory, FromArgMatches};
use etdi::SystemClock;
use etdi::client::kill_stdio_servers;

use crate::cli::{Cli, Color};
use crate::commands;
use crate::context::Context;
use crate::environment::Environment;
use crate::exit::{CliError, Exit};
use crate::files::FileChange;
use crate::files::paths;
use crate::terminal::ask::Prompt;
use crate::terminal::output::Output;
use crate::terminal::spinner::Spinners;
use crate::usage;

/// The command line, for whoever makes pages or completions of it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command that the process's arguments name. Wrong usage ends the process with status 2.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = usage::ordered(std::env::args_os().collect());
    let matches = command().color(usage_color(&arguments)).try_get_matches_from(&arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return usage::end(error, &arguments),
    };
    let out = Output::of_process(cli.global.json, cli.global.quiet, cli.global.color.choice());
    match run(cli, out) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", error.what());
            Exit::CannotCheck.into()
        }
    }
}

fn run(cli: Cli, out: Output) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("the program cannot start: {error}")))?;
    let environment = Environment;
    let config_is_named = cli.global.config.is_some();
    let config = match cli.global.config {
        Some(path) => Ok(path),
        None => paths::trust_file(environment),
    };
    let interactive = io::stdin().is_terminal() && io::stderr().is_terminal() && !cli.global.json;
    let terminal = Terminal::as_it_is();
    let (listens, listening) = tokio::sync::oneshot::channel();
    runtime.spawn(end_on_interrupt(listens, terminal, out.spinners()));
    // It is there before the first question is. That it never will be is no reason to do nothing.
    let _ = runtime.block_on(listening);
    let answer = match config {
        Ok(config) => {
            let clock = Arc::new(SystemClock);
            let prompt = Prompt::new(interactive);
            let context = Context { config, config_is_named, out, clock, environment, prompt };
            let ending = runtime.block_on(commands::run(cli.command, command, &context));
            ending.unwrap_or_else(|error| {
                context.out.error(&error);
                error.exit()
            })
        }
        Err(error) => {
            out.error(&error);
            Exit::CannotCheck
        }
    };
    // What still waits for an answer from the network is dropped, and so is a server that a question
    // was interrupted about.
    kill_stdio_servers();
    runtime.shutdown_background();
    Ok(answer)
}

/// Ends the process at once, but not in the middle of a change of files.
#[expect(clippy::exit, reason = "the command itself may be blocked in a question")]
async fn end_on_interrupt(
    listens: tokio::sync::oneshot::Sender<()>,
    terminal: Terminal,
    spinners: Spinners,
) {
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    let mut listens = Some(listens);
    let signal = poll_fn(|context| {
        // The first poll is what sets the handler.
        let polled = interrupt.as_mut().poll(context);
        let _ = listens.take().map(|listens| listens.send(()));
        polled
    });
    if signal.await.is_ok() {
        let _no_change_is_under_way = FileChange::begin();
        spinners.end();
        // A question may have hidden the cursor and what is typed.
        terminal.restore();
        let _ = console::Term::stderr().show_cursor();
        let _ = writeln!(io::stderr(), "interrupted");
        // They have no terminal that would tell them.
        kill_stdio_servers();
        std::process::exit(Exit::Interrupted.code().into());
    }
}

/// How the terminal was before a question changed it.
struct Terminal {
    #[cfg(unix)]
    modes: Option<rustix::termios::Termios>,
}

impl Terminal {
    fn as_it_is() -> Self {
        Self {
            #[cfg(unix)]
            modes: rustix::termios::tcgetattr(io::stdin()).ok(),
        }
    }

    fn restore(self) {
        #[cfg(unix)]
        if let Some(modes) = self.modes {
            let now = rustix::termios::OptionalActions::Now;
            // If it does not let itself be set, there is no more to do.
            let _ = rustix::termios::tcsetattr(io::stdin(), now, &modes);
        }
    }
}

/// Usage errors come before the flags are read, so the one about colour is looked for.
fn usage_color(arguments: &[std::ffi::OsString]) -> ClapColor {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    let mut chosen = ClapColor::Auto;
    while let Some(argument) = arguments.next() {
        let value = match argument.strip_prefix("--color") {
            Some("") => arguments.next(),
            Some(rest) => rest.strip_prefix('='),
            None => continue,
        };
        chosen = match value {
            Some("always") => ClapColor::Always,
            Some("never") => ClapColor::Never,
            _ => chosen,
        };
    }
    chosen
}

impl Color {
    fn choice(self) -> anstream::ColorChoice {
        match self {
            // NO_COLOR, CLICOLOR and TERM are honoured, and a pipe gets no colour.
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
    }
}

//! The run of the program, from the process's arguments to its exit status.

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
use crate::files::change;
use crate::files::paths;
use crate::terminal::ask::Prompt;
use crate::terminal::output::Output;
use crate::terminal::spinner::Spinners;
use crate::usage;

/// Returns the command line, for pages and completions.
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
        .map_err(|error| CliError::new(format!("cannot start the program: {error}")))?;
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
    // Wait until the Ctrl-C handler is installed. If installing it fails, continue without it.
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
    // Kill the servers that an interrupted question left running, and drop requests that still wait for
    // the network.
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
        // The first poll installs the handler.
        let polled = interrupt.as_mut().poll(context);
        let _ = listens.take().map(|listens| listens.send(()));
        polled
    });
    if signal.await.is_ok() {
        let _no_change_is_under_way = change::hold_changes();
        spinners.end();
        // A question may have hidden the cursor and switched off the echo of keys.
        terminal.restore();
        let _ = console::Term::stderr().show_cursor();
        let _ = writeln!(io::stderr(), "interrupted");
        // The servers have no terminal, so Ctrl-C does not reach them.
        kill_stdio_servers();
        std::process::exit(Exit::Interrupted.code().into());
    }
}

/// The modes of the terminal before a question changed them.
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
            // If this fails, the modes stay changed: the process ends anyway.
            let _ = rustix::termios::tcsetattr(io::stdin(), now, &modes);
        }
    }
}

/// Returns the value of `--color`. Usage errors happen before the flags are parsed, so this function
/// searches the arguments itself.
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

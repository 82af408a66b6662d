//! Questions to the person at the terminal, on standard error.

use std::time::Duration;

use dialoguer::{Confirm, Input, Password, Select};
use zeroize::Zeroizing;

use crate::exit::CliError;
use crate::terminal::line::visible;

/// The longest wait for the signal of a Ctrl-C at a question.
const SIGNAL: Duration = Duration::from_secs(1);

/// Asks the person at the terminal, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    interactive: bool,
}

impl Prompt {
    /// Creates a prompt. If `interactive` is false, every question is an error that names the flag to
    /// give instead.
    pub(crate) fn new(interactive: bool) -> Self {
        Self { interactive }
    }

    /// Returns whether a person can be asked.
    pub(crate) fn is_interactive(self) -> bool {
        self.interactive
    }

    /// Asks for a yes or a no. If no person can be asked, fails with `flag` as the next step.
    pub(crate) fn confirm(self, question: &str, flag: &str) -> Result<bool, CliError> {
        self.person(flag)?;
        let prompt = Confirm::new().with_prompt(visible(question)).default(false);
        prompt.interact().map_err(unanswered)
    }

    /// Asks for a text. `check` may refuse the text with a reason. If no person can be asked, fails with
    /// `flag` as the next step.
    pub(crate) fn ask(
        self,
        question: &str,
        proposed: Option<String>,
        flag: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, CliError> {
        self.person(flag)?;
        let mut prompt = Input::<String>::new().with_prompt(visible(question));
        if let Some(proposed) = proposed {
            prompt = prompt.default(proposed);
        }
        let check = |text: &String| check(text).map_err(|why| visible(&why));
        prompt.validate_with(check).interact_text().map_err(unanswered)
    }

    /// Asks for one of several items, and returns the index of the picked item. If no person can be
    /// asked, fails with `flag` as the next step.
    pub(crate) fn pick(
        self,
        question: &str,
        items: &[&str],
        flag: &str,
    ) -> Result<usize, CliError> {
        self.person(flag)?;
        let items: Vec<_> = items.iter().map(|item| visible(item)).collect();
        let prompt = Select::new().with_prompt(visible(question)).items(&items).default(0);
        prompt.interact().map_err(unanswered)
    }

    /// Asks for a secret, which is not shown. A new secret is asked for twice. If no person can be
    /// asked, fails with `flag` as the next step.
    pub(crate) fn secret(
        self,
        question: &str,
        new: bool,
        flag: &str,
    ) -> Result<Zeroizing<String>, CliError> {
        self.person(flag)?;
        let mut prompt = Password::new().with_prompt(visible(question));
        if new {
            prompt = prompt.with_confirmation("Repeat it", "They differ; try again");
        }
        prompt.interact().map(Zeroizing::new).map_err(unanswered)
    }

    /// Fails if no person can be asked. Discards the characters that were typed before the question
    /// was shown: they would answer it.
    fn person(self, flag: &str) -> Result<(), CliError> {
        if self.interactive {
            return forget_what_was_typed();
        }
        let what = "cannot ask a question: a terminal is missing, or --json is given";
        Err(CliError::new(what).next(flag))
    }
}

#[cfg(unix)]
fn forget_what_was_typed() -> Result<(), CliError> {
    use rustix::termios::{QueueSelector, tcflush};
    tcflush(std::io::stdin(), QueueSelector::IFlush)
        .map_err(|error| unanswered(std::io::Error::from(error).into()))
}

#[cfg(not(unix))]
fn forget_what_was_typed() -> Result<(), CliError> {
    Ok(())
}

fn unanswered(error: dialoguer::Error) -> CliError {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == std::io::ErrorKind::Interrupted {
        // Ctrl-C is also a signal, and its handler ends the process. If no signal comes, return the
        // error.
        let (_keep, signal) = std::sync::mpsc::channel::<()>();
        let _ = signal.recv_timeout(SIGNAL);
        return CliError::interrupted();
    }
    CliError::new(format!("cannot read the answer: {error}"))
}

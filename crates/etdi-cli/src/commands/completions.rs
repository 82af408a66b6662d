//! `etdi completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::context::Context;
use crate::exit::{Ending, Exit};

/// Print completions for a shell, on standard output.
///
/// bash: `etdi completions bash > ~/.local/share/bash-completion/completions/etdi`
///
/// zsh: `etdi completions zsh > ~/.zfunc/_etdi`, with `fpath+=~/.zfunc` before `compinit`
///
/// fish: `etdi completions fish > ~/.config/fish/completions/etdi.fish`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

impl CompletionsArgs {
    pub(crate) fn run(self, mut command_line: Command, context: &Context) -> Ending {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command_line, "etdi", &mut script);
        context.out.own(&script);
        Ok(Exit::Ok)
    }
}

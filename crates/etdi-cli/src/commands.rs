//! One module for each command.

pub(crate) mod completions;
pub(crate) mod keys;
pub(crate) mod sign;
pub(crate) mod verify;

use crate::cli::Command;
use crate::context::Context;
use crate::exit::{EXIT_CODES, Ending, Exit};

/// Runs one command.
pub(crate) async fn run(command: Command, context: &Context) -> Ending {
    match command {
        Command::Keys(keys) => keys.run(context),
        Command::Sign(sign) => sign.run(context),
        Command::Verify(verify) => verify.run(context).await,
        Command::Completions(completions) => completions.run(context),
        Command::ExitCodes => {
            for line in EXIT_CODES.lines() {
                context.out.line(line);
            }
            Ok(Exit::Ok)
        }
    }
}

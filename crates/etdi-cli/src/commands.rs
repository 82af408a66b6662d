//! One module for each command.

pub(crate) mod approve;
pub(crate) mod audit;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod diff;
pub(crate) mod discover;
pub(crate) mod doctor;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod lock;
pub(crate) mod revoke;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod token;
pub(crate) mod trust;
pub(crate) mod verify;

use clap::Subcommand;

use crate::context::Context;
use crate::exit::{Ending, Exit, exit_codes, exit_codes_json};

/// One command, with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::InitArgs),
    Trust(trust::TrustArgs),
    Keys(keys::KeysArgs),
    Sign(sign::SignArgs),
    Verify(verify::VerifyArgs),
    Doctor(doctor::DoctorArgs),
    Discover(discover::DiscoverArgs),
    Show(show::ShowArgs),
    Diff(diff::DiffArgs),
    Approve(approve::ApproveArgs),
    Revoke(revoke::RevokeArgs),
    List(list::ListArgs),
    Lock(lock::LockArgs),
    Check(check::CheckArgs),
    Token(token::TokenArgs),
    Audit(audit::AuditArgs),
    Completions(completions::CompletionsArgs),
    /// Show the meaning of each exit code.
    #[command(long_about = exit_codes(), hide = true)]
    ExitCodes,
}

/// Runs one command. `command_line` describes the whole command line, for the completions.
pub(crate) async fn run(
    command: Command,
    command_line: fn() -> clap::Command,
    context: &Context,
) -> Ending {
    match command {
        Command::Init(init) => init.run(context).await,
        Command::Trust(trust) => trust.run(context).await,
        Command::Keys(keys) => keys.run(context),
        Command::Sign(sign) => sign.run(context),
        Command::Verify(verify) => verify.run(context).await,
        Command::Doctor(doctor) => doctor.run(context).await,
        Command::Discover(discover) => discover.run(context).await,
        Command::Show(show) => show.run(context).await,
        Command::Diff(diff) => diff.run(context).await,
        Command::Approve(approve) => approve.run(context).await,
        Command::Revoke(revoke) => revoke.run(context).await,
        Command::List(list) => list.run(context).await,
        Command::Lock(lock) => lock.run(context).await,
        Command::Check(check) => check.run(context).await,
        Command::Token(token) => token.run(context).await,
        Command::Audit(audit) => audit.run(context),
        Command::Completions(completions) => completions.run(command_line(), context),
        Command::ExitCodes => {
            context.out.json(&exit_codes_json());
            for line in exit_codes().lines() {
                context.out.line(line);
            }
            Ok(Exit::Ok)
        }
    }
}

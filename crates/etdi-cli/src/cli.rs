//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;

/// Signed tool definitions for MCP: who published a tool, whether it is still the one that was
/// approved, and what it may do.
#[derive(Debug, Parser)]
#[command(
    name = "etdi",
    version,
    help_template = TEMPLATE,
    override_usage = "etdi [OPTIONS] <COMMAND>",
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// The flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print one JSON document on standard output, also for an error, and do not ask questions.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print only errors and requested data; the exit code is the answer.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to print colours. `auto`: on a terminal, if NO_COLOR is not set.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: Color,
    /// The file of the trust configuration. Without this flag: the file in ETDI_CONFIG, or else
    /// etdi/trust.toml in $XDG_CONFIG_HOME (~/.config), on Windows in %APPDATA%.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
}

/// When to print colours.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

const TEMPLATE: &str = "\
{about}

{usage-heading} {usage}

Whom to trust
  init         Make the trust configuration
  trust        Add, list and remove trusted providers
  doctor       Check the configuration and the identity provider

Approve tools
  discover     List the tools of servers, and whether each may run
  show         Show everything about a tool
  diff         Show what changed in a tool since it was approved
  approve      Approve tools, as they are now
  revoke       Forget a tool and its approval
  list         List the approvals

Share with a team
  lock         Write the approved tools into etdi.lock, for a repository
  check        Compare servers with etdi.lock, without approvals

Publish definitions
  keys         Make, list, rotate and export signing keys
  sign         Sign the definitions of a file
  verify       Show who signed the definitions of a file

Inspect
  token        Decode a token, explain its claims, validate it
  audit        Show the decisions in an event log

More
  completions  Print completions for a shell
  help         Show help for a command; `etdi help exit-codes`: the exit codes

Options
{options}{after-help}";

const EXAMPLES: &str = "\
Examples:
  etdi init                                 whom to trust
  etdi discover --from .mcp.json            the tools of your servers, judged
  etdi keys generate                        a key to sign with
  etdi sign tools.json --spec spec.toml     a signed file, for a build pipeline
  etdi verify signed.json                   exit 0 only if all are trusted

Exit codes: 0 yes, 1 a check said no, 2 could not be checked; see
`etdi help exit-codes`.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// The pages under docs/cli have tests of their own. This test parses the commands of the first
    /// page.
    #[test]
    fn the_command_line_parses_every_command_of_the_first_page() {
        let page = include_str!("../../../README.md");
        let shells = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let lines = shells.flat_map(str::lines).filter_map(|line| line.split('#').next());
        let typed = lines.flat_map(|line| line.split("&&")).map(str::split_whitespace);
        let mut commands = 0;
        for words in typed.filter(|words| words.clone().next() == Some("etdi")) {
            let parsed = Cli::try_parse_from(words.clone());
            assert!(parsed.is_ok(), "{:?}: {}", words.collect::<Vec<_>>(), parsed.unwrap_err());
            commands += 1;
        }
        assert!(commands > 3, "the page shows only {commands} commands");
    }

    proptest::proptest! {
        /// A key's thumbprint may begin with a hyphen and the letter of a flag.
        #[test]
        fn a_thumbprint_is_not_read_as_a_flag(thumbprint in "-[A-Za-z0-9_-]{42}") {
            let text = thumbprint.as_str();
            let add = ["etdi", "trust", "add", "https://p.example", "--thumbprint", text, "--json"];
            let Ok(Command::Trust(add)) = Cli::try_parse_from(add).map(|cli| cli.command) else {
                panic!("{text} is refused");
            };
            assert!(format!("{add:?}").contains(&format!("thumbprint: [{text:?}]")));
            for line in [["remove", "publisher", text, "--yes"], ["remove", "--yes", "publisher", text]] {
                let line = ["etdi", "keys"].into_iter().chain(line);
                let Ok(Command::Keys(remove)) = Cli::try_parse_from(line).map(|cli| cli.command) else {
                    panic!("{text} is refused");
                };
                assert!(format!("{remove:?}").contains(&format!("kid: {text:?}, yes: true")));
            }
        }
    }

    #[test]
    fn every_command_is_in_a_group_of_the_help() {
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let line = format!("\n  {} ", command.get_name());
            assert!(TEMPLATE.contains(&line), "{} is in no group", command.get_name());
        }
    }
}

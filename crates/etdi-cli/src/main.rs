//! The `etdi` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    etdi_cli::main()
}

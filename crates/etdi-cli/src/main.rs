//! The `etdi` command.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]

use std::process::ExitCode;

fn main() -> ExitCode {
    etdi_cli::main()
}

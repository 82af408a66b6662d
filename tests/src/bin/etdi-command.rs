//! The `etdi` command, as a program that the tests of this package can start.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    etdi_cli::main()
}

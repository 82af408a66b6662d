//! The `etdi` command, where a test of this package can start it.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    etdi_cli::main()
}

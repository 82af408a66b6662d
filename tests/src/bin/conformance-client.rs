//! `conformance-client (--bare|--judged) [--turn FILE] URL`: the client under test of the official
//! conformance suite, with rmcp alone or through `EtdiClient`. The suite names the scenario in the
//! environment.
//!
//! The suite starts all clients at once. On a busy machine they would slow each other down, and some
//! would run into timeouts. With `--turn`, each client waits for a lock on the file, so only one plays
//! its scenario at a time.

#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "the suite describes a scenario to its client in the environment"
)]

use std::env;
use std::fs::File;
use std::process::ExitCode;

use etdi_tests::conformance::client::Scenario;
use etdi_tests::conformance::session::Form;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (form, turn, url) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [form @ ("--bare" | "--judged"), url] => (form, None, url.to_owned()),
        [form @ ("--bare" | "--judged"), "--turn", file, url] => (form, Some(file), url.to_owned()),
        _ => {
            eprintln!("usage: conformance-client (--bare|--judged) [--turn FILE] URL");
            return ExitCode::from(2);
        }
    };
    let form = if form == "--bare" { Form::Bare } else { Form::Judged };
    // The lock is held until this process ends.
    let turn = turn.map(|file| File::create(file).and_then(|file| file.lock().map(|()| file)));
    if let Some(Err(error)) = turn {
        eprintln!("cannot lock the file of --turn: {error}");
        return ExitCode::from(2);
    }
    let variable = |name: &str| env::var(name).unwrap_or_default();
    let scenario = Scenario {
        name: variable("MCP_CONFORMANCE_SCENARIO"),
        version: variable("MCP_CONFORMANCE_PROTOCOL_VERSION"),
        url,
        context: serde_json::from_str(&variable("MCP_CONFORMANCE_CONTEXT")).unwrap_or_default(),
    };
    match scenario.run(form).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure:?}");
            ExitCode::FAILURE
        }
    }
}

//! `conformance-client (--bare|--judged) URL`: the client under test of the official conformance
//! suite, with rmcp alone or through `EtdiClient`. The suite names the scenario in the environment.

#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "the suite describes a scenario to its client in the environment"
)]

use std::env;
use std::process::ExitCode;

use etdi_tests::conformance::client::Scenario;
use etdi_tests::conformance::session::Form;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (form, url) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--bare", url] => (Form::Bare, url.to_owned()),
        ["--judged", url] => (Form::Judged, url.to_owned()),
        _ => {
            eprintln!("conformance-client (--bare|--judged) URL");
            return ExitCode::from(2);
        }
    };
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

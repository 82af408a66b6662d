//! The demos' own publisher: attested by its issuer, approved, and detected when its server turns
//! hostile.

use std::path::Path;

use demos::identity::{API, ATTESTATIONS};
use demos::servers::{CALL_SCOPE, KEY_FILE, PROVIDER, TOOL};
use demos::state::State;
use etdi::SigningKey;
use etdi_dev_issuer::{Api, DEFINITIONS_CLAIM, DevIssuer, RegisteredClient};
use etdi_testkit::terminal;
use etdi_testkit::terminal::Script;
use etdi_testkit::views::{Views, views_without};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::program::{Server, new_folder, text};
use crate::screens::{PRIVATE_PEM, without_digests};

/// The client that may attest TrustedSoft's tools.
const CLIENT: &str = "etdi-demo-server";

#[test]
fn the_publisher_of_the_demos_is_approved_until_its_server_turns_hostile_on_both_transports() {
    for transport in ["stdio", "http"] {
        let place = tempfile::tempdir().unwrap();
        let issuer = RunningIssuer::start();
        let key = SigningKey::generate().unwrap();
        let state = State::at(place.path().join("legitimate")).unwrap();
        state.write(KEY_FILE, &key.to_pem().unwrap()).unwrap();
        state.set_offer("1.0.0").unwrap();
        state.write("identity.json", &identity(&issuer).to_string()).unwrap();
        let server = served("legitimate", transport, state.path());
        let folder = new_folder();
        std::fs::write(folder.path().join("trust.toml"), trust(&key, issuer.issuer.issuer()))
            .unwrap();
        let run = |arguments: &[&str]| {
            let loopback = ["--danger-loopback-http"];
            folder.run(&[arguments, &loopback[..], &server.words()].concat())
        };
        let tool =
            || -> Value { run(&["discover", "--json"]).json()["servers"][0]["tools"][0].clone() };

        let new = tool();
        assert_eq!((&new["name"], &new["decision"]), (&json!(TOOL), &json!("ask")), "{new}");
        assert!(new["who"].as_str().unwrap().starts_with("attested"), "{new}");
        let yes = ["approve", TOOL, "--by", "alice", "--yes", new["digest"].as_str().unwrap()];
        let ran = run(&yes);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let decision = tool()["decision"].clone();
        assert!(["allow", "warn"].contains(&decision.as_str().unwrap()), "{decision}");

        state.set_offer("1.1.0").unwrap();
        assert_eq!(tool()["decision"], "ask");
        assert_eq!(run(&["diff", TOOL]).code, 1);
        for turned in ["same-version", "unsigned"] {
            state.set_offer(turned).unwrap();
            assert_eq!(tool()["decision"], "block", "{turned}");
            assert_eq!(run(&["approve", "--all"]).code, 1, "{turned}");
        }
        state.set_offer("1.0.0").unwrap();
        assert_eq!(run(&["discover"]).code, 0);
    }
}

#[test]
fn the_publisher_of_the_demos_on_stdio_as_a_person_sees_it() {
    is_seen("stdio");
}

#[test]
fn the_publisher_of_the_demos_on_http_as_a_person_sees_it() {
    is_seen("http");
}

/// Checks the screens of the publisher: attested and new, approved, with another version, and with
/// another definition under the same version.
fn is_seen(transport: &str) {
    let place = tempfile::tempdir().unwrap();
    let issuer = RunningIssuer::start();
    let key = SigningKey::from_pem(PRIVATE_PEM).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_demo-server"));
    let folder = new_folder().linking("demo-server", program);
    std::fs::write(folder.path().join("trust.toml"), trust(&key, issuer.issuer.issuer())).unwrap();
    // A server on stdio is started in the folder, so that its command does not name a path of this
    // machine.
    let state = match transport {
        "stdio" => folder.path().join("state"),
        _ => place.path().join("state"),
    };
    let state = State::at(state).unwrap();
    state.write(KEY_FILE, PRIVATE_PEM).unwrap();
    state.set_offer("1.0.0").unwrap();
    state.write("identity.json", &identity(&issuer).to_string()).unwrap();
    let server = match transport {
        "stdio" => Server::Stdio(
            ["./demo-server", "legitimate", "stdio", "state"].map(str::to_owned).to_vec(),
        ),
        _ => served("legitimate", transport, state.path()),
    };
    let screen = |name: &str, arguments: &[&str], script: Script<'_>, code: i32| {
        let all = [arguments, &["--danger-loopback-http"], &server.words()].concat();
        let views = views_without(Views::Four, &[], || folder.copied(), &all, script, code);
        let name = format!("trusted_{transport}_{name}");
        insta::assert_snapshot!(name, without_digests(&views));
        all.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    screen("discover", &["discover"], &[], 1);
    screen("show", &["show", TOOL], &[], 1);
    let yes = [("Approve this tool as shown?", "y")];
    let approve = screen("approve", &["approve", TOOL], &yes, 0);
    let approve: Vec<_> = approve.iter().map(String::as_str).collect();
    assert_eq!(terminal::run(&folder, 120, &approve, &yes).code, 0);
    screen("approved", &["discover"], &[], 0);
    state.set_offer("1.1.0").unwrap();
    screen("diff", &["diff", TOOL], &[], 1);
    state.set_offer("same-version").unwrap();
    screen("turned", &["approve", "--all"], &[], 1);
}

fn identity(issuer: &RunningIssuer) -> Value {
    let client = issuer.issuer.client(CLIENT).unwrap();
    json!({
        "embedded": {
            "issuer": issuer.issuer.issuer(), "client_id": CLIENT,
            "client_secret": client.expose_secret(),
        },
        "audience": API,
        "attestations": { "audience": ATTESTATIONS, "claim": DEFINITIONS_CLAIM },
        "beside": null,
    })
}

/// An issuer with one client, running beside the test.
struct RunningIssuer {
    issuer: DevIssuer,
    _runtime: Runtime,
}

impl RunningIssuer {
    fn start() -> Self {
        let client = RegisteredClient::generate(CLIENT).unwrap();
        let client = client.granted(API, &[CALL_SCOPE]).granted(ATTESTATIONS, &[]);
        let issuer = DevIssuer::builder()
            .api(Api::new(API, &[CALL_SCOPE]))
            .api(Api::new(ATTESTATIONS, &[]).attesting())
            .client(client.authority("trustedsoft.example"));
        let runtime = Runtime::new().unwrap();
        Self { issuer: runtime.block_on(issuer.start()).unwrap(), _runtime: runtime }
    }
}

fn served(role: &str, transport: &str, folder: &Path) -> Server {
    let command = [env!("CARGO_BIN_EXE_demo-server"), role, transport, &text(folder)];
    let command = command.map(str::to_owned);
    match transport {
        "stdio" => Server::stdio(&command),
        _ => Server::http(&command),
    }
}

/// Returns a trust configuration with TrustedSoft's key and the one client that may attest its tools.
fn trust(key: &SigningKey, issuer: &str) -> String {
    let jwk = serde_json::to_value(key.public_jwk()).unwrap();
    let members = jwk.as_object().unwrap().iter();
    let jwk: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
    format!(
        "[[provider]]\nid = {PROVIDER:?}\nauthorities = [\"trustedsoft.example\"]\n\
         keys = [{{ {} }}]\nmin_binding = \"digest\"\n\
         [[provider.issuer]]\nissuer = {issuer:?}\nkind = \"auth0\"\nclients = [{CLIENT:?}]\n\
         attestation_audience = {ATTESTATIONS:?}\nclaim = {DEFINITIONS_CLAIM:?}\n",
        jwk.join(", ")
    )
}

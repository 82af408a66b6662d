//! Servers that do not follow MCP to the letter. A server that clients of the official SDKs can use
//! is listed. Any other server is refused in words for a person, with a next step.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use etdi_testkit::folder::{COMMAND, Folder, Ran};
use serde_json::{Value, json};

use crate::hostile::assert_harmless;
use crate::program::new_folder;

/// The commands that connect to a server.
const COMMANDS: [&[&str]; 5] = [
    &["discover"],
    &["show", "scan"],
    &["diff", "scan"],
    &["approve", "scan", "--by", "alice"],
    &["lock"],
];

/// Text of the libraries below, in place of words for a person.
const LIBRARY_TEXT: [&str; 8] =
    ["Some(", "None", "Object {", "::", "rmcp", "reqwest", "hyper", "serde"];

const TOOLS: &str =
    r#"{"tools":[{"name":"scan","description":"Looks.","inputSchema":{"type":"object"}}]}"#;

/// Returns the script of a server on stdio. Each argument is a command of the shell that answers one
/// method; `say` answers with the rest of a response to the request.
fn script(discover: &str, initialize: &str, list: &str) -> String {
    format!(
        "say() {{ printf '%s\\n' \"{{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":$id,$1}}\"; }}
while IFS= read -r line; do
  id=${{line#*\\\"id\\\":}}
  id=${{id%%[,\\}}]*}}
  case $line in
    *'\"method\":\"server/discover\"'*) {discover} ;;
    *'\"method\":\"initialize\"'*) {initialize} ;;
    *'\"method\":\"tools/list\"'*) {list} ;;
  esac
done
"
    )
}

const UNKNOWN: &str = r#"say '"error":{"code":-32601,"message":"no such method"}'"#;

const INITIALIZED: &str = r#"say '"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"odd","version":"1"}}'"#;

fn listed() -> String {
    format!("say '\"result\":{TOOLS}'")
}

fn folder() -> Folder {
    let folder = new_folder().trusting();
    let [_, shell, script] = COMMAND;
    let server = json!({ "command": shell, "args": [script] });
    folder.put(".mcp.json", &json!({ "mcpServers": { "odd": server } }).to_string());
    folder
}

fn run(folder: &Folder, command: &[&str], server: &[&str]) -> Ran {
    // A lockfile is about configured servers.
    let server =
        if command == ["lock"] && server == COMMAND { &["--from", ".mcp.json"] } else { server };
    let ran = folder.run(&[command, server].concat());
    let shown = format!("{}{}", ran.out, ran.err);
    assert_harmless(&shown);
    for text in LIBRARY_TEXT {
        assert!(!shown.contains(text), "{command:?}: {text} in {shown}");
    }
    ran
}

/// Asserts that each command lists the tool of the server.
fn assert_listed(name: &str, folder: &Folder, server: &[&str]) {
    let ran = run(folder, &["discover", "--json"], server);
    let tools = ran.json()["servers"][0]["tools"].clone();
    assert_eq!(tools.as_array().map(Vec::len), Some(1), "{name}: {} {}", ran.out, ran.err);
    for command in COMMANDS {
        let ran = run(folder, command, server);
        assert!(!ran.err.contains("cannot connect"), "{name} {command:?}: {}", ran.err);
        assert!(!ran.err.contains("cannot list"), "{name} {command:?}: {}", ran.err);
    }
}

/// Asserts that each command refuses the server with `words` and a next step.
fn assert_refused(name: &str, folder: &Folder, server: &[&str], words: &str) {
    for command in COMMANDS {
        let ran = run(folder, command, server);
        let shown = format!("{}{}", ran.out, ran.err);
        // A configured server that cannot be reached is left out of a lockfile, by name.
        let is_left_out = command == ["lock"] && shown.contains("left out  unreachable");
        assert!(ran.code != 0 || is_left_out, "{name} {command:?}: {shown}");
        let is_short = is_left_out && words.starts_with("    | ");
        assert!(shown.contains(words) || is_short, "{name} {command:?}: {shown}");
        assert!(shown.contains("next: "), "{name} {command:?}: {shown}");
    }
}

#[test]
fn odd_servers_on_stdio_are_listed() {
    let listed = listed();
    let noisy = format!(
        "printf 'Server running\\ncaf\\351 \\377\\n{{\"level\":\"info\",\"id\":0}}\\n'; {INITIALIZED}"
    );
    let string_id = |result: &str| {
        format!(
            "printf '%s\\n' \"{{\\\"jsonrpc\\\":\\\"2.0\\\",\\\"id\\\":\\\"$id\\\",\\\"result\\\":\"'{result}}}'"
        )
    };
    let says_little = r#"say '"result":{"protocolVersion":"2024-11-05"}'"#;
    let no_version = r#"say '"result":{"protocolVersion":"2025-03-26","capabilities":null,"serverInfo":{"name":"x","version":null}}'"#;
    let ends_at_empty_cursor =
        format!("say '\"result\":{},\"nextCursor\":\"\"}}'", TOOLS.strip_suffix('}').unwrap());
    let result = |result: &str| format!("say '\"result\":{result}'");
    let after_probe = format!("if [ -n \"$probed\" ]; then {UNKNOWN}; else {INITIALIZED}; fi");
    for (name, discover, initialize, list) in [
        ("ends at an unknown method", "exit 1", INITIALIZED, &*listed),
        (
            "refuses initialize after the probe",
            &format!("probed=1; {UNKNOWN}"),
            &after_probe,
            &listed,
        ),
        (
            "answers the probe with a tool result",
            &result(r#"{"isError":true,"content":[]}"#),
            INITIALIZED,
            &listed,
        ),
        ("answers the probe with nothing", &result("{}"), INITIALIZED, &listed),
        ("answers the probe with null", &result("null"), says_little, &listed),
        (
            "answers the probe without an id",
            r#"id=null; say '"error":{"code":-32600,"message":"Bad Request"}'"#,
            INITIALIZED,
            &listed,
        ),
        (
            "answers the probe with another id",
            r#"id=99; say '"error":{"code":-32600,"message":"Bad Request"}'"#,
            INITIALIZED,
            &listed,
        ),
        (
            "answers the probe with an error text",
            r#"say '"error":"unknown method"'"#,
            no_version,
            &listed,
        ),
        (
            "answers the probe with a code of today",
            r#"say '"error":{"code":-32020,"message":"x"}'"#,
            INITIALIZED,
            &listed,
        ),
        ("writes its log to its output", UNKNOWN, &noisy, &listed),
        (
            "answers with ids that are strings",
            UNKNOWN,
            &string_id(
                r#"{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"x","version":"1"}}"#,
            ),
            &string_id(TOOLS),
        ),
        ("ends its list with an empty cursor", UNKNOWN, INITIALIZED, &ends_at_empty_cursor),
    ] {
        let folder = folder();
        folder.put("server.sh", &script(discover, initialize, list));
        assert_listed(name, &folder, &COMMAND);
    }
}

#[test]
fn servers_on_stdio_that_cannot_be_used_say_why() {
    let listed = listed();
    let said = |text: &str| format!(r#"say '"error":{{"code":-32000,"message":"{text}"}}'"#);
    let long = "x".repeat(100_000);
    let ends = r"printf 'KEY is missing\n\033[2J\n' >&2; exit 1";
    for (name, discover, initialize, list, words) in [
        ("ends", ends, ends, &*listed, "    | KEY is missing"),
        (
            "ends, and its output is a log",
            "echo starting; exit",
            "echo starting; exit",
            &listed,
            "1 line of its output was not",
        ),
        (
            "refuses the handshake",
            UNKNOWN,
            &said("the licence has expired"),
            &listed,
            "the licence has expired (code -32000)",
        ),
        (
            "has no version",
            UNKNOWN,
            r#"say '"result":{"capabilities":{}}'"#,
            &listed,
            "`result.protocolVersion`",
        ),
        ("answers with a list", UNKNOWN, r#"say '"result":[]'"#, &listed, "`result`"),
        ("refuses the listing", UNKNOWN, INITIALIZED, &said("not now"), "not now (code -32000)"),
        ("refuses at length", UNKNOWN, INITIALIZED, &said(&long), "xxx…"),
        ("lists no tools", UNKNOWN, INITIALIZED, r#"say '"result":{}'"#, "tools"),
        ("ends at the listing", UNKNOWN, INITIALIZED, "exit 1", "ended"),
    ] {
        let folder = folder();
        folder.put("server.sh", &script(discover, initialize, list));
        assert_refused(name, &folder, &COMMAND, words);
    }
}

/// An answer: the status, the headers and the body.
type Answer = (u16, Vec<(&'static str, &'static str)>, String);

type Answering = fn() -> Answer;

/// Chooses the messages that are answered in an odd way.
type Chosen = fn(&Value) -> bool;

struct OddServer {
    url: String,
    _runtime: tokio::runtime::Runtime,
}

impl OddServer {
    /// Starts a server. `answer` gets the message and may answer it in another way.
    fn start(answer: impl Fn(&Value) -> Option<Answer> + Clone + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(address)).unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let router = Router::new().fallback(move |body: String| {
            let answer = answer.clone();
            async move { respond(&serde_json::from_str(&body).unwrap_or_default(), &answer) }
        });
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, _runtime: runtime }
    }
}

fn respond(message: &Value, answer: &impl Fn(&Value) -> Option<Answer>) -> Response<Body> {
    let (status, headers, body) = answer(message).unwrap_or_else(|| usual(message));
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Body::from(body)).unwrap()
}

fn usual(message: &Value) -> Answer {
    let result = match message["method"].as_str() {
        Some("initialize") => json!({"protocolVersion": "2025-06-18", "capabilities": {}}),
        Some("tools/list") => serde_json::from_str(TOOLS).unwrap(),
        Some("server/discover") => {
            let error = json!({"code": -32601, "message": "no such method"});
            return json_body(200, &json!({"jsonrpc": "2.0", "id": message["id"], "error": error}));
        }
        Some(_) => return (202, Vec::new(), String::new()),
        None => return (405, Vec::new(), String::new()),
    };
    json_body(200, &json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))
}

fn json_body(status: u16, body: &Value) -> Answer {
    (status, vec![("content-type", "application/json")], body.to_string())
}

fn html(status: u16) -> Answer {
    (status, vec![("content-type", "text/html")], "<html>no</html>".to_owned())
}

fn bad_request() -> Answer {
    let error = json!({"code": -32000, "message": "Bad Request: Server not initialized"});
    json_body(400, &json!({"jsonrpc": "2.0", "id": null, "error": error}))
}

fn empty(status: u16) -> Answer {
    (status, Vec::new(), String::new())
}

#[test]
fn odd_answers_to_the_probe_on_http_do_not_matter() {
    let answers: [(&str, Answering); 13] = [
        ("404", || empty(404)),
        ("405 with a page", || html(405)),
        ("400 with a JSON-RPC error", bad_request),
        ("403 without a challenge", || empty(403)),
        ("406", || empty(406)),
        ("500", || empty(500)),
        ("503 with a page", || html(503)),
        ("200 with a page", || html(200)),
        ("200 without a content type", || empty(200)),
        ("202", || empty(202)),
        ("204", || empty(204)),
        ("200 with an empty object", || json_body(200, &json!({}))),
        ("200 with the result of a tool", || {
            json_body(200, &json!({"jsonrpc": "2.0", "id": 0, "result": {"content": []}}))
        }),
    ];
    for (name, answer) in answers {
        let server =
            OddServer::start(move |message| (message["method"] == "server/discover").then(answer));
        assert_listed(name, &folder(), &[&server.url]);
    }
}

#[test]
fn servers_on_http_that_cannot_be_used_say_why() {
    let challenge = || (401, vec![("www-authenticate", "Bearer realm=\"docs\"")], String::new());
    let moved = || (307, vec![("location", "/mcp/?key=s3cret")], String::new());
    let all = |_: &Value| true;
    let list = |message: &Value| message["method"] == "tools/list";
    let cases: [(&str, Chosen, Answering, &str); 11] = [
        ("a challenge", all, challenge, "wants authorization: Bearer realm"),
        ("a challenge at the listing", list, challenge, "wants authorization: Bearer realm"),
        ("401 without a challenge", all, || empty(401), "--token-file"),
        ("403 at the listing", list, || empty(403), "HTTP 403 Forbidden"),
        ("a redirect", all, moved, "redirects to /mcp/,"),
        ("a redirect at the listing", list, moved, "a slash at its end"),
        ("a page", all, || html(200), "text/html, not JSON or an event stream"),
        ("no content type", list, || empty(200), "no content type, not JSON"),
        ("404", all, || empty(404), "this path has no MCP server"),
        (
            "an error of the listing",
            list,
            bad_request,
            "Bad Request: Server not initialized (code -32000)",
        ),
        ("another object", list, || json_body(200, &json!({"ok": true})), "not a JSON-RPC message"),
    ];
    for (name, chosen, answer, words) in cases {
        let server = OddServer::start(move |message| chosen(message).then(answer));
        assert_refused(name, &folder(), &[&server.url], words);
    }
}

#[test]
fn requests_name_this_program() {
    let names = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&names);
    let server = OddServer::start(move |message| {
        if message["method"] == "initialize" {
            seen.lock().unwrap().push(message["params"]["clientInfo"].clone());
        }
        None
    });
    run(&folder(), &["discover"], &[&server.url]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(*names.lock().unwrap(), [json!({"name": "etdi", "version": version})]);
}

#[test]
fn the_time_to_start_is_given_by_a_flag_or_a_variable() {
    let folder = folder().set("MCP_TIMEOUT", "300");
    folder.put("server.sh", "while read -r line; do :; done");
    let ran = run(&folder, &["discover"], &COMMAND);
    assert!(ran.err.contains("did not complete the handshake within 0.3 s"), "{}", ran.err);
    assert!(ran.err.contains("--timeout"), "{}", ran.err);
    let ran = run(&folder, &["discover", "--timeout", "1"], &COMMAND);
    assert!(ran.err.contains("within 1 s"), "{}", ran.err);
    let ran = run(&folder.set("MCP_TIMEOUT", "soon"), &["discover"], &COMMAND);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("cannot use MCP_TIMEOUT"), "{}", ran.err);
}

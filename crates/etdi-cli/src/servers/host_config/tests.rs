use secrecy::ExposeSecret;

use super::*;

fn environment(name: &str) -> Option<String> {
    let value = match name {
        "KEY" | "ETDI_INPUT_API_KEY" => "s3cret",
        "HOME" => "/home/alice",
        _ => return None,
    };
    Some(value.to_owned())
}

fn config(text: &str) -> Result<HostConfig, CliError> {
    let variables = Variables::of_file(Path::new("/srv/app/.mcp.json"), &environment);
    super::parse(text, variables, &["/srv/app".into()])
}

fn parse(text: &str) -> Vec<ConfiguredServer> {
    config(text).unwrap().servers
}

/// Returns the endpoint of one entry in a member of this name.
fn one_in(member: &str, entry: &str) -> Result<Endpoint, CliError> {
    parse(&format!(r#"{{"{member}":{{"docs":{entry}}}}}"#)).pop().unwrap().endpoint
}

fn one(entry: &str) -> Result<Endpoint, CliError> {
    one_in("mcpServers", entry)
}

fn started(endpoint: Result<Endpoint, CliError>) -> StdioCommand {
    let Ok(Endpoint::Stdio { started, .. }) = endpoint else { panic!("{endpoint:?}") };
    started
}

fn configured(endpoint: Result<Endpoint, CliError>) -> StdioCommand {
    let Ok(Endpoint::Stdio { configured, .. }) = endpoint else { panic!("{endpoint:?}") };
    configured
}

/// Returns the address, the token and the headers of a server on HTTP.
fn http(endpoint: Result<Endpoint, CliError>) -> (String, Option<String>, Vec<(String, String)>) {
    let Ok(Endpoint::Http { uri, token, headers }) = endpoint else { panic!("{endpoint:?}") };
    let open = |secret: SecretString| secret.expose_secret().to_owned();
    let headers = headers.into_iter().map(|(name, value)| (name, open(value)));
    (uri, token.map(open), headers.collect())
}

#[test]
fn the_formats_of_the_hosts_are_read() {
    let docs = StdioCommand::new("npx").args(["-y", "docs"]).env("A", "v").cwd("/srv");
    let entry =
        r#"{"type":"stdio","command":"npx","args":["-y","docs"],"env":{"A":"v"},"cwd":"/srv"}"#;
    let remote = r#"{"type":"http","url":"https://docs.example/mcp","headers":{}}"#;
    for text in [
        format!(r#"{{"mcpServers":{{"b":{remote},"a":{entry}}}}}"#),
        format!(r#"{{"inputs":[],"servers":{{"a":{entry},"b":{remote},}} /* VS Code */ }}"#),
        format!(r#"{{"editor":1,"mcp":{{"servers":{{"a":{entry},"b":{remote}}}}}}}"#),
        "[mcp_servers.a]\ncommand = 'npx'\nargs = ['-y', 'docs']\nenv = { A = 'v' }\ncwd = '/srv'\n\
         [mcp_servers.b]\nurl = 'https://docs.example/mcp'\n"
            .to_owned(),
        "extensions:\n  a:\n    type: stdio\n    cmd: npx\n    args: [-y, docs]\n    envs: { A: v }\n    \
         cwd: /srv\n  b:\n    type: streamable_http\n    uri: https://docs.example/mcp\n"
            .to_owned(),
    ] {
        let servers = parse(&text);
        let [a, b] = servers.as_slice() else { panic!("{text}") };
        assert_eq!((a.name.as_str(), a.what.as_str()), ("a", "npx -y docs"));
        let Ok(Endpoint::Stdio { configured, started }) = &a.endpoint else { panic!("{text}") };
        assert_eq!((configured, started), (&docs, &docs));
        let Ok(Endpoint::Http { uri, token: None, headers }) = &b.endpoint else { panic!("{text}") };
        assert_eq!((b.name.as_str(), uri.as_str()), ("b", "https://docs.example/mcp"));
        assert!(headers.is_empty());
    }
}

#[test]
fn the_identity_is_the_command_before_its_variables_have_values() {
    let text = r#"{"command":"npx","args":["${KEY}","${input:api-key}"],"env":{"TOKEN":"${KEY}"}}"#;
    let endpoint = one(text).unwrap();
    let Endpoint::Stdio { configured, started } = &endpoint else { panic!() };
    let command = StdioCommand::new("npx").args(["${KEY}", "${input:api-key}"]);
    assert_eq!(configured, &command.env("TOKEN", "${KEY}"));
    let command = StdioCommand::new("npx").args(["s3cret", "s3cret"]).env("TOKEN", "s3cret");
    assert_eq!(started, &command.cwd("/srv/app"));
    assert_eq!(endpoint.identity().unwrap(), ServerIdentity::from(configured));
}

/// Claude Code, Cursor and VS Code start a server in the folder of its project.
#[test]
fn a_server_starts_in_the_folder_of_its_project() {
    for (entry, folder) in [
        (r#"{"command":"./run.sh"}"#, "/srv/app"),
        (r#"{"command":"./run.sh","cwd":"sub"}"#, "/srv/app/sub"),
        (r#"{"command":"./run.sh","cwd":"/opt"}"#, "/opt"),
        (r#"{"command":"./run.sh","cwd":"${workspaceFolder}/a"}"#, "/srv/app/a"),
    ] {
        assert_eq!(started(one(entry)).cwd.as_deref(), Some(folder), "{entry}");
        let cwd = configured(one(entry)).cwd;
        assert!(cwd.is_none_or(|cwd| entry.contains(&cwd)), "the identity is as configured");
    }
}

#[test]
fn headers_are_sent_and_a_bearer_token_is_the_access_token() {
    let uri = || "https://a.example/mcp".to_owned();
    let key = |name: &str| vec![(name.to_owned(), "s3cret".to_owned())];
    for (entry, token, headers) in [
        (r#""headers":{"authorization":"Bearer ${KEY}"}"#, Some("s3cret"), vec![]),
        (r#""headers":{"X-Api-Key":"${KEY}"}"#, None, key("X-Api-Key")),
        (
            r#""headers":{"Authorization":"Basic s3cret"}"#,
            None,
            vec![("Authorization".to_owned(), "Basic s3cret".to_owned())],
        ),
        (r#""http_headers":{"X-Key":"s3cret"}"#, None, key("X-Key")),
        (r#""env_http_headers":{"X-Key":"KEY"}"#, None, key("X-Key")),
        (r#""bearer_token_env_var":"KEY""#, Some("s3cret"), vec![]),
        (r#""requestOptions":{"headers":{"X-Key":"s3cret"}}"#, None, key("X-Key")),
        (r#""apiKey":"s3cret""#, Some("s3cret"), vec![]),
    ] {
        let entry = format!(r#"{{"url":"https://a.example/mcp",{entry}}}"#);
        let (given, expected) = (http(one(&entry)), (uri(), token.map(str::to_owned), headers));
        assert_eq!(given, expected, "{entry}");
        assert!(!format!("{:?}", one(&entry)).contains("s3cret"), "{entry}");
    }
    for twice in [
        r#""headers":{"X-Key":"a","x-key":"b"}"#,
        r#""headers":{"Authorization":"Basic s3cret"},"bearer_token_env_var":"KEY""#,
    ] {
        let error = one(&format!(r#"{{"url":"https://a.example/mcp",{twice}}}"#)).unwrap_err();
        assert!(error.what().contains("twice"), "{error:?}");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}

#[test]
fn the_value_of_a_variable_is_not_shown() {
    let entry = r#"{"command":"x","args":["${KEY}"],"env":{"A":"${KEY}"}}"#;
    assert_eq!(started(one(entry)).args, ["s3cret"]);
    assert!(!format!("{:?}", one(entry)).contains("s3cret"));
}

#[test]
fn an_address_has_no_value_of_a_variable_and_may_have_a_default() {
    let url = |url: &str| one(&format!(r#"{{"url":"{url}"}}"#));
    assert_eq!(http(url("${BASE:-https://a.example}/mcp")).0, "https://a.example/mcp");
    for (given, name) in [
        ("https://${HOST}/mcp", "\"HOST\""),
        ("https://a.example/mcp?key=${KEY}", "\"KEY\""),
        ("${KEY:-https://a.example}/mcp", "\"KEY\""),
        ("https://a.example/${input:api-key}", "\"input:api-key\""),
    ] {
        let error = url(given).unwrap_err();
        assert!(error.what().contains(name) && error.what().contains("identity"), "{error:?}");
        assert!(error.next_step().is_some() && !format!("{error:?}").contains("s3cret"));
    }
}

#[test]
fn values_that_are_not_text_are_written_as_hosts_write_them() {
    let entry = r#"{"command":"x","args":["-p",3000,true,0.5],"env":{"PORT":3000,"DEBUG":true,"X":null,"N":-0.0}}"#;
    let command = StdioCommand::new("x").args(["-p", "3000", "true", "0.5"]);
    let command = command.env("PORT", "3000").env("DEBUG", "true").env("N", "0");
    assert_eq!(configured(one(entry)), command);
    for (entry, member) in [
        (r#"{"command":"x","env":{"PORT":[12345]}}"#, "`env.PORT` is a list"),
        (r#"{"command":"x","args":["a",null]}"#, "`args[1]` is null"),
        (r#"{"command":"x","args":[12345678901234567890]}"#, "`args[0]` is a number"),
        (r#"{"command":"x","env":{"N":1e-9}}"#, "`env.N` is a number"),
    ] {
        let error = one(entry).unwrap_err();
        assert!(error.what().contains(member) && error.next_step().is_some(), "{error:?}");
        assert!(!format!("{error:?}").contains("12345"));
    }
    // Some hosts write 3.10 and some 3.1.
    let yaml = "extensions:\n  docs:\n    type: stdio\n    cmd: x\n    envs: { PYTHON: 3.10 }\n";
    assert!(parse(yaml).pop().unwrap().endpoint.unwrap_err().what().contains("`envs.PYTHON`"));
}

#[test]
fn the_members_of_each_host_are_read() {
    let npx = || StdioCommand::new("npx").args(["-y", "docs"]);
    for (member, entry, command) in [
        // opencode, earlier versions of Zed, Cline, goose.
        (
            "mcp",
            r#"{"type":"local","command":["npx","-y","docs"],"environment":{"A":"b"}}"#,
            npx().env("A", "b"),
        ),
        (
            "context_servers",
            r#"{"command":{"path":"npx","args":["-y","docs"],"env":{"A":"${b}"}}}"#,
            npx().env("A", "${b}"),
        ),
        (
            "mcpServers",
            r#"{"transport":{"type":"stdio","command":"npx","args":["-y","docs"]},"disabled":false}"#,
            npx(),
        ),
        (
            "extensions",
            r#"{"enabled":true,"config":{"type":"stdio","cmd":"npx","args":["-y","docs"]}}"#,
            npx(),
        ),
        // Codex leaves out a variable without a value. goose needs one.
        (
            "mcp_servers",
            r#"{"command":"npx","args":["-y","docs"],"env_vars":["KEY","NONE"]}"#,
            npx().env("KEY", "${KEY}").env("NONE", "${NONE}"),
        ),
        (
            "extensions",
            r#"{"type":"stdio","cmd":"npx","args":["-y","docs"],"env_keys":["KEY"]}"#,
            npx().env("KEY", "${KEY}"),
        ),
    ] {
        assert_eq!(configured(one_in(member, entry)), command, "{entry}");
    }
    let codex = started(one_in("mcp_servers", r#"{"command":"x","env_vars":["KEY","NONE"]}"#));
    assert_eq!(
        codex.env.into_iter().collect::<Vec<_>>(),
        [("KEY".to_owned(), "s3cret".to_owned())]
    );
    let goose = one_in("extensions", r#"{"type":"stdio","cmd":"x","env_keys":["NONE"]}"#);
    assert!(goose.unwrap_err().next_step().unwrap().contains("set NONE"));
    for entry in [
        r#"{"httpUrl":"https://a.example/mcp"}"#,
        r#"{"serverUrl":"https://a.example/mcp","disabled":false}"#,
        r#"{"type":"streamableHttp","url":"https://a.example/mcp"}"#,
        r#"{"transport":{"type":"streamable-http","url":"https://a.example/mcp"}}"#,
    ] {
        assert_eq!(http(one(entry)).0, "https://a.example/mcp", "{entry}");
    }
}

#[test]
fn a_bad_entry_is_an_error_that_names_its_server_and_costs_that_server_alone() {
    for (entry, why) in [
        ("\"npx\"", "it is a string, not an object"),
        ("null", "it is null, not an object"),
        ("{}", "neither a `command` nor a `url`"),
        (r#"{"command":"x","url":"https://a.example"}"#, "both `command` and `url`"),
        (
            r#"{"url":"https://a.example","httpUrl":"https://a.example"}"#,
            "both `url` and `httpUrl`",
        ),
        (r#"{"command":" "}"#, "`command` is empty"),
        (r#"{"command":[]}"#, "`command` is empty"),
        (r#"{"command":12345}"#, "`command` is a number, not a string"),
        (r#"{"command":"npx -y 12345"}"#, "a program and arguments in one text"),
        (r#"{"command":["x"],"args":["y"]}"#, "also has `args`"),
        (r#"{"command":"x","args":"-y"}"#, "`args` is a string, not a list of strings"),
        (r#"{"command":"x","env":["A=b"]}"#, "`env` is a list, not an object of strings"),
        (r#"{"command":"x","env":{"A=B":"c"}}"#, "`env.A=B` is not the name of a variable"),
        (r#"{"command":"x","env":{"A":"$TOKEN"}}"#, "`env.A` has \"$TOKEN\""),
        (r#"{"command":"x","envFile":".env"}"#, "an `envFile`"),
        (r#"{"command":"x","type":"http"}"#, "its `type` is \"http\", but it has a `command`"),
        (r#"{"url":"https://a.example","type":"stdio"}"#, "\"stdio\", but it has a `url`"),
        (r#"{"url":"https://a.example/sse","type":"sse"}"#, "the transport SSE"),
        (r#"{"url":"https://a.example","type":"ws"}"#, "\"ws\", which is not a known transport"),
        (r#"{"url":"https://a.example","headersHelper":"x"}"#, "`headersHelper`"),
        (r#"{"url":"https://a.example","bearer_token":"12345"}"#, "`bearer_token`"),
        (r#"{"command":"x","disabled":"no"}"#, "`disabled` is a string, not true or false"),
        (r#"{"command":"x","enabled":[]}"#, "`enabled` is a list, not true or false"),
        (r#"{"command":"x","args":["${input:key}"]}"#, "the variable \"input:key\" in `args`"),
    ] {
        let text = format!(r#"{{"mcpServers":{{"docs":{entry},"good":{{"command":"x"}}}}}}"#);
        let servers = parse(&text);
        let [bad, good] = servers.as_slice() else { panic!("{text}") };
        assert!(good.endpoint.is_ok());
        let error = bad.endpoint.as_ref().unwrap_err();
        assert!(error.what().contains(why) && error.what().contains("\"docs\""), "{error:?}");
        assert!(error.what().starts_with("cannot ") && error.next_step().is_some(), "{error:?}");
        assert!(!error.what().contains("12345"), "{error:?}");
    }
    // A path may have blanks.
    let path = r#"{"command":"/opt/My Program/run"}"#;
    assert_eq!(configured(one(path)).command, "/opt/My Program/run");
}

#[test]
fn a_server_that_its_host_does_not_start_is_skipped() {
    for (member, entry, expected) in [
        ("mcpServers", r#"{"command":"x","disabled":true}"#, Skip::Disabled),
        ("mcpServers", r#"{"command":"x","disabled":"true"}"#, Skip::Disabled),
        ("mcpServers", r#"{"command":"x","disabled":1}"#, Skip::Disabled),
        ("mcpServers", r#"{"command":"x","enabled":0}"#, Skip::Disabled),
        ("mcp", r#"{"enabled":false}"#, Skip::Disabled),
        ("extensions", r#"{"type":"builtin","enabled":true}"#, Skip::OfHost),
        ("extensions", r#"{"type":"platform","enabled":false}"#, Skip::Disabled),
        ("context_servers", r#"{"source":"extension","settings":{}}"#, Skip::OfHost),
        ("context_servers", r#"{"settings":{"a":1}}"#, Skip::OfHost),
    ] {
        let server = parse(&format!(r#"{{"{member}":{{"docs":{entry}}}}}"#)).pop().unwrap();
        assert_eq!(server.skip, Some(expected), "{entry}");
        assert!(server.endpoint.is_err(), "{entry}");
    }
    for on in ["\"disabled\":false", "\"disabled\":0", "\"enabled\":true", "\"disabled\":null"] {
        assert!(one(&format!(r#"{{"command":"x",{on}}}"#)).is_ok(), "{on}");
    }
}

#[test]
fn a_file_may_name_no_server() {
    for text in ["", "{}", r#"{"mcpServers":{}}"#, r#"{"mcpServers":null}"#, "# a\n", "a = 1\n"] {
        let config = config(text).unwrap();
        assert!(config.servers.is_empty(), "{text}");
        let error = config.named(None, Path::new("a")).err().unwrap();
        assert!(error.what().contains("`mcpServers`, `servers`, `mcp.servers`"), "{error:?}");
    }
}

#[test]
fn a_member_that_is_not_understood_costs_itself_alone() {
    let text = r#"{"mcpServers":"./.mcp.json","servers":{"a":{"command":"x"}}}"#;
    let servers = parse(text);
    let [wrong, a] = servers.as_slice() else { panic!() };
    let error = wrong.endpoint.as_ref().unwrap_err();
    assert!(error.what().contains("`mcpServers` is not an object"), "{error:?}");
    assert!(a.endpoint.is_ok());
}

#[test]
fn two_servers_with_one_name_are_an_error_unless_they_are_the_same() {
    let text = r#"{"mcpServers":{"a":{"url":"https://a.example"},"b":{"command":"x"}},
        "servers":{"a":{"url":"https://b.example"},"b":{"command":"x"}}}"#;
    let servers = parse(text);
    let [a, b] = servers.as_slice() else { panic!() };
    let error = a.endpoint.as_ref().unwrap_err();
    assert!(error.what().contains("twice, in `mcpServers` and in `servers`"), "{error:?}");
    assert!(b.endpoint.is_ok());
}

/// Claude Code uses the server of the project before the server of all projects.
#[test]
fn the_server_of_the_project_comes_before_the_one_of_all_projects() {
    let text = r#"{"mcpServers":{"a":{"command":"x"}},"projects":{
        "/srv/app":{"mcpServers":{"a":{"command":"y"}}},
        "/srv/other":{"mcpServers":{"a":{"command":"z"},"b":{"command":"z"}}}}}"#;
    let config = config(text).unwrap();
    let [a] = config.servers.as_slice() else { panic!() };
    let Ok(Endpoint::Stdio { configured, .. }) = &a.endpoint else { panic!() };
    assert_eq!((configured.command.as_str(), a.remarks.len()), ("y", 1));
    let elsewhere: Vec<_> = config.elsewhere.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(elsewhere, ["a", "b"]);
    let error = config.named(Some("b"), Path::new("f")).err().unwrap();
    assert!(error.next_step().unwrap().contains("/srv/other"), "{error:?}");
}

#[test]
fn an_ambiguous_or_malformed_file_is_refused() {
    for (text, why) in [
        (r#"{"mcpServers":{"a":{"url":"x"},"a":{"url":"y"}}}"#, "twice in one object"),
        (r#"{"mcpServers":{"a":{"env":{"A":"1","A":"2"}}}}"#, "twice in one object"),
        ("{", "line 1,"),
        ("[]", "it is not an object"),
        (r#"{"mcpServers":{},"mcp":{"allowed":1}}"#, "`mcp.allowed` is not a list of names"),
    ] {
        let Err(error) = config(text) else { panic!("{text}") };
        assert!(error.what().contains(why), "{text} {error:?}");
    }
}

#[test]
fn an_endpoint_that_is_not_an_address_has_a_next_step() {
    let endpoint = one(r#"{"url":"docs"}"#).unwrap();
    assert!(endpoint.identity().unwrap_err().next_step().unwrap().contains("https://"));
}

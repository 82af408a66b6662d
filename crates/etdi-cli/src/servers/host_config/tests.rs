use secrecy::ExposeSecret;

use super::*;

fn parse(text: &str) -> Result<Vec<ConfiguredServer>, CliError> {
    let environment = |name: &str| (name == "KEY").then(|| "s3cret".to_owned());
    super::parse(text, &Variables::of_file(Path::new("/srv/.mcp.json"), &environment))
}

fn one(text: &str) -> Result<Endpoint, CliError> {
    parse(&format!(r#"{{"mcpServers":{{"docs":{text}}}}}"#)).unwrap().pop().unwrap().endpoint
}

#[test]
fn the_formats_of_the_hosts_are_read() {
    let docs = StdioCommand::new("npx").args(["-y", "docs"]).env("KEY", "v").cwd("/srv");
    let entry =
        r#"{"type":"stdio","command":"npx","args":["-y","docs"],"env":{"KEY":"v"},"cwd":"/srv"}"#;
    let http = r#"{"type":"http","url":"https://docs.example/mcp","headers":{}}"#;
    for text in [
        format!(r#"{{"mcpServers":{{"b":{http},"a":{entry}}}}}"#),
        format!(r#"{{"inputs":[],"servers":{{"a":{entry},"b":{http},}} /* VS Code */ }}"#),
        format!(r#"{{"editor":1,"mcp":{{"servers":{{"a":{entry},"b":{http}}}}}}}"#),
    ] {
        let servers = parse(&text).unwrap();
        let [a, b] = servers.as_slice() else { panic!("{text}") };
        assert_eq!((a.name.as_str(), a.what.as_str()), ("a", "npx -y docs"));
        let Ok(Endpoint::Stdio { configured, started }) = &a.endpoint else { panic!("{text}") };
        assert_eq!((configured, started), (&docs, &docs));
        let Ok(Endpoint::Http { uri, token: None }) = &b.endpoint else { panic!("{text}") };
        assert_eq!((b.name.as_str(), uri.as_str()), ("b", "https://docs.example/mcp"));
    }
}

#[test]
fn the_identity_is_the_command_before_its_variables_have_values() {
    let text = r#"{"command":"npx","args":["${KEY}"],"env":{"TOKEN":"${KEY}"}}"#;
    let endpoint = one(text).unwrap();
    let Endpoint::Stdio { configured, started } = &endpoint else { panic!() };
    assert_eq!(configured, &StdioCommand::new("npx").arg("${KEY}").env("TOKEN", "${KEY}"));
    assert_eq!(started, &StdioCommand::new("npx").arg("s3cret").env("TOKEN", "s3cret"));
    assert_eq!(endpoint.identity().unwrap(), ServerIdentity::from(configured));
}

#[test]
fn a_bearer_token_among_the_headers_is_used_and_any_other_header_is_an_error() {
    let text = r#"{"url":"https://a.example/mcp","headers":{"authorization":"Bearer ${KEY}"}}"#;
    let Endpoint::Http { token: Some(token), .. } = one(text).unwrap() else { panic!() };
    assert_eq!(token.expose_secret(), "s3cret");
    for headers in [r#"{"X-Key":"${KEY}"}"#, r#"{"Authorization":"Basic ${KEY}"}"#] {
        let error =
            one(&format!(r#"{{"url":"https://a.example/mcp","headers":{headers}}}"#)).unwrap_err();
        assert!(error.what().contains("wants the header"), "{error:?}");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}

#[test]
fn a_bad_entry_is_an_error_that_names_its_server() {
    for (text, why) in [
        ("{}", "either `command` or `url`"),
        (r#"{"command":"x","url":"y"}"#, "either `command` or `url`"),
        (r#"{"command":"x","env":{"KEY":12345}}"#, "`env` of the server"),
        (r#"{"command":"x","envFile":".env"}"#, "envFile"),
        (r#"{"url":"https://a.example/sse","type":"sse"}"#, "SSE"),
        (r#"{"command":"x","args":["${input:key}"]}"#, "input:key"),
    ] {
        let error = one(text).unwrap_err();
        assert!(error.what().contains(why) && error.what().contains("\"docs\""), "{error:?}");
        assert!(!error.what().contains("12345"));
    }
}

#[test]
fn a_file_may_name_no_server() {
    for text in ["", "{}", r#"{"mcpServers":{}}"#, r#"{"mcpServers":null}"#] {
        assert!(parse(text).unwrap().is_empty(), "{text}");
    }
}

#[test]
fn an_ambiguous_or_malformed_file_is_refused() {
    for (text, why) in [
        (r#"{"mcpServers":{"a":{"url":"x"}},"servers":{"a":{"url":"y"}}}"#, "twice"),
        (r#"{"mcpServers":{"a":{"url":"x"},"a":{"url":"y"}}}"#, "twice"),
        ("[", "line 1,"),
    ] {
        let Err(error) = parse(text) else { panic!("{text}") };
        assert!(error.what().contains(why), "{text}");
    }
}

use serde_json::json;

use super::*;

/// Returns the place and the name of each entry.
fn found(root: &Value) -> Vec<(String, String)> {
    let found = Found::of(root, &["/srv/app".into(), "/srv".into()]).unwrap();
    found.entries.into_iter().map(|entry| (entry.place, entry.name)).collect()
}

fn named(place: &str, name: &str) -> (String, String) {
    (place.to_owned(), name.to_owned())
}

#[test]
fn a_file_is_known_by_its_members() {
    let servers = json!({ "a": { "command": "x" } });
    let entry = json!({ "command": "x" });
    for (root, place) in [
        (json!({ "mcpServers": servers }), "mcpServers"),
        (json!({ "mcpServers": [{ "name": "a", "command": "x" }] }), "mcpServers"),
        (json!({ "servers": servers, "inputs": [] }), "servers"),
        (
            json!({ "editor.tabSize": 2, "mcp": { "servers": servers, "inputs": [] } }),
            "mcp.servers",
        ),
        (json!({ "mcp.servers": servers }), "mcp.servers"),
        (json!({ "mcp": servers }), "mcp"),
        (json!({ "mcp_servers": servers, "model": "m" }), "mcp_servers"),
        (json!({ "context_servers": servers, "theme": "t" }), "context_servers"),
        (json!({ "extensions": { "a": { "type": "stdio" } } }), "extensions"),
        (json!({ "extensions": { "a": { "config": { "type": "stdio" } } } }), "extensions"),
        (json!({ "extensions": [{ "name": "a", "type": "stdio" }] }), "extensions"),
        (
            json!({ "folders": [], "settings": { "mcp": { "servers": servers } } }),
            "settings.mcp.servers",
        ),
        (json!({ "settings": { "mcp.servers": servers } }), "settings.mcp.servers"),
        (
            json!({ "customizations": { "vscode": { "mcp": { "servers": servers } } } }),
            "customizations.vscode.mcp.servers",
        ),
        (
            json!({ "customizations": { "vscode": { "settings": { "mcp.servers": servers } } } }),
            "customizations.vscode.settings.mcp.servers",
        ),
        (
            json!({ "projects": { "/srv/app/": { "mcpServers": servers } } }),
            "projects./srv/app/.mcpServers",
        ),
        (json!({ "$schema": "s", "a": entry }), ""),
    ] {
        assert_eq!(found(&root), [named(place, "a")], "{root}");
    }
}

#[test]
fn a_file_with_other_members_has_no_servers() {
    for root in [
        json!(null),
        json!({}),
        json!({ "name": "a", "repository": { "type": "git", "url": "https://a.example" } }),
        json!({ "extensions": { "recommendations": ["a.b"] } }),
        json!({ "extensions": { "disabled": [] }, "mcp": { "allowed": [], "inputs": [] } }),
        json!({ "projects": { "/srv/app": { "allowedTools": [] } } }),
    ] {
        assert!(found(&root).is_empty(), "{root}");
    }
    assert!(Found::of(&json!([]), &[]).is_err());
    assert!(Found::of(&json!("npx"), &[]).is_err());
}

#[test]
fn only_the_project_of_the_current_folder_is_here() {
    let servers = |name: &str| json!({ "mcpServers": { name: { "command": "x" } } });
    let mut root = json!({
        "mcpServers": { "all": { "command": "x" } },
        "projects": { "/srv": servers("b"), "/srv/app": servers("a"), "/srv/app/sub": servers("c") },
    });
    let here = named("projects./srv/app.mcpServers", "a");
    assert_eq!(found(&root), [named("mcpServers", "all"), here]);
    let all = Found::of(&root, &["/srv/app".into()]).unwrap();
    let others: Vec<_> =
        all.elsewhere.iter().map(|(path, one)| (*path, one.name.as_str())).collect();
    assert_eq!(others, [("/srv", "b"), ("/srv/app/sub", "c")]);
    // Without servers of its own, the folder belongs to the project of its repository.
    root["projects"]["/srv/app"] = json!({});
    assert_eq!(found(&root), [named("mcpServers", "all"), named("projects./srv.mcpServers", "b")]);
}

#[test]
fn lists_of_the_file_switch_servers_off() {
    let servers = json!({ "a": { "command": "x" }, "b": { "command": "x" } });
    let project = json!({ "mcpServers": { "c": { "command": "x" } }, "disabledMcpServers": ["b"] });
    for (more, on) in [
        (json!({ "mcp": { "excluded": ["a"] } }), &["b"][..]),
        (json!({ "mcp": { "allowed": ["a"] } }), &["a"]),
        (json!({ "mcp": { "allowed": ["a", "b"], "excluded": ["b"] } }), &["a"]),
        (json!({ "excludeMCPServers": ["a"] }), &["b"]),
        (json!({ "allowMCPServers": [] }), &[]),
        (json!({ "disabledMcpServers": ["a", "b"] }), &[]),
        (json!({ "projects": { "/srv/app": project } }), &["a", "c"]),
        (json!({ "projects": { "/elsewhere": project } }), &["a", "b"]),
    ] {
        let mut root = more.clone();
        root["mcpServers"] = servers.clone();
        let found = Found::of(&root, &["/srv/app".into()]).unwrap();
        let entries = found.entries.iter().filter(|entry| !entry.is_off);
        let names: Vec<_> = entries.map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, on, "{more}");
    }
    let wrong = json!({ "mcpServers": servers, "mcp": { "excluded": "a" } });
    assert!(Found::of(&wrong, &[]).err().unwrap().what().contains("`mcp.excluded`"));
}

#[test]
fn a_member_that_is_not_an_object_of_servers_is_named() {
    let root = json!({ "mcpServers": "./.mcp.json", "servers": { "a": { "command": "x" } } });
    let found = Found::of(&root, &[]).unwrap();
    assert_eq!((found.wrong, found.entries.len()), (vec!["mcpServers".to_owned()], 1));
}

#[test]
fn the_syntax_of_variables_is_that_of_the_host() {
    let syntax = |root: Value| Found::of(&root, &[]).unwrap().entries[0].syntax;
    let entry = json!({ "a": { "command": "x" } });
    assert_eq!(syntax(json!({ "mcpServers": entry })), Syntax::Braces);
    for gemini in [
        json!({ "mcpServers": entry, "mcp": { "allowed": ["a"] } }),
        json!({ "mcpServers": entry, "security": { "auth": {} } }),
        json!({ "mcpServers": { "a": { "httpUrl": "https://a.example" } } }),
        json!({ "mcpServers": { "a": { "command": "x", "trust": false } } }),
    ] {
        assert_eq!(syntax(gemini), Syntax::Dollar);
    }
    assert_eq!(syntax(json!({ "mcp": entry })), Syntax::Dollar);
    assert_eq!(
        syntax(json!({ "mcp": { "a": { "type": "local", "command": ["x"] } } })),
        Syntax::Plain
    );
    assert_eq!(syntax(json!({ "mcp_servers": entry })), Syntax::Literal);
    assert_eq!(syntax(json!({ "mcpServers": [{ "name": "a" }] })), Syntax::Secrets);
}

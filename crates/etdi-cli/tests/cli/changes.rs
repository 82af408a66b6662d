//! Attacks by the order of events: several commands change one file at once.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Child, Stdio};

use etdi_testkit::folder::{Folder, SCRIPT};
use etdi_testkit::publisher::key;
use serde_json::{Value, json};

use crate::outputs::make_pipe;
use crate::program::new_folder;

const TRUSTED: &str = "https://trustedsoft.example";

fn start(folder: &Folder, arguments: &[&str]) -> Child {
    let mut command = folder.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until the command ends. Returns its exit status, and all of its words.
fn end(child: Child) -> (i32, String) {
    let output = child.wait_with_output().unwrap();
    let words = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(words).unwrap())
}

fn end_well(children: Vec<Child>) {
    for child in children {
        let (code, words) = end(child);
        assert_eq!(code, 0, "{words}");
    }
}

/// Starts `etdi trust add` and waits until it reads the key from a pipe. By then it has read the trust
/// configuration, as it has when it stands at its question.
fn adding(folder: &Folder, id: &str, thumbprint: &str) -> (Child, File) {
    make_pipe(&folder.file("pipe.jwk"));
    let key = ["--key", "pipe.jwk", "--thumbprint", thumbprint];
    let child = start(folder, &[&["trust", "add", id][..], &key].concat());
    (child, OpenOptions::new().write(true).open(folder.file("pipe.jwk")).unwrap())
}

fn trusted(folder: &Folder) -> Vec<String> {
    let listed = folder.run(&["trust", "list", "--json"]).json();
    let providers = listed["providers"].as_array().unwrap().clone();
    providers.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Returns the hidden files of a folder: a lock or a temporary file that was left.
fn left(folder: &Folder, name: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder.file(name)).unwrap();
    let names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".etdi") || name.ends_with("-lock")).collect()
}

#[test]
fn extra_a_publisher_is_removed_while_another_is_added() {
    let folder = new_folder().trusting();
    let other = "https://other.example";
    let (child, mut pipe) = adding(&folder, other, &key().public_jwk().thumbprint());
    assert_eq!(folder.run(&["trust", "remove", TRUSTED, "--yes"]).code, 0);
    pipe.write_all(folder.text("publisher.jwk").as_bytes()).unwrap();
    drop(pipe);
    end_well(vec![child]);
    assert_eq!(trusted(&folder), [other]);
}

#[test]
fn extra_a_publisher_is_removed_while_a_key_of_it_is_added() {
    let folder = new_folder().trusting();
    assert_eq!(folder.run(&["keys", "generate"]).code, 0);
    let jwk = folder.run(&["keys", "export", "--format", "jwk"]).out;
    let kid = serde_json::from_str::<Value>(&jwk).unwrap()["kid"].as_str().unwrap().to_owned();
    let (child, mut pipe) = adding(&folder, TRUSTED, &kid);
    assert_eq!(folder.run(&["trust", "remove", TRUSTED, "--yes"]).code, 0);
    pipe.write_all(jwk.as_bytes()).unwrap();
    drop(pipe);
    let (code, words) = end(child);
    assert_eq!(code, 2, "{words}");
    assert!(words.contains("the file changed since it was shown"), "{words}");
    assert!(trusted(&folder).is_empty());
}

#[test]
fn extra_publishers_are_added_at_once() {
    let folder = new_folder().trusting();
    let thumbprint = key().public_jwk().thumbprint();
    let ids: Vec<_> = (0..8).map(|number| format!("https://p{number}.example")).collect();
    let add = |id: &String| {
        let key = ["--key", "publisher.jwk", "--thumbprint", &thumbprint];
        start(&folder, &[&["trust", "add", id][..], &key].concat())
    };
    end_well(ids.iter().map(add).collect());
    let mut trusted = trusted(&folder);
    trusted.sort();
    assert_eq!(trusted, [&ids[..], &[TRUSTED.to_owned()]].concat());
    assert_eq!(left(&folder, "."), [""; 0]);
}

/// Returns a folder with four servers whose tool is approved. The server `slow` waits for a line in the
/// pipe `gate`, if there is one.
fn with_servers() -> Folder {
    let tools = json!([{ "name": "scan", "description": "Reads.", "inputSchema": {} }]);
    let folder = new_folder().trusting().serving(&tools);
    let gate = "if [ \"$1\" = slow ] && [ -p gate ]; then IFS= read -r go < gate; fi\n";
    folder.put("server.sh", &format!("{gate}{SCRIPT}"));
    let server = |name: &str| json!({ "command": "/bin/sh", "args": ["server.sh", name] });
    let servers = json!({ "mcpServers": {
        "a": server("a"), "b": server("b"), "c": server("c"), "slow": server("slow"),
    }});
    folder.put(".mcp.json", &servers.to_string());
    for name in ["a", "b", "c", "slow"] {
        let on = ["--from", ".mcp.json", "--server", name];
        let shown = folder.run(&[&["show", "scan", "--json"], &on[..]].concat()).json();
        let yes = ["approve", "scan", "--by", "alice", "--yes", shown["digest"].as_str().unwrap()];
        assert_eq!(folder.run(&[&yes[..], &on].concat()).code, 0, "{name}");
    }
    folder
}

fn locked(folder: &Folder) -> Vec<String> {
    let lockfile = etdi::lockfile::Lockfile::parse(&folder.text("etdi.lock")).unwrap();
    lockfile.servers().iter().map(|server| server.name.clone()).collect()
}

#[test]
fn extra_a_server_is_locked_while_another_is_asked() {
    let folder = with_servers();
    make_pipe(&folder.file("gate"));
    let child = start(&folder, &["lock", "--server", "slow"]);
    let mut gate = OpenOptions::new().write(true).open(folder.file("gate")).unwrap();
    assert_eq!(folder.run(&["lock", "--server", "a"]).code, 0);
    gate.write_all(b"go\n").unwrap();
    drop(gate);
    end_well(vec![child]);
    assert_eq!(locked(&folder), ["a", "slow"]);
}

#[test]
fn extra_servers_are_locked_at_once() {
    let folder = with_servers();
    let names = ["a", "b", "c", "slow"];
    end_well(names.iter().map(|name| start(&folder, &["lock", "--server", name])).collect());
    assert_eq!(locked(&folder), names);
    assert_eq!(left(&folder, "."), [""; 0]);
}

#[test]
fn extra_keys_are_rotated_at_once() {
    let folder = new_folder();
    assert_eq!(folder.run(&["keys", "generate"]).code, 0);
    end_well((0..6).map(|_| start(&folder, &["keys", "rotate"])).collect());
    let listed = folder.run(&["keys", "list", "--json"]).json();
    let mut files: Vec<_> =
        listed["keys"].as_array().unwrap().iter().map(|one| &one["file"]).collect();
    assert!(files.iter().all(|file| folder.file(file.as_str().unwrap()).is_file()), "{files:?}");
    files.dedup();
    // Seven keys, and their index: a key without an entry in the index would never be used or removed.
    let names = std::fs::read_dir(folder.file("data/keys")).unwrap();
    assert_eq!((files.len(), names.count()), (7, 8), "{files:?}");
}

/// The others report that the key exists.
#[test]
fn only_one_of_several_commands_makes_a_key() {
    let folder = new_folder();
    let children: Vec<_> = (0..4).map(|_| start(&folder, &["keys", "generate"])).collect();
    let ended: Vec<_> = children.into_iter().map(end).collect();
    let made = ended.iter().filter(|(code, _)| *code == 0).count();
    assert_eq!(made, 1, "{ended:?}");
    let names = std::fs::read_dir(folder.file("data/keys")).unwrap();
    assert_eq!(names.count(), 2);
}

//! Attacks: the check passes, and other code runs than the code that was locked.

use std::os::unix::fs::{PermissionsExt, symlink};

use etdi_testkit::folder::{Folder, SCRIPT};
use serde_json::{Value, json};

use crate::lockfile::{approve_all, check, configuration};
use crate::program::new_folder;

/// Writes a program of the repository.
fn program(folder: &Folder, name: &str, text: &str) {
    folder.put(name, text);
    let all = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.file(name), all).unwrap();
}

/// Returns a folder with an approved server. Its command is read as `name` reads it, and starts the
/// script of the tests whatever its arguments are.
fn started_by(name: &str, entry: Value) -> Folder {
    let tools = json!([{ "name": "scan", "inputSchema": { "type": "object" } }]);
    let folder = new_folder().trusting().serving(&tools);
    program(&folder, name, &format!("#!/bin/sh\n{SCRIPT}"));
    let mut entry = entry;
    entry["command"] = json!(format!("./{name}"));
    configuration(&folder, &json!({ "docs": entry }));
    approve_all(&folder, "docs");
    folder
}

fn lock(folder: &Folder) {
    let ran = folder.run(&["lock"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

/// Returns the exit code, the kinds of drift, and the words that are not bound.
fn checked(folder: &Folder) -> (i32, Vec<String>, String) {
    let ran = check(folder, &["--json"]);
    let drift = ran.json()["servers"][0]["drift"].as_array().unwrap().clone();
    let kinds = drift.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
    let words = drift.iter().filter_map(|one| one["served"].as_str()).collect::<Vec<_>>().join(" ");
    (ran.code, kinds, words)
}

fn assert_checked(folder: &Folder, code: i32, kinds: &[&str], words: &str) {
    let (found, drift, said) = checked(folder);
    assert_eq!(
        (found, drift.iter().map(String::as_str).collect()),
        (code, kinds.to_vec()),
        "{said}"
    );
    assert!(said.contains(words), "{words}: {said}");
}

/// `node server config.json` runs `server.js`. The locked `config.json` says nothing about it.
#[test]
fn extra_a_data_file_that_is_locked_in_place_of_the_program() {
    let folder = started_by("node", json!({ "args": ["server", "config.json"] }));
    folder.put("config.json", "{}");
    lock(&folder);
    assert_checked(&folder, 0, &["unbound"], "server: it is not a file");
    folder.put("server.js", "1");
    assert_checked(&folder, 1, &["file-added"], "server.js");
    lock(&folder);
    assert_checked(&folder, 0, &[], "");
    folder.put("server.js", "2");
    assert_checked(&folder, 1, &["file-changed"], "");
    folder.put("server.js", "1");
    folder.put("server", "2");
    assert_checked(&folder, 1, &["file-added"], "server ");
}

#[test]
fn extra_a_hook_that_a_variable_or_a_flag_names() {
    for entry in [
        json!({ "args": ["server.js"], "env": { "NODE_OPTIONS": "--require ./hook.js" } }),
        json!({ "args": ["-r", "./hook", "server.js"] }),
        json!({ "args": ["--import=./hook.js", "server.js"] }),
    ] {
        let folder = started_by("node", entry.clone());
        folder.put("server.js", "");
        folder.put("hook.js", "1");
        lock(&folder);
        assert_checked(&folder, 0, &[], "");
        folder.put("hook.js", "2");
        assert_checked(&folder, 1, &["file-changed"], "");
        std::fs::remove_file(folder.file("hook.js")).unwrap();
        let (code, kinds, _) = checked(&folder);
        assert!(code == 1 && kinds.contains(&"file-missing".to_owned()), "{entry}: {kinds:?}");
    }
}

#[test]
fn extra_a_package_of_the_repository_in_place_of_the_one_of_the_registry() {
    let folder = started_by("npx", json!({ "args": ["-y", "docs@1.2.3"] }));
    lock(&folder);
    assert!(folder.text("etdi.lock").contains("packages = [\"npm:docs@1.2.3\"]"));
    assert_checked(&folder, 0, &[], "");
    std::fs::create_dir_all(folder.file("node_modules/docs")).unwrap();
    assert_checked(&folder, 1, &["binding-lost"], "docs@1.2.3: node_modules");
    // A person may lock a command with a target that can change. The lockfile then lists the target.
    lock(&folder);
    assert!(folder.text("etdi.lock").contains("unbound = [\"docs@1.2.3\"]"));
    assert_checked(&folder, 0, &["unbound"], "docs@1.2.3: node_modules");
    std::fs::remove_dir_all(folder.file("node_modules")).unwrap();
    assert_checked(&folder, 0, &[], "");
    lock(&folder);
    folder.put("package.json", r#"{"bin":{"docs@1.2.3":"./evil.js"}}"#);
    assert_checked(&folder, 1, &["binding-lost"], "docs@1.2.3: package.json");
}

/// The package has one version in one registry, and `.npmrc` names the registry.
#[test]
fn extra_another_registry_in_the_settings_of_the_repository() {
    let folder = started_by("npx", json!({ "args": ["-y", "docs@1.2.3"] }));
    lock(&folder);
    folder.put(".npmrc", "registry=https://evil.example");
    assert_checked(&folder, 1, &["file-added"], ".npmrc");
    lock(&folder);
    folder.put(".npmrc", "registry=https://worse.example");
    assert_checked(&folder, 1, &["file-changed"], "");
}

/// A link of the repository leads to a file that the lockfile does not have.
#[test]
fn extra_a_link_out_of_the_repository() {
    let folder = started_by("node", json!({ "args": ["server.js"] }));
    let elsewhere = new_folder();
    elsewhere.put("server.js", "1");
    symlink(elsewhere.file("server.js"), folder.file("server.js")).unwrap();
    lock(&folder);
    assert_checked(&folder, 0, &["unbound"], "server.js: it leads out");
    std::fs::remove_file(folder.file("server.js")).unwrap();
    folder.put("server.js", "1");
    lock(&folder);
    assert_checked(&folder, 0, &[], "");
    std::fs::remove_file(folder.file("server.js")).unwrap();
    symlink(elsewhere.file("server.js"), folder.file("server.js")).unwrap();
    let (code, kinds, said) = checked(&folder);
    assert!(code == 1 && kinds.contains(&"binding-lost".to_owned()), "{kinds:?} {said}");
}

/// The values of variables are neither stored nor shown.
#[test]
fn extra_a_secret_in_a_word_that_is_not_bound() {
    let args = json!({ "args": ["-y", "${SOURCE}", "--key", "${KEY}"] });
    let folder = started_by_secret(args);
    lock(&folder);
    assert_checked(&folder, 0, &["unbound"], "${SOURCE}");
    let said = check(&folder, &[]);
    let all = format!("{}{}{}", said.out, said.err, folder.text("etdi.lock"));
    assert!(!all.contains("s3cret"), "{all}");
}

fn started_by_secret(entry: Value) -> Folder {
    let tools = json!([{ "name": "scan", "inputSchema": { "type": "object" } }]);
    let folder = new_folder().trusting().serving(&tools);
    let folder = folder.set("SOURCE", "https://s3cret@docs.example").set("KEY", "s3cret");
    program(&folder, "npx", &format!("#!/bin/sh\n{SCRIPT}"));
    let mut entry = entry;
    entry["command"] = json!("./npx");
    configuration(&folder, &json!({ "docs": entry }));
    approve_all(&folder, "docs");
    folder
}

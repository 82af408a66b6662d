//! The checkpoint of the store of approvals: an attacker, or a backup, puts an older store back.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use etdi_testkit::folder::{COMMAND, Folder};
use serde_json::json;

use crate::program::new_folder;

const STORE: &str = "data/approvals.db";

/// Returns a folder with one approved tool.
fn approved() -> Folder {
    let tools = json!([{ "name": "scan", "description": "Reads.", "inputSchema": {} }]);
    let folder = new_folder().trusting().serving(&tools);
    let shown = folder.run(&[&["show", "scan", "--json"], &COMMAND[..]].concat()).json();
    let yes = ["approve", "scan", "--by", "alice", "--yes", shown["digest"].as_str().unwrap()];
    assert_eq!(folder.run(&[&yes[..], &COMMAND].concat()).code, 0);
    folder
}

fn revoke(folder: &Folder) {
    let ran = folder.run(&[&["revoke", "scan", "--yes"], &COMMAND[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
}

fn checkpoints(folder: &Folder) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.file("state/checkpoints")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

/// Checks that no command uses the store, and that the error says why and names the checkpoint.
fn assert_refused(folder: &Folder, why: &str) {
    let discover = [&["discover"], &COMMAND[..]].concat();
    let revoke = [&["revoke", "scan", "--yes"], &COMMAND[..]].concat();
    for arguments in [&["list"][..], &discover, &revoke] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.out);
        for text in [why, "delete state/checkpoints/"] {
            let said = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains(text), "{arguments:?}: {}", ran.err);
        }
    }
}

#[test]
fn extra_an_older_store_after_a_revocation() {
    let folder = approved();
    let older = std::fs::read(folder.file(STORE)).unwrap();
    revoke(&folder);
    std::fs::write(folder.file(STORE), older).unwrap();
    assert_refused(&folder, "is an older copy");
    // A person may decide for the older store.
    checkpoints(&folder).iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let listed = folder.run(&["list", "--json"]).json();
    assert_eq!(listed["approvals"].as_array().unwrap().len(), 1);
}

#[test]
fn extra_another_store_or_none_in_the_place_of_the_store() {
    let (folder, other) = (approved(), approved());
    std::fs::copy(other.file(STORE), folder.file(STORE)).unwrap();
    assert_refused(&folder, "is another approval store");
    std::fs::remove_file(folder.file(STORE)).unwrap();
    assert_refused(&folder, "is missing");
    assert!(!folder.file(STORE).exists(), "a new store has no records of tampering");
}

#[test]
fn a_checkpoint_is_for_its_owner_and_moves_with_each_change() {
    let folder = approved();
    let [file] = checkpoints(&folder).try_into().unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(folder.file("state").metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let before = std::fs::read_to_string(&file).unwrap();
    revoke(&folder);
    let after = std::fs::read_to_string(&file).unwrap();
    assert_ne!(before, after);
    assert!(after.contains("approvals.db"), "{after}");
}

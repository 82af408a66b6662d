//! Attacks on the places that a command writes to: a path may lead to something other than a file.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use etdi_testkit::folder::Folder;
use etdi_testkit::terminal;
use serde_json::Value;

use crate::program::new_folder;

const SIGN: [&str; 7] =
    ["sign", "tool.json", "--key", "publisher.pem", "--spec", "spec.toml", "--output"];

/// Makes a pipe with a name.
pub(crate) fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn sign_to(output: &str) -> Vec<&str> {
    [&SIGN[..], &[output]].concat()
}

fn is_signed(text: &str) -> bool {
    let signed: Value =
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    signed["tools"][0]["name"] == "scan"
}

/// Opens both ends of a pipe, so that neither this test nor the command waits for the other.
fn held_pipe(folder: &Folder, name: &str) -> File {
    make_pipe(&folder.file(name));
    OpenOptions::new().read(true).write(true).open(folder.file(name)).unwrap()
}

#[test]
fn extra_a_pipe_in_place_of_the_output() {
    let folder = new_folder();
    let mut pipe = held_pipe(&folder, "out");
    let ran = folder.run(&sign_to("out"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(folder.file("out").metadata().unwrap().file_type().is_fifo(), "the pipe was replaced");
    let mut text = vec![0; 65536];
    let length = pipe.read(&mut text).unwrap();
    assert!(is_signed(std::str::from_utf8(&text[..length]).unwrap()));
}

/// `/dev/stdout` may be a pipe, a terminal, or a file to which a shell appends.
#[test]
fn extra_standard_output_in_place_of_the_output() {
    let folder = new_folder();
    symlink("/dev/stdout", folder.file("out")).unwrap();
    let ran = folder.run(&sign_to("out"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(folder.file("out").is_symlink() && is_signed(&ran.out));

    folder.put("log", "before\n");
    let log = OpenOptions::new().append(true).open(folder.file("log")).unwrap();
    let mut sign = folder.command(&sign_to("out"));
    assert!(sign.stdin(Stdio::null()).stdout(log).status().unwrap().success());
    let log = folder.text("log");
    assert!(is_signed(log.strip_prefix("before\n").unwrap_or_else(|| panic!("{log}"))));

    let screen = terminal::run(&folder, 120, &sign_to("out"), &[]);
    assert_eq!(screen.code, 0, "{}", screen.text());
    assert!(screen.text().contains("\"tools\""), "{}", screen.text());
}

#[test]
fn extra_a_place_that_cannot_hold_a_file() {
    let folder = new_folder();
    std::fs::create_dir(folder.file("folder")).unwrap();
    symlink("missing", folder.file("link")).unwrap();
    let _socket = UnixListener::bind(folder.file("socket")).unwrap();
    let why =
        [("folder", "it is a folder"), ("link", "it is a link"), ("socket", "it is not a file")];
    for (output, why) in why {
        let before = folder.file(output).symlink_metadata().unwrap().file_type();
        let ran = folder.run(&sign_to(output));
        assert_eq!(ran.code, 2, "{output}: {}", ran.out);
        assert!(ran.err.contains(why), "{output}: {}", ran.err);
        assert_eq!(folder.file(output).symlink_metadata().unwrap().file_type(), before);
    }
    assert!(!folder.file("missing").exists());
}

/// A file that is read and then written cannot be a pipe. The command must not wait for one either.
#[test]
fn extra_a_pipe_in_place_of_a_configuration() {
    let folder = new_folder().trusting();
    let _pipe = held_pipe(&folder, "pipe");
    let thumbprint = etdi_testkit::publisher::key().public_jwk().thumbprint();
    let key = ["--key", "publisher.jwk", "--thumbprint", &thumbprint];
    let add = [&["--config", "pipe", "trust", "add", "https://other.example"][..], &key].concat();
    let lock = ["lock", "--lockfile", "pipe", "--remove", "docs"];
    for arguments in [&add[..], &["--config", "pipe", "trust", "remove", "x", "--yes"], &lock] {
        let ran = folder.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.out);
        assert!(ran.err.contains("a pipe or a device"), "{arguments:?}: {}", ran.err);
        assert!(folder.file("pipe").metadata().unwrap().file_type().is_fifo());
    }
}

/// A file behind a link is replaced, and the link stays. The file keeps its mode.
#[test]
fn an_output_behind_a_link_is_replaced() {
    let folder = new_folder();
    folder.put("signed.json", "old");
    symlink("signed.json", folder.file("out")).unwrap();
    let ran = folder.run(&sign_to("out"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(folder.file("out").is_symlink() && is_signed(&folder.text("signed.json")));
    use std::os::unix::fs::PermissionsExt;
    let mode = folder.file("signed.json").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

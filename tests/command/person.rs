//! A person at a terminal, with servers that are not ours.

use std::io::{Read, Write};

use pty_process::Size;
use pty_process::blocking::{Command, open};
use rustix::termios::{LocalModes, tcgetattr};

use crate::program::{Folder, PROGRAM};
use crate::servers::{everything, filesystem};

#[test]
fn all_tools_of_a_server_are_one_question_and_its_instructions_another() {
    let folder = Folder::new();
    let (code, shown) = asked(
        &folder,
        &everything(),
        &["Approve these 13 tools as shown?", "Approve these instructions as shown?"],
    );
    assert_eq!(code, 0, "{shown}");
    assert_eq!(shown.matches("\r\napproved ").count() + shown.matches("happroved ").count(), 14);
    let command = everything();
    let words: Vec<_> = std::iter::once("--").chain(command.iter().map(String::as_str)).collect();
    assert_eq!(folder.run(&[&["discover"], &words[..]].concat()).code, 0);
}

#[test]
fn the_same_tools_under_another_command_are_one_question() {
    let folder = Folder::new();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (code, shown) = asked(&folder, &filesystem(&one), &["Approve these 14 tools as shown?"]);
    assert_eq!(code, 0, "{shown}");
    let (code, shown) =
        asked(&folder, &filesystem(&other), &["Approve 14 tools as before, for this command?"]);
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Same tools, new launch"), "{shown}");
}

/// `etdi approve --all`, with a yes to each question; what was shown.
fn asked(folder: &Folder, server: &[String], questions: &[&str]) -> (i32, String) {
    let (mut terminal, end) = open().unwrap();
    terminal.resize(Size::new(60, 120)).unwrap();
    let mut child = Command::new(PROGRAM)
        .args(["approve", "--all", "--"])
        .args(server)
        .env_clear()
        .envs(folder.variables())
        .env("TERM", "xterm-256color")
        .env("NO_COLOR", "1")
        .current_dir(folder.path())
        .spawn(end)
        .unwrap();
    let (mut shown, mut buffer, mut questions) = (Vec::new(), [0; 4096], questions.iter());
    let mut next = questions.next();
    // A terminal whose program has ended gives an error, not an end of file.
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        shown.extend_from_slice(&buffer[..read]);
        if next.is_some_and(|question| String::from_utf8_lossy(&shown).contains(question)) {
            // What is typed before the terminal is set to take the answer is thrown away.
            while tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO) {
                std::thread::yield_now();
            }
            terminal.write_all(b"y").unwrap();
            next = questions.next();
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(next.is_none(), "never asked: {next:?}\n{shown}");
    (code, shown)
}

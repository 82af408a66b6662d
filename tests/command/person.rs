//! A person at a terminal, with third-party servers.

use etdi_testkit::terminal::run;

use crate::program::new_folder;
use crate::servers::filesystem;

#[test]
fn the_same_tools_under_another_command_are_one_question() {
    let folder = new_folder();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (place, question) in [
        (one, "Approve these 14 tools as shown?"),
        (other, "Approve 14 tools as before, for this command?"),
    ] {
        let command = filesystem(&place);
        let command = command.iter().map(String::as_str);
        let all: Vec<_> = ["approve", "--all", "--"].into_iter().chain(command).collect();
        let screen = run(&folder, 120, &all, &[(question, "y")]);
        assert_eq!(screen.code, 0, "{}", screen.text());
    }
}

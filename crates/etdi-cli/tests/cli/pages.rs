//! The pages of the command show exactly what it prints.

use std::path::Path;

/// Returns each command with the view at 80 columns in its snapshot.
fn snapshots() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let (_, text) = text.split_once("\n---\n").unwrap();
        let (command, view) = text.split_once('\n').unwrap();
        let (view, _) = view.rsplit_once("\n---- exit code ").unwrap();
        all.push((command.to_owned(), view.to_owned()));
    }
    all
}

#[test]
fn pages_show_what_the_program_prints() {
    let snapshots = snapshots();
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli");
    let mut checked = 0;
    for page in std::fs::read_dir(pages).unwrap().flatten() {
        let text = std::fs::read_to_string(page.path()).unwrap();
        for block in text.split("```console\n").skip(1) {
            let (block, _) = block.split_once("\n```").unwrap();
            let (command, shown) = block.split_once('\n').unwrap();
            let mut known = snapshots.iter().filter(|(known, _)| known == command);
            let same = known.any(|(_, view)| view.trim_end() == shown.trim_end());
            assert!(same, "{} shows another answer to {command}", page.path().display());
            checked += 1;
        }
    }
    assert!(checked >= 20, "{checked}");
}

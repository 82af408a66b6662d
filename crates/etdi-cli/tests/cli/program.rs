//! The program in a folder of its own.

use etdi_testkit::folder::Folder;

/// The `etdi` command.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_etdi");

/// Returns a folder with the files of a publisher.
pub(crate) fn new_folder() -> Folder {
    Folder::publishing(PROGRAM)
}

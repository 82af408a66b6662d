//! The approval stores: one contract for both, the same behaviour, and a file that lasts.

mod alike;
mod file;
mod killed;
mod names;
mod open_file;
mod share;
mod two;

use std::path::PathBuf;

use etdi_client::{MemoryApprovals, SqliteApprovals, contract};
use tempfile::TempDir;

/// A place for a store, deleted when this is dropped.
struct Place {
    folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("approvals.db");
        Self { folder, path }
    }

    fn open(&self) -> SqliteApprovals {
        SqliteApprovals::open(&self.path).unwrap()
    }
}

#[tokio::test]
async fn the_store_in_memory_keeps_its_contract() {
    contract::check(&MemoryApprovals::new()).await.unwrap();
}

#[tokio::test]
async fn the_store_in_a_file_keeps_its_contract() {
    contract::check(&Place::new().open()).await.unwrap();
}

/// A new file that was closed and opened again is still empty.
#[tokio::test]
async fn the_store_in_a_file_keeps_its_contract_when_it_is_opened_again() {
    let place = Place::new();
    drop(place.open());
    contract::check(&place.open()).await.unwrap();
}

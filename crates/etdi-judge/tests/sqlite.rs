//! The store in a file: what every store must do, and what only a file can suffer.
#![cfg(all(test, feature = "sqlite"))]

use etdi_judge::{SqliteApprovals, contract};

#[tokio::test]
async fn the_store_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("approvals.db");
    contract::check(&SqliteApprovals::open(&path).unwrap()).await.unwrap();
}

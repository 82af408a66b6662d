//! The store in a file keeps the contract of every store.
#![cfg(all(test, feature = "sqlite"))]

use etdi_judge::{SqliteApprovals, contract};

#[tokio::test]
async fn the_store_keeps_its_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("approvals.db");
    contract::check(&SqliteApprovals::open(&path).unwrap()).await.unwrap();
}

//! The store in memory keeps the contract of every store.
#![cfg(test)]

use etdi_judge::{MemoryApprovals, contract};

#[tokio::test]
async fn the_memory_store_keeps_its_contract() {
    contract::check(&MemoryApprovals::new()).await.unwrap();
}

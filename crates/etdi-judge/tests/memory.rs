//! The store in memory keeps what every store must keep.
#![cfg(test)]

use etdi_judge::{MemoryApprovals, contract};

#[tokio::test]
async fn the_memory_store_keeps_its_contract() {
    contract::check(&MemoryApprovals::new()).await.unwrap();
}

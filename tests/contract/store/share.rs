//! Each server has a share of a store, limited by count and by size. A server that exceeds its share
//! displaces only its own records.

use std::sync::Arc;

use etdi_client::{ApprovalStore, MemoryApprovals, Sighting};
use etdi_tests::steps;
use etdi_types::{Digest, ServerIdentity, StdioCommand, Subject};

use super::Place;

const MIB: usize = 1 << 20;

fn server(name: &str) -> ServerIdentity {
    ServerIdentity::from(&StdioCommand::new(name))
}

/// Returns an unapproved tool of this server, with a definition of 1 MiB.
fn heavy(server: &ServerIdentity, tool: usize) -> Sighting {
    let mut sighting = steps::sighting(tool, "1.0.0");
    let definition: Arc<str> = format!("{tool} {}", "x".repeat(MIB)).into();
    let digest = Digest::of(definition.as_bytes());
    sighting.pin.server = server.clone();
    (sighting.pin.digest, sighting.pin.definition) = (digest, definition.clone());
    if let Some(entry) = &mut sighting.ledger {
        entry.server = server.clone();
        entry.global = false;
        (entry.digest, entry.definition) = (digest, definition);
    }
    sighting
}

fn subject(server: &ServerIdentity, tool: usize) -> Subject {
    let name = format!("tool{tool}");
    let subjects = steps::subjects(tool..tool + 1);
    let mut subject = subjects.into_iter().find(|subject| subject.served_name == name).unwrap();
    subject.server = server.clone();
    subject
}

async fn keeps_to_its_share(store: &dyn ApprovalStore) {
    let (hostile, honest) = (server("hostile"), server("honest"));
    store.record(&[heavy(&honest, 0)]).await.unwrap();
    let mut approval = steps::approval(1, "1.0.0", "alice");
    let approved = heavy(&hostile, 1);
    approval.pin = approved.pin.clone();
    store.approve(approval, approved.ledger, None).await.unwrap();
    for tool in 2..140 {
        store.record(&[heavy(&hostile, tool)]).await.unwrap();
    }
    let known = |server: &ServerIdentity, tool: usize| {
        let subject = subject(server, tool);
        async move { store.known(&[subject]).await.unwrap().remove(0) }
    };
    let oldest = known(&hostile, 2).await;
    assert!(oldest.pins.is_empty() && oldest.ledger.is_empty(), "the oldest record is still there");
    for tool in [30, 139] {
        let newer = known(&hostile, tool).await;
        assert_eq!((newer.pins.len(), newer.ledger.len()), (1, 1), "{tool}");
    }
    assert_eq!(known(&hostile, 1).await.pins.len(), 1, "the approved record is gone");
    let other = known(&honest, 0).await;
    assert_eq!(
        (other.pins.len(), other.ledger.len()),
        (1, 1),
        "a record of another server is gone"
    );
}

#[tokio::test]
async fn a_server_fills_its_share_of_memory_and_no_more() {
    keeps_to_its_share(&MemoryApprovals::new()).await;
}

#[tokio::test]
async fn a_server_fills_its_share_of_the_file_and_no_more() {
    keeps_to_its_share(&Place::new().open()).await;
}

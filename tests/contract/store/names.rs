//! The name that a person gives to a server is stored beside the approvals, and does not affect
//! decisions.

use etdi_client::{ApprovalStore, Sighting};
use etdi_tests::steps;
use etdi_types::{Digest, EvidenceRecord, Pin, ServerIdentity, Subject};
use time::OffsetDateTime;

use super::Place;

const AT: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

#[tokio::test]
async fn a_server_has_the_last_name_that_it_was_given() {
    let place = Place::new();
    let store = place.open();
    let (one, other) = (steps::pin(0, "1.0.0").server, steps::pin(1, "1.0.0").server);
    assert!(store.server_names().await.unwrap().is_empty());
    store.name_server(&one, "docs", AT).await.unwrap();
    store.name_server(&other, "mail", AT).await.unwrap();
    let before = store.revision().await.unwrap();
    store.name_server(&one, "docs", AT).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), before, "the same name again is not a change");
    store.name_server(&one, "docs: node", AT).await.unwrap();
    drop(store);
    let names = place.open().server_names().await.unwrap();
    assert_eq!(names.get(&one).map(String::as_str), Some("docs: node"));
    assert_eq!(names.get(&other).map(String::as_str), Some("mail"));
}

#[tokio::test]
async fn a_name_does_not_change_approvals_and_stays_when_a_tool_is_forgotten() {
    let place = Place::new();
    let store = place.open();
    for step in 0..3 {
        steps::take(&store, step).await.unwrap();
    }
    let subjects = steps::subjects(0..3);
    let known = store.known(&subjects).await.unwrap();
    let (approvals, approved) =
        (store.approvals().await.unwrap(), store.approved_names().await.unwrap());
    let server = steps::pin(1, "1.0.0").server;
    store.name_server(&server, "tool1", AT).await.unwrap();
    assert_eq!(store.known(&subjects).await.unwrap(), known);
    assert_eq!(store.approvals().await.unwrap(), approvals);
    assert_eq!(store.approved_names().await.unwrap(), approved);
    for word in ["", &format!("name:{server}")] {
        assert!(!store.forget(&server, word).await.unwrap(), "{word:?} is not a tool");
    }
    assert!(store.forget(&server, &steps::pin(1, "1.0.0").id).await.unwrap());
    assert_eq!(store.server_names().await.unwrap().len(), 1);
}

/// If the host gives a server no name, the store shows the program that it recorded.
#[tokio::test]
async fn a_server_without_a_name_is_called_by_its_program() {
    let store = Place::new();
    let store = store.open();
    let server = steps::pin(0, "1.0.0").server;
    let text = format!("/opt/docs (beta)/server ({})", Digest::of(b"program"));
    store.record(&[of_program(&server, &text)]).await.unwrap();
    let name = async || store.server_names().await.unwrap().remove(&server).unwrap();
    assert_eq!(name().await, "/opt/docs (beta)/server");
    store.name_server(&server, "docs", AT).await.unwrap();
    assert_eq!(name().await, "docs");
    // The record of the program does not change.
    let id = format!("executable:{server}");
    let known = store.known(&[Subject::of_server(&server, &id)]).await.unwrap();
    let pin = known[0].pins.iter().find(|pin| pin.id == id).unwrap();
    assert_eq!(&*pin.definition, text);
}

fn of_program(server: &ServerIdentity, text: &str) -> Sighting {
    let (id, digest) = (format!("executable:{server}"), Digest::of(text.as_bytes()));
    let pin = Pin::new(server.clone(), id, EvidenceRecord::None, digest, text, AT);
    Sighting::new(pin)
}

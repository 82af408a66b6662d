//! Concurrent use: two processes, and two handles.

use std::process::{Command, Output, Stdio};

use etdi_client::{ApprovalStore, StoreError};
use etdi_tests::steps;

use super::Place;

const TOOLS: usize = 200;

/// Two processes approve different digests of the same tools.
#[tokio::test]
async fn one_of_two_processes_wins_each_tool_and_the_other_gets_an_error() {
    let place = Place::new();
    let racers = ["alice", "bob"].map(|name| {
        Command::new(env!("CARGO_BIN_EXE_store-writer"))
            .arg(&place.path)
            .args(["race", name, &TOOLS.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let [alice, bob] = racers.map(|racer| lines(&racer.wait_with_output().unwrap()));
    assert_eq!((alice.len(), bob.len()), (TOOLS, TOOLS));
    let approvals = place.open().approvals().await.unwrap();
    assert_eq!(approvals.len(), TOOLS);
    for tool in 0..TOOLS {
        let id = steps::pin(tool, "1.0.0").id;
        let approval = approvals.iter().find(|approval| approval.pin.id == id).unwrap();
        let (won, lost) =
            (format!("won {}", approval.pin.digest), format!("lost {}", approval.pin.digest));
        let expected = if approval.by == "alice" { [&won, &lost] } else { [&lost, &won] };
        assert_eq!([&alice[tool], &bob[tool]], expected, "{id}");
    }
}

fn lines(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(ToOwned::to_owned).collect()
}

/// Each handle sees a write of the other handle as soon as the write has returned.
#[tokio::test]
async fn the_revision_shows_the_writes_of_another_handle() {
    let place = Place::new();
    let (here, there) = (place.open(), place.open());
    let mut before = here.revision().await.unwrap();
    let subject = &steps::subjects(0..2)[2..3];
    for step in [0, 1, 2, 3] {
        steps::take(&there, step).await.unwrap();
        let now = here.revision().await.unwrap();
        assert!(now > before, "step {step}");
        before = now;
        assert_eq!(here.known(subject).await.unwrap(), there.known(subject).await.unwrap());
    }
    // A step without an effect does not make a new revision.
    steps::take(&there, 0).await.unwrap();
    steps::take(&there, 0).await.unwrap();
    let now = here.revision().await.unwrap();
    assert!(!there.forget(&steps::pin(1, "1.0.0").server, "nothing").await.unwrap());
    steps::take(&there, 0).await.unwrap();
    assert_eq!(here.revision().await.unwrap(), now);
}

/// While one process holds the store for writing, others can read. Their writes wait, and then fail.
#[tokio::test]
async fn a_store_that_another_process_holds_is_read_and_not_written() {
    let place = Place::new();
    let store = place.open();
    steps::take(&store, 1).await.unwrap();
    let other = rusqlite::Connection::open(&place.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = steps::take(&store, 2).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("held by another process"), "{error}");
    assert_eq!(store.approvals().await.unwrap().len(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    steps::take(&store, 2).await.unwrap();
}

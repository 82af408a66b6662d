//! The store's file changes while it is open.

use std::fs;
use std::process::{Command, Stdio};

use etdi_client::{ApprovalStore, SqliteError};
use etdi_tests::steps;

use super::Place;
use super::file::{cause, closed, edit};

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_is_moved_or_replaced_while_it_is_open_fails() {
    let place = Place::new();
    let store = place.open();
    steps::take(&store, 1).await.unwrap();
    let other = closed().await;
    for name in ["approvals.db", "approvals.db-wal", "approvals.db-shm"] {
        let (file, aside) = (place.folder.path().join(name), place.folder.path().join("aside"));
        for replaced in [false, true] {
            fs::rename(&file, &aside).unwrap();
            if replaced {
                fs::copy(&other.path, &file).unwrap();
            }
            for error in [
                cause(store.revision().await),
                cause(store.known(&steps::subjects(0..1)).await),
                cause(steps::take(&store, 2).await),
                cause(store.approvals().await),
            ] {
                assert!(matches!(error, SqliteError::Replaced { .. }), "{name}: {error:?}");
            }
            fs::rename(&aside, &file).unwrap();
        }
    }
    // The original file is back. It is unchanged, because the failed writes did not reach it.
    assert_eq!(store.approvals().await.unwrap().len(), 1);
    steps::take(&store, 2).await.unwrap();
    assert_eq!(store.approvals().await.unwrap().len(), 2);
}

/// The content of an older copy is written into the open file, so the name and the inode stay the same.
#[tokio::test]
async fn an_older_copy_over_an_open_store_is_noticed() {
    let place = closed().await;
    let older = fs::read(&place.path).unwrap();
    let store = place.open();
    steps::take(&store, 8).await.unwrap();
    steps::take(&store, 9).await.unwrap();
    edit(&place, "PRAGMA wal_checkpoint(TRUNCATE)");
    store.revision().await.unwrap();
    fs::write(&place.path, &older).unwrap();
    let errors = [
        cause(store.revision().await),
        cause(store.known(&steps::subjects(0..1)).await),
        cause(steps::take(&store, 10).await),
    ];
    for error in errors {
        assert!(matches!(error, SqliteError::OlderCopy { .. }), "{error:?}");
    }
}

/// If any part of a write fails, the whole write is undone.
#[tokio::test]
async fn a_write_that_fails_is_undone() {
    for table in ["pins", "names", "approvals", "ledger", "store"] {
        let place = closed().await;
        let store = place.open();
        let subjects = steps::subjects(0..12);
        let before = (store.checkpoint().await.unwrap(), store.known(&subjects).await.unwrap());
        let verb = if table == "store" { "UPDATE" } else { "INSERT" };
        edit(
            &place,
            &format!(
                "CREATE TRIGGER refuse BEFORE {verb} ON {table} \
                 BEGIN SELECT RAISE(ABORT, 'the disk refuses'); END"
            ),
        );
        let approval = steps::approval(50, "1.0.0", "alice");
        let ledger = Some(steps::entry(50, "1.0.0"));
        let error = cause(store.approve(approval, ledger, None).await);
        assert!(matches!(error, SqliteError::Failed { .. }), "{table}: {error:?}");
        let after = (store.checkpoint().await.unwrap(), store.known(&subjects).await.unwrap());
        assert_eq!(before, after, "{table}");
        assert!(store.approvals().await.unwrap().iter().all(|a| a.pin.served_name != "tool50"));
        edit(&place, "DROP TRIGGER refuse");
        let approval = steps::approval(50, "1.0.0", "alice");
        store.approve(approval, None, None).await.unwrap();
    }
}

/// On a full disk, the steps that were reported before are kept.
#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_fails_the_write_and_keeps_what_was_reported() {
    let place = Place::new();
    drop(place.open());
    // The shell counts the limit in blocks of 512 or of 1,024 bytes.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_store-writer")])
        .arg(&place.path)
        .args(["steps", "0"])
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (reported, failure) = text.trim_end().rsplit_once('\n').unwrap();
    assert!(failure.starts_with("failed Failed: "), "{failure}");
    let last: usize = reported.lines().last().unwrap().parse().unwrap();
    let model = etdi_client::MemoryApprovals::new();
    for step in 0..=last {
        steps::take(&model, step).await.unwrap();
    }
    let subjects = steps::subjects(last..last + 2);
    let (store, known) = (place.open(), model.known(&subjects).await.unwrap());
    assert_eq!(store.known(&subjects).await.unwrap(), known);
    steps::take(&store, last + 1).await.unwrap();
}

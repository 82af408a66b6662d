//! A file that is not a store, or not the same store any longer, gives an error. It must never be
//! opened as an empty store.

use std::fs;
use std::path::Path;
use std::process::Command;

use etdi_client::{ApprovalStore, SqliteApprovals, SqliteError, StoreError};
use etdi_tests::steps;
use etdi_types::ApprovalBasis;
use rusqlite::Connection;

use super::Place;

/// Returns the place of a store that has some records and is closed.
pub(super) async fn closed() -> Place {
    let place = Place::new();
    let store = place.open();
    for step in 0..8 {
        steps::take(&store, step).await.unwrap();
    }
    place
}

/// Returns why the store is refused, and checks that the text names the file.
#[track_caller]
fn refused(path: &Path) -> SqliteError {
    let error = SqliteApprovals::open(path).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    error
}

/// Returns the error that a host gets from a failing store.
#[track_caller]
pub(super) fn cause<T: std::fmt::Debug>(result: Result<T, StoreError>) -> SqliteError {
    match result {
        Err(StoreError::Unavailable(error)) => *error.downcast().unwrap(),
        other => panic!("the store should fail, not {other:?}"),
    }
}

/// Edits the file, as another program could.
pub(super) fn edit(place: &Place, statements: &str) {
    Connection::open(&place.path).unwrap().execute_batch(statements).unwrap();
}

#[tokio::test]
async fn a_new_store_is_readable_only_by_its_owner_and_leaves_no_other_files() {
    let place = Place::new();
    let store = place.open();
    steps::take(&store, 0).await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(place.folder.path()).unwrap() {
        let entry = entry.unwrap();
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&entry.metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600, "{entry:?}");
        }
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["approvals.db", "approvals.db-shm", "approvals.db-wal"]);
}

#[tokio::test]
async fn every_approval_is_listed_with_who_when_and_until_when() {
    let place = Place::new();
    let store = place.open();
    for step in [1, 2, 5] {
        steps::take(&store, step).await.unwrap();
    }
    drop(store);
    let approvals = place.open().approvals().await.unwrap();
    let mut first = steps::approval(1, "1.0.0", "alice");
    first.superseded = true;
    let mut expected =
        [first, steps::approval(1, "1.1.0", "bob"), steps::approval(5, "1.0.0", "alice")];
    expected.sort_by_key(|approval| approval.pin.server.to_string());
    assert_eq!(approvals, expected);
}

#[test]
fn a_file_that_is_not_a_database_is_refused() {
    let place = Place::new();
    let text = "not a database, but long enough to be one\n".repeat(100);
    for content in [&text[..], "short"] {
        fs::write(&place.path, content).unwrap();
        assert!(matches!(refused(&place.path), SqliteError::NotADatabase { .. }));
        assert_eq!(fs::read_to_string(&place.path).unwrap(), content);
    }
}

#[test]
fn an_empty_file_is_not_a_new_store() {
    let place = Place::new();
    fs::write(&place.path, "").unwrap();
    let error = refused(&place.path);
    assert!(matches!(error, SqliteError::Empty { .. }), "{error:?}");
    assert!(error.to_string().contains("restore a backup"), "{error}");
    assert_eq!(fs::metadata(&place.path).unwrap().len(), 0);
}

#[test]
fn a_folder_is_not_a_store() {
    let place = Place::new();
    let error = refused(place.folder.path());
    assert!(matches!(error, SqliteError::NotAFile { .. }), "{error:?}");
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let place = Place::new();
    let path = place.folder.path().join("missing").join("approvals.db");
    assert!(matches!(refused(&path), SqliteError::Unreadable { .. }));
}

#[tokio::test]
async fn a_truncated_store_is_refused() {
    let whole = closed().await;
    let content = fs::read(&whole.path).unwrap();
    for keep in [100, 4096, content.len() / 2, content.len() - 1] {
        let place = Place::new();
        fs::write(&place.path, &content[..keep]).unwrap();
        let error = refused(&place.path);
        assert!(matches!(error, SqliteError::Corrupt { .. }), "{keep}: {error:?}");
    }
}

/// If any page of the file is overwritten with zeros, the store is refused.
#[tokio::test]
async fn a_damaged_store_is_refused() {
    let whole = closed().await;
    let content = fs::read(&whole.path).unwrap();
    for page in 0..content.len() / 4096 {
        let place = Place::new();
        let mut damaged = content.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0);
        fs::write(&place.path, damaged).unwrap();
        let error = refused(&place.path);
        let first = page == 0;
        match error {
            SqliteError::NotADatabase { .. } if first => {}
            SqliteError::Corrupt { .. } if !first => {}
            error => panic!("page {page}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_and_left_alone() {
    let place = Place::new();
    edit(&place, "CREATE TABLE theirs (x); PRAGMA application_id = 7;");
    let before = fs::read(&place.path).unwrap();
    let error = refused(&place.path);
    assert!(matches!(error, SqliteError::Foreign { application_id: 7, .. }), "{error:?}");
    assert_eq!(fs::read(&place.path).unwrap(), before);
}

#[tokio::test]
async fn a_store_of_a_later_version_is_refused() {
    let place = closed().await;
    edit(&place, "PRAGMA user_version = 99");
    let error = refused(&place.path);
    assert!(matches!(error, SqliteError::Newer { found: 99, supported: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("update the program"), "{error}");
}

/// The first version of the file has no column for the basis of an approval.
#[tokio::test]
async fn a_store_of_an_earlier_version_keeps_all_that_it_holds() {
    let place = closed().await;
    let before = place.open().approvals().await.unwrap();
    assert!(before.iter().all(|approval| approval.basis == ApprovalBasis::Question));
    edit(&place, "ALTER TABLE approvals DROP COLUMN basis; PRAGMA user_version = 1");
    let after = place.open().approvals().await.unwrap();
    let mut expected = before;
    expected.iter_mut().for_each(|approval| approval.basis = ApprovalBasis::Unrecorded);
    assert_eq!(after, expected);
}

#[tokio::test]
async fn a_store_without_its_tables_or_with_orphans_is_refused() {
    for harm in [
        "PRAGMA user_version = 0",
        "PRAGMA user_version = -1",
        "DROP TABLE store",
        "PRAGMA foreign_keys = OFF; DELETE FROM pins",
    ] {
        let place = closed().await;
        edit(&place, harm);
        let error = refused(&place.path);
        assert!(matches!(error, SqliteError::Corrupt { .. }), "{harm}: {error:?}");
    }
    let place = closed().await;
    edit(&place, "DELETE FROM store");
    assert!(matches!(refused(&place.path), SqliteError::Record { .. }));
}

/// A record in which any column cannot be read gives an error. It must not be skipped.
#[tokio::test]
async fn a_record_that_makes_no_sense_is_an_error() {
    let columns = [
        ("pins", "version"),
        ("pins", "evidence"),
        ("pins", "digest"),
        ("pins", "definition"),
        ("pins", "at"),
        ("approvals", "context"),
        ("approvals", "granted"),
        ("approvals", "basis"),
        ("approvals", "until"),
        ("approvals", "evidence_good_at"),
        ("approvals", "definition"),
        ("ledger", "digest"),
    ];
    let subjects = steps::subjects(4..6);
    for (table, column) in columns {
        let place = closed().await;
        let store = place.open();
        edit(&place, &format!("UPDATE {table} SET {column} = '?' WHERE tool LIKE '%/tool5'"));
        let error = cause(store.known(&subjects).await);
        assert!(matches!(error, SqliteError::Record { .. }), "{table}.{column}: {error:?}");
        let words = error.to_string();
        assert!(words.contains(column) && words.contains("tool5"), "{words}");
        if table == "approvals" {
            assert!(matches!(cause(store.approvals().await), SqliteError::Record { .. }));
        }
    }
}

/// A record whose digest does not match its definition is not stored.
#[tokio::test]
async fn a_record_that_would_not_be_read_is_not_stored() {
    let place = Place::new();
    let store = place.open();
    let mut approval = steps::approval(1, "1.0.0", "alice");
    approval.pin.definition = "another".into();
    let error = cause(store.approve(approval, None, None).await);
    assert!(matches!(error, SqliteError::Unstorable { .. }), "{error:?}");
    assert_eq!(store.approvals().await.unwrap(), []);
}

#[tokio::test]
async fn a_new_store_is_not_made_beside_the_log_of_a_missing_one() {
    let place = Place::new();
    let store = place.open();
    steps::take(&store, 1).await.unwrap();
    for left in ["-wal", "-shm", "-journal"] {
        let place = Place::new();
        let log = place.folder.path().join(format!("approvals.db{left}"));
        fs::write(&log, "").unwrap();
        let error = refused(&place.path);
        assert!(matches!(&error, SqliteError::Torn { left, .. } if *left == log), "{error:?}");
        assert!(!place.path.exists());
    }
}

#[tokio::test]
async fn an_older_copy_and_another_store_are_refused_where_a_checkpoint_is_known() {
    let place = closed().await;
    let older = fs::read(&place.path).unwrap();
    let store = place.open();
    let then = store.checkpoint().await.unwrap();
    store.forget(&steps::pin(1, "1.0.0").server, &steps::pin(1, "1.0.0").id).await.unwrap();
    steps::take(&store, 9).await.unwrap();
    let now = store.checkpoint().await.unwrap();
    drop(store);
    assert!(now.revision() > then.revision());
    assert_eq!(now.store(), then.store());
    // A store that is as new as the checkpoint, or newer, is opened.
    for known in [&then, &now] {
        let store = SqliteApprovals::open_not_before(&place.path, known).unwrap();
        assert_eq!(store.checkpoint().await.unwrap(), now);
    }

    fs::write(&place.path, &older).unwrap();
    let error = SqliteApprovals::open_not_before(&place.path, &now).unwrap_err();
    let SqliteError::OlderCopy { expected, found, .. } = &error else { panic!("{error:?}") };
    assert_eq!((expected, found), (&now, &then));
    SqliteApprovals::open_not_before(&place.path, &then).unwrap();

    let other = closed().await;
    let error = SqliteApprovals::open_not_before(&other.path, &then).unwrap_err();
    assert!(matches!(error, SqliteError::OtherStore { .. }), "{error:?}");
    let nothing = Place::new();
    let error = SqliteApprovals::open_not_before(&nothing.path, &then).unwrap_err();
    assert!(matches!(error, SqliteError::Missing { .. }), "{error:?}");
    assert!(!nothing.path.exists());
}

/// Root can read and write every file. If root runs this test, it starts the writer as another user.
#[cfg(unix)]
#[tokio::test]
async fn a_store_without_read_or_write_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = closed().await;
    let (folder, file) = (place.folder.path(), &place.path);
    let set =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let program = folder.join("store-writer");
    // A program file cannot be started while it is open for writing, even by another thread's child. A
    // hard link avoids the copy.
    let built = env!("CARGO_BIN_EXE_store-writer");
    fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
    set(&program, 0o755);
    let writer = || {
        let mut writer = Command::new(&program);
        writer.arg(file).args(["race", "alice", "0"]);
        let is_root = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder).unwrap()) == 0;
        if is_root {
            std::os::unix::process::CommandExt::uid(&mut writer, 65_534);
        }
        String::from_utf8(writer.output().unwrap().stdout).unwrap()
    };
    set(folder, 0o777);
    set(file, 0o666);
    assert_eq!(writer(), "");
    for (of_folder, of_file, expected) in [
        (0o777, 0o444, "failed ReadOnly: "),
        (0o555, 0o666, "failed ReadOnly: "),
        (0o777, 0o000, "failed Unreadable: "),
    ] {
        set(folder, of_folder);
        set(file, of_file);
        let said = writer();
        assert!(said.starts_with(expected), "{of_folder:o} {of_file:o}: {said}");
    }
    set(folder, 0o755);
}

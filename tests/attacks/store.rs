//! The approval store: approvals survive restarts, they count only for the person and the server for
//! which they were given, and a store that fails lets no tool through.

use std::path::PathBuf;
use std::sync::Arc;

use etdi::client::{ApproveError, CallError, DiscoverError, SqliteError, StoreError};
use etdi::{Approval, AuthorizationContext, Checkpoint, Decision, SqliteApprovals, TrustConfig};
use tempfile::TempDir;

use crate::approval::the_second_is_told;
use crate::support::*;

on_both_transports!(
    attack_36_approvals_hold_after_a_restart,
    attack_36_pins_hold_after_a_restart,
    attack_36_a_withdrawn_approval_does_not_come_back_with_an_older_file,
    attack_37_the_same_tool_on_another_server,
    attack_37_another_authorization_context,
    attack_38_an_empty_grant_does_not_allow_a_call,
    attack_38_optional_permissions_are_not_granted_with_required_ones,
    attack_39_two_processes_approve_different_digests,
    extra_a_failing_write_does_not_approve_a_tool,
    extra_a_failing_read_blocks_every_call,
    extra_a_damaged_store_cannot_be_opened,
);

/// The file of a store, deleted when this is dropped.
struct Kept(TempDir);

impl Kept {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("approvals.db")
    }

    fn open(&self) -> SqliteApprovals {
        SqliteApprovals::open(self.path()).unwrap()
    }

    /// Returns a host that has just been started, with the records in the file.
    fn host(&self, trust: TrustConfig) -> Host {
        Host::sharing(trust, Freshness::Always, Arc::new(self.open()))
    }

    fn host_for(&self, subject: &str, trust: TrustConfig) -> Host {
        let context = AuthorizationContext::Principal {
            issuer: "https://issuer.example/".to_owned(),
            subject: subject.to_owned(),
            client: "the-host".to_owned(),
        };
        Host::calling_for(context, trust, Freshness::Always, Arc::new(self.open()))
    }

    /// Edits the file, as another program could.
    fn edit(&self, statements: &str) {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        connection.execute_batch(statements).unwrap();
    }
}

async fn attack_36_approvals_hold_after_a_restart(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let (honest, plain) = (publisher.sign(&tool("scan"), "1.0.0"), tool("plain"));
    let server = Server::serving(transport, &[&honest, &plain]).await;
    let before = {
        let host = kept.host(trust(&[&publisher]));
        let connection = server.connect(&host.client).await;
        approve(&connection, "plain").await;
        approve(&connection, "scan").await
    };

    // The person is not asked again, and the tool that is called is the approved one.
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    let approved = allowed(&connection, "scan").await;
    assert_eq!(approved.digest(), before.digest());
    call(&connection, &approved).await.unwrap();
    call(&connection, &allowed(&connection, "plain").await).await.unwrap();
    server.assert_calls(2);

    // Tampering is found as if there had been no restart.
    let poisons = [
        (publisher.sign(&poisoned(&tool("scan")), "1.0.0"), "Tampered"),
        (poisoned(&honest), "Tampered"),
        (publisher.sign(&tool("scan"), "0.9.0"), "RolledBack"),
        (unsigned(&honest), "EvidenceLost"),
        (publisher.sign_as("trustedsoft.example/other", &tool("scan"), "1.0.0"), "Replaced"),
    ];
    for (poison, expected) in &poisons {
        server.serve(&[poison]);
        let host = kept.host(trust(&[&publisher]));
        let found = blocked(&server.connect(&host.client).await, "scan").await;
        assert!(what(&found).contains(expected), "{expected}: {found}");
    }
    server.serve(&[&poisoned(&plain)]);
    let host = kept.host(trust(&[&publisher]));
    let request = asked(&server.connect(&host.client).await, "plain").await;
    assert_eq!(what(request.tool()), ["Changed"]);
    server.assert_calls(2);

    // The honest tool is still approved.
    server.serve(&[&honest]);
    let host = kept.host(trust(&[&publisher]));
    allowed(&server.connect(&host.client).await, "scan").await;
}

/// A tool that was only seen, and never approved, is remembered as well.
async fn attack_36_pins_hold_after_a_restart(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let (honest, plain) = (publisher.sign(&tool("scan"), "1.0.0"), tool("plain"));
    let server = Server::serving(transport, &[&honest, &plain]).await;
    {
        let host = kept.host(trust(&[&publisher]));
        asked(&server.connect(&host.client).await, "scan").await;
    }
    server.serve(&[&publisher.sign(&poisoned(&tool("scan")), "1.0.0"), &poisoned(&plain)]);
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    assert!(what(&blocked(&connection, "scan").await).contains(&"Tampered"));
    assert!(what(asked(&connection, "plain").await.tool()).contains(&"Changed"));

    // The entries of the ledger apply to every server.
    let elsewhere =
        Server::serving(transport, &[&publisher.sign(&poisoned(&tool("scan")), "1.0.0")]).await;
    let host = kept.host(trust(&[&publisher]));
    let found = blocked(&elsewhere.connect(&host.client).await, "scan").await;
    assert!(what(&found).contains(&"Equivocated"), "{found}");
    server.assert_not_called();
    elsewhere.assert_not_called();
}

/// After a person withdrew an approval, an attacker puts back an older file of the store.
async fn attack_36_a_withdrawn_approval_does_not_come_back_with_an_older_file(
    transport: Transport,
) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    approve(&server.connect(&kept.host(trust(&[&publisher])).client).await, "scan").await;
    let yesterday = kept.0.path().join("yesterday.db");
    kept.edit(&format!("VACUUM INTO '{}'", yesterday.display()));

    let store = kept.open();
    let host = Host::sharing(trust(&[&publisher]), Freshness::Always, Arc::new(store.clone()));
    let connection = server.connect(&host.client).await;
    let approved = allowed(&connection, "scan").await;
    assert!(connection.forget("scan").await.unwrap());
    // The checkpoint is kept outside the store, as text.
    let checkpoint = store.checkpoint().await.unwrap().to_string();

    // The attacker replaces the file under the running host.
    std::fs::rename(&yesterday, kept.path()).unwrap();
    let error = call(&connection, &approved).await.unwrap_err();
    let CallError::Discover(DiscoverError::Store(error)) = error else { panic!("{error:?}") };
    assert!(matches!(cause(&error), SqliteError::Replaced { .. }), "{error:?}");
    drop((connection, host, store));

    // The attacker also shows the old file to a host that is just starting.
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(kept.0.path().join(format!("approvals.db{suffix}")));
    }
    let checkpoint: Checkpoint = checkpoint.parse().unwrap();
    let error = SqliteApprovals::open_not_before(kept.path(), &checkpoint).unwrap_err();
    let SqliteError::OlderCopy { expected, found, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*expected, checkpoint);
    assert!(found.revision() < checkpoint.revision());
    server.assert_not_called();
}

async fn attack_37_the_same_tool_on_another_server(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest, &tool("plain")]).await;
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;
    approve(&connection, "plain").await;

    let elsewhere = Server::serving(transport, &[&honest, &tool("plain")]).await;
    let host = kept.host(trust(&[&publisher]));
    let there = elsewhere.connect(&host.client).await;
    for name in ["scan", "plain"] {
        let request = asked(&there, name).await;
        assert!(what(request.tool()).contains(&"New"), "{}", request.tool());
    }
    let error = call(&there, &approved).await.unwrap_err();
    assert!(matches!(error, CallError::OtherConnection), "{error:?}");
    // A version has one definition, on every server.
    elsewhere.serve(&[&publisher.sign(&poisoned(&tool("scan")), "1.0.0")]);
    assert!(what(&blocked(&there, "scan").await).contains(&"Equivocated"));
    elsewhere.assert_not_called();
    call(&connection, &approved).await.unwrap();
    server.assert_calls(1);
}

async fn attack_37_another_authorization_context(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    let alice = kept.host_for("alice", trust(&[&publisher]));
    let for_alice = server.connect(&alice.client).await;
    let approved = approve(&for_alice, "scan").await;

    let others = [
        kept.host_for("bob", trust(&[&publisher])),
        kept.host_for("Alice", trust(&[&publisher])),
        kept.host(trust(&[&publisher])),
    ];
    let poison = publisher.sign(&poisoned(&tool("scan")), "1.0.0");
    for other in &others {
        server.serve(&[&honest]);
        let connection = server.connect(&other.client).await;
        asked(&connection, "scan").await;
        // Another context has no approval, but tampering is found there all the same.
        server.serve(&[&poison]);
        assert!(what(&blocked(&connection, "scan").await).contains(&"Tampered"));
        server.serve(&[&publisher.sign(&tool("scan"), "0.9.0")]);
        assert!(what(&blocked(&connection, "scan").await).contains(&"RolledBack"));
    }
    server.assert_not_called();
    server.serve(&[&honest]);
    call(&for_alice, &approved).await.unwrap();
    server.assert_calls(1);

    // Alice's approval stays valid after Bob's, and Bob's approval counts for Bob alone.
    let for_bob = server.connect(&others[0].client).await;
    approve(&for_bob, "scan").await;
    allowed(&for_alice, "scan").await;
    asked(&server.connect(&others[2].client).await, "scan").await;
}

async fn attack_38_an_empty_grant_does_not_allow_a_call(transport: Transport) {
    let publisher = asking_for_two();
    let kept = Kept::new();
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    let request = asked(&connection, "scan").await;
    let nothing = Approval::by("alice").granting([]);
    let error = connection.approve(request, nothing).await.unwrap_err();
    assert!(matches!(&error, ApproveError::Blocked(_)), "{error:?}");
    let approvals = kept.open().approvals().await.unwrap();
    assert_eq!(approvals.len(), 1);
    assert_eq!(approvals[0].granted, []);

    // After a restart, the required permission is still missing. A person may then grant it.
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    let found = blocked(&connection, "scan").await;
    let missing = etdi::May::Denied {
        why: etdi::verdict::DenyReason::MissingScopes {
            scopes: vec!["documents:read".parse().unwrap()],
        },
    };
    assert_eq!(found.verdict().unwrap().may, missing);
    server.assert_not_called();
    let Decision::Block(refusal) = connection.decide(&found).await.unwrap() else { panic!() };
    let again = refusal.override_request().unwrap();
    let approved = connection.approve(again, Approval::by("alice")).await.unwrap();
    call(&connection, &approved).await.unwrap();
    server.assert_calls(1);
}

async fn attack_38_optional_permissions_are_not_granted_with_required_ones(transport: Transport) {
    let publisher = asking_for_two();
    let kept = Kept::new();
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    approve(&connection, "scan").await;
    let granted = || async { kept.open().approvals().await.unwrap().pop().unwrap().granted };
    assert_eq!(granted().await, ["documents:read".parse().unwrap()]);

    // An upgrade makes the optional permission required. It was not granted, so the person is asked.
    let publisher = Publisher { permissions: Vec::new(), ..publisher }
        .asking_for("documents:read", true)
        .asking_for("documents:write", true);
    server.serve(&[&publisher.sign(&tool("scan"), "1.1.0")]);
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    assert_eq!(what(asked(&connection, "scan").await.tool()), ["Upgraded"]);
    server.assert_not_called();
}

fn asking_for_two() -> Publisher {
    Publisher::new("trustedsoft.example")
        .asking_for("documents:read", true)
        .asking_for("documents:write", false)
}

/// Each host opens the file itself, as two processes would.
async fn attack_39_two_processes_approve_different_digests(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let (alice, bob) = (kept.host(trust(&[&publisher])), kept.host(trust(&[&publisher])));
    let (server, for_alice, for_bob, winner) =
        the_second_is_told(transport, &publisher, alice, bob).await;
    // A withdrawal by one host counts at once for the other host.
    assert!(for_bob.forget("scan").await.unwrap());
    question(call(&for_alice, &winner).await);
    server.assert_calls(1);
}

async fn extra_a_failing_write_does_not_approve_a_tool(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    let request = asked(&connection, "scan").await;
    // The trigger is on the last table that an approval writes.
    kept.edit(
        "CREATE TRIGGER refuse BEFORE UPDATE ON store \
         BEGIN SELECT RAISE(ABORT, 'the disk refuses'); END",
    );
    let error = connection.approve(request.clone(), Approval::by("alice")).await.unwrap_err();
    assert!(error.to_string().contains("no tool is let through"), "{error}");
    let ApproveError::Store(error) = error else { panic!("{error:?}") };
    assert!(matches!(cause(&error), SqliteError::Failed { .. }), "{error:?}");
    asked(&connection, "scan").await;
    asked(&server.connect(&kept.host(trust(&[&publisher])).client).await, "scan").await;
    assert_eq!(kept.open().approvals().await.unwrap(), []);
    server.assert_not_called();

    kept.edit("DROP TRIGGER refuse");
    let approved = connection.approve(request, Approval::by("alice")).await.unwrap();
    call(&connection, &approved).await.unwrap();
}

/// If the approved definition cannot be read, the tool must not be treated as if it were new.
async fn extra_a_failing_read_blocks_every_call(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let host = kept.host(trust(&[&publisher]));
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;
    let judged = only(connection.discover().await.unwrap(), "scan");
    kept.edit("UPDATE approvals SET granted = 'everything'; UPDATE store SET revision = 1000");

    let errors = [
        call(&connection, &approved).await.map_err(|error| match error {
            CallError::Discover(error) => error,
            error => panic!("{error:?}"),
        }),
        connection.discover().await.map(drop),
        connection.visible_tools().await.map(drop),
        connection.decide(&judged).await.map(drop),
    ];
    for error in errors {
        let Err(DiscoverError::Store(error)) = error else { panic!("{error:?}") };
        let words = error.to_string();
        assert!(words.contains("no tool is let through"), "{words}");
        assert!(words.contains("restore a backup"), "{words}");
        assert!(matches!(cause(&error), SqliteError::Record { .. }), "{error:?}");
    }
    server.assert_not_called();
}

async fn extra_a_damaged_store_cannot_be_opened(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let kept = Kept::new();
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    approve(&server.connect(&kept.host(trust(&[&publisher])).client).await, "scan").await;
    let mut content = std::fs::read(kept.path()).unwrap();
    let half = content.len() / 2;
    content[half..].fill(0xff);
    std::fs::write(kept.path(), &content).unwrap();
    let error = SqliteApprovals::open(kept.path()).unwrap_err();
    assert!(matches!(error, SqliteError::Corrupt { .. }), "{error:?}");
    // The damaged file is left unchanged, so that it can be repaired.
    assert_eq!(std::fs::read(kept.path()).unwrap(), content);
}

#[track_caller]
fn cause(error: &StoreError) -> &SqliteError {
    match error {
        StoreError::Unavailable(error) => error.downcast_ref().unwrap(),
        other => panic!("the store should fail, not {other:?}"),
    }
}

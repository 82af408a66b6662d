//! The approval: only the definition that was shown is approved, and one of two concurrent approvals
//! wins.

use std::sync::Arc;

use etdi::client::{ApproveError, CallError, ServerConnection, StoreError};
use etdi::{Approval, ApprovedTool, Decision, MemoryApprovals};

use crate::support::*;

on_both_transports!(
    attack_17_changed_between_question_and_approval,
    attack_39_two_clients_approve_different_digests_at_once,
    attack_39_the_second_of_two_approvals_fails,
    extra_question_of_another_connection,
    extra_an_approval_without_a_required_permission_blocks_the_tool,
    extra_key_from_the_attacker_is_not_pinned,
);

async fn attack_17_changed_between_question_and_approval(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let changed = [
        poisoned(&honest),
        publisher.sign(&poisoned(&tool("scan")), "1.0.0"),
        publisher.sign(&poisoned(&tool("scan")), "1.1.0"),
        unsigned(&honest),
    ];
    for changed in &changed {
        let server = Server::serving(transport, &[&honest]).await;
        let connection = server.connect(&host.client).await;
        let request = asked(&connection, "scan").await;
        server.serve(&[changed]);
        let error = connection.approve(request.clone(), Approval::by("alice")).await.unwrap_err();
        let ApproveError::Changed(now) = error else { panic!("{error:?}") };
        assert_ne!(now.definition().map(|definition| definition.digest()), request.digest());

        server.serve(&[]);
        let error = connection.approve(request, Approval::by("alice")).await.unwrap_err();
        assert!(matches!(&error, ApproveError::Gone(name) if name == "scan"), "{error:?}");

        // Neither the definition that was shown nor the later one was approved.
        server.serve(&[&honest]);
        assert!(what(asked(&connection, "scan").await.tool()).contains(&"New"));
        server.assert_not_called();
    }
}

/// The tool is unsigned, so the verdict on the second definition is only `Changed`, and a person could
/// approve it. Only the store can refuse the second of two approvals at the same time.
async fn attack_39_two_clients_approve_different_digests_at_once(transport: Transport) {
    let store = Arc::new(MemoryApprovals::new());
    let host = || Host::sharing(trust(&[]), Freshness::Always, store.clone());
    let (alice, bob) = (host(), host());
    let server = Server::start(transport).await;
    server.list_for(1, listing(&[&tool("scan")]));
    server.list_for(2, listing(&[&poisoned(&tool("scan"))]));
    let for_alice = server.connect(&alice.client).await;
    let for_bob = server.connect(&bob.client).await;
    let (a, b) = (asked(&for_alice, "scan").await, asked(&for_bob, "scan").await);
    assert_ne!(a.digest(), b.digest());

    let (a, b) = tokio::join!(
        for_alice.approve(a, Approval::by("alice")),
        for_bob.approve(b, Approval::by("bob")),
    );
    let (winner, at, loser) = match (a, b) {
        (Ok(winner), Err(loser)) => (winner, &for_alice, loser),
        (Err(loser), Ok(winner)) => (winner, &for_bob, loser),
        other => panic!("one must win: {other:?}"),
    };
    let ApproveError::Store(StoreError::Conflict { approved }) = loser else { panic!("{loser:?}") };
    assert_eq!(approved, Some(winner.digest()));
    server.assert_not_called();
    call(at, &winner).await.unwrap();
    server.assert_calls(1);
}

async fn attack_39_the_second_of_two_approvals_fails(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let store = Arc::new(MemoryApprovals::new());
    let host = || Host::sharing(trust(&[&publisher]), Freshness::Always, store.clone());
    the_second_is_told(transport, &publisher, host(), host()).await;
}

/// Shows Alice and Bob different definitions, lets Alice approve, and checks that Bob's approval then
/// fails. Returns the server, the connection of each, and the tool that Alice approved.
pub async fn the_second_is_told(
    transport: Transport,
    publisher: &Publisher,
    alice: Host,
    bob: Host,
) -> (Server, ServerConnection, ServerConnection, ApprovedTool) {
    let server = Server::start(transport).await;
    server.list_for(1, listing(&[&publisher.sign(&tool("scan"), "1.0.0")]));
    server.list_for(2, listing(&[&publisher.sign(&poisoned(&tool("scan")), "1.1.0")]));
    let for_alice = server.connect(&alice.client).await;
    let for_bob = server.connect(&bob.client).await;
    let (a, b) = (asked(&for_alice, "scan").await, asked(&for_bob, "scan").await);

    let winner = for_alice.approve(a, Approval::by("alice")).await.unwrap();
    let error = for_bob.approve(b, Approval::by("bob")).await.unwrap_err();
    let ApproveError::Store(StoreError::Conflict { approved }) = error else { panic!("{error:?}") };
    assert_eq!(approved, Some(winner.digest()));
    // Bob now sees a change of the definition that Alice approved, and is asked about it.
    assert_eq!(what(asked(&for_bob, "scan").await.tool()), ["Upgraded"]);
    server.assert_not_called();
    call(&for_alice, &winner).await.unwrap();
    server.assert_calls(1);
    (server, for_alice, for_bob, winner)
}

/// A tool or a question of one connection is refused on another connection, even if both connections
/// are to the same server.
async fn extra_question_of_another_connection(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    let elsewhere = Server::serving(transport, &[&honest]).await;
    let (here, again) = (server.connect(&host.client).await, server.connect(&host.client).await);
    let there = elsewhere.connect(&host.client).await;

    let request = asked(&here, "scan").await;
    for other in [&again, &there] {
        let error = other.approve(request.clone(), Approval::by("alice")).await.unwrap_err();
        assert!(matches!(error, ApproveError::OtherConnection), "{error:?}");
    }
    let approved = approve(&here, "scan").await;
    let judged = only(here.discover().await.unwrap(), "scan");
    for other in [&again, &there] {
        let error = call(other, &approved).await.unwrap_err();
        assert!(matches!(error, CallError::OtherConnection), "{error:?}");
        let decision = other.decide(&judged).await.unwrap();
        assert!(matches!(decision, Decision::Block(_)), "{decision:?}");
    }
    server.assert_not_called();
    elsewhere.assert_not_called();
}

async fn extra_an_approval_without_a_required_permission_blocks_the_tool(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example")
        .asking_for("documents:read", true)
        .asking_for("documents:write", false);
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let connection = server.connect(&host.client).await;
    let request = asked(&connection, "scan").await;
    let nothing = Approval::by("alice").granting([]);
    let error = connection.approve(request, nothing).await.unwrap_err();
    let ApproveError::Blocked(refusal) = error else { panic!("{error:?}") };
    let missing = etdi::May::Denied {
        why: etdi::verdict::DenyReason::MissingScopes {
            scopes: vec!["documents:read".parse().unwrap()],
        },
    };
    assert_eq!(refusal.tool().verdict().unwrap().may, missing);
    blocked(&connection, "scan").await;
    server.assert_not_called();
}

/// A signature by an unconfigured key is accepted only if the person gives that key with the approval.
async fn extra_key_from_the_attacker_is_not_pinned(transport: Transport) {
    let stranger = Publisher::new("stranger.example");
    let host = Host::new(trust(&[]));
    let server = Server::serving(transport, &[&stranger.sign(&tool("scan"), "1.0.0")]).await;
    let connection = server.connect(&host.client).await;
    let found = blocked(&connection, "scan").await;
    let Decision::Block(refusal) = connection.decide(&found).await.unwrap() else {
        panic!("{found}");
    };
    let request = refusal.override_request().unwrap();
    let error = connection.approve(request.clone(), Approval::by("alice")).await.unwrap_err();
    assert!(matches!(error, ApproveError::KeyRequired), "{error:?}");
    let wrong = etdi::SigningKey::generate().unwrap();
    let approval = Approval::by("alice").pinning(wrong.public_jwk().clone());
    let error = connection.approve(request.clone(), approval).await.unwrap_err();
    assert!(matches!(error, ApproveError::WrongKey(_)), "{error:?}");
    blocked(&connection, "scan").await;
    server.assert_not_called();

    let approval = Approval::by("alice").pinning(stranger.key.public_jwk().clone());
    let approved = connection.approve(request, approval).await.unwrap();
    call(&connection, &approved).await.unwrap();
    // The key is pinned for that server only.
    let elsewhere = Server::serving(transport, &[&stranger.sign(&tool("scan"), "1.0.0")]).await;
    blocked(&elsewhere.connect(&host.client).await, "scan").await;
    elsewhere.assert_not_called();
}

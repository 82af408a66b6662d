//! Records of earlier definitions: older versions, second definitions, and definitions of another
//! server.

use etdi::client::StoreError;
use etdi::{Decision, Subject, What, Who};

use crate::support::*;

on_both_transports!(
    attack_05_older_version_after_a_newer_approval,
    attack_06_second_definition_on_the_same_server,
    attack_06_second_definition_on_another_server,
    extra_lower_pre_release_is_a_roll_back,
    extra_unsigned_tool_changes,
    extra_approval_does_not_follow_a_changed_launch,
    extra_a_word_that_is_one_tools_id_and_another_tools_name,
);

async fn attack_05_older_version_after_a_newer_approval(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let version = |version| publisher.sign(&tool("scan"), version);
    let server = Server::serving(transport, &[&version("1.0.0")]).await;
    let connection = server.connect(&host.client).await;
    let first = approve(&connection, "scan").await;
    server.serve(&[&version("1.1.0")]);
    let second = approve(&connection, "scan").await;

    // A version that was approved once, and one that never was.
    for older in ["1.0.0", "0.9.0"] {
        server.serve(&[&version(older)]);
        let tools = [
            refusal(call(&connection, &first).await),
            refusal(call(&connection, &second).await),
            blocked(&connection, "scan").await,
        ];
        for found in tools {
            assert_eq!(what(&found), ["RolledBack"]);
            let What::RolledBack { approved, .. } = &found.verdict().unwrap().what[0] else {
                unreachable!()
            };
            assert_eq!(approved.as_ref().unwrap().to_string(), "1.1.0");
            // The refusal offers an override. In this test, the person does not use it.
            let Decision::Block(refusal) = connection.decide(&found).await.unwrap() else {
                panic!("{found}");
            };
            assert!(refusal.override_request().is_some());
        }
    }
    server.assert_not_called();
    server.serve(&[&version("1.1.0")]);
    call(&connection, &second).await.unwrap();
    server.assert_calls(1);
}

async fn attack_06_second_definition_on_the_same_server(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;

    server.serve(&[&publisher.sign(&poisoned(&tool("scan")), "1.0.0")]);
    let tools = [refusal(call(&connection, &approved).await), blocked(&connection, "scan").await];
    for found in tools {
        assert!(matches!(who(&found), Who::Signed { .. }), "{found}");
        let [What::Tampered { signer_valid: true, diff }] = &found.verdict().unwrap().what[..]
        else {
            panic!("{found}");
        };
        assert_eq!(diff.changes()[0].path, "/description");
    }
    server.assert_not_called();
}

async fn attack_06_second_definition_on_another_server(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;

    let second = publisher.sign(&poisoned(&tool("scan")), "1.0.0");
    let elsewhere = Server::serving(transport, &[&second]).await;
    let found = blocked(&elsewhere.connect(&host.client).await, "scan").await;
    assert_eq!(what(&found), ["Equivocated", "Shadowed", "New"]);
    let equivocated = What::Equivocated { first_seen: server.identity() };
    assert_eq!(found.verdict().unwrap().what[0], equivocated);
    elsewhere.assert_not_called();

    // The first server keeps its approval.
    call(&connection, &approved).await.unwrap();
    server.assert_calls(1);
}

async fn extra_lower_pre_release_is_a_roll_back(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "2.0.0")]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;
    server.serve(&[&publisher.sign(&poisoned(&tool("scan")), "2.0.0-rc.10")]);
    assert_eq!(what(&refusal(call(&connection, &approved).await)), ["RolledBack"]);
    server.assert_not_called();
}

async fn extra_unsigned_tool_changes(transport: Transport) {
    let host = Host::reading(trust(&[]), Freshness::Always);
    let server = Server::serving(transport, &[&tool("scan")]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;
    server.serve(&[&poisoned(&tool("scan"))]);
    assert_eq!(what(&question(call(&connection, &approved).await)), ["Changed"]);
    server.serve(&[]);
    connection.discover().await.unwrap();
    server.serve(&[&poisoned(&tool("scan"))]);
    assert_eq!(what(asked(&connection, "scan").await.tool()), ["Changed"]);
    server.assert_not_called();
}

/// A server with the same tool does not inherit the approval of another server.
async fn extra_approval_does_not_follow_a_changed_launch(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    approve(&server.connect(&host.client).await, "scan").await;

    let elsewhere = Server::serving(transport, &[&honest]).await;
    let request = asked(&elsewhere.connect(&host.client).await, "scan").await;
    assert_eq!(what(request.tool()), ["Shadowed", "New"]);
    elsewhere.assert_not_called();
}

/// The server serves a tool under the id of another tool. A person who revokes one of them must not
/// revoke the other.
async fn extra_a_word_that_is_one_tools_id_and_another_tools_name(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let (id, signed) = ("trustedsoft.example/scan", publisher.sign(&tool("scan"), "1.0.0"));
    let server = Server::serving(transport, &[&signed, &tool(id)]).await;
    let connection = server.connect(&host.client).await;
    for name in ["scan", id] {
        approve(&connection, name).await;
    }
    let error = connection.forget(id).await.unwrap_err();
    assert!(matches!(&error, StoreError::TwoTools(word) if word == id), "{error:?}");
    for name in ["scan", id] {
        allowed(&connection, name).await;
    }
    assert!(connection.forget("scan").await.unwrap());
    allowed(&connection, id).await;
    asked(&connection, "scan").await;
    let listed = only(connection.discover().await.unwrap(), id);
    let other = Subject::new(connection.server(), listed.definition().unwrap()).id;
    assert!(connection.forget(&other).await.unwrap());
    asked(&connection, id).await;
    server.assert_not_called();
}

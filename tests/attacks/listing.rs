//! The listing: pages, cursors, duplicate names, and copies on other servers.

use etdi::client::Problem;
use etdi::verdict::ImpostorReason;
use etdi::{ListingError, What, Who};
use serde_json::{Value, json};

use crate::support::*;

on_both_transports!(
    attack_13_hidden_for_one_listing_and_back_rewritten,
    attack_14_poison_on_page_two,
    attack_14_repeating_and_endless_cursors,
    attack_15_two_tools_of_one_name_or_one_id,
    attack_16_look_alikes_on_a_second_server,
    attack_16_look_alike_authority_on_a_second_server,
    attack_20_same_served_name_with_a_new_id,
    attack_21_signed_definition_under_another_name,
    attack_24_unsigned_server_claims_the_version_first,
    extra_copy_on_stdio_of_a_definition_for_http,
    extra_malformed_twin_takes_the_name,
);

async fn attack_13_hidden_for_one_listing_and_back_rewritten(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;

    server.serve(&[]);
    assert_eq!(connection.discover().await.unwrap().len(), 0);
    let gone = call(&connection, &approved).await.unwrap_err();
    assert_gone(&gone);

    // A rewritten tool with the old signature, and one that the publisher signed again.
    let by_the_publisher = publisher.sign(&poisoned(&tool("scan")), "1.0.0");
    for (rewritten, signed) in [(poisoned(&honest), false), (by_the_publisher, true)] {
        server.serve(&[&rewritten]);
        let found = refusal(call(&connection, &approved).await);
        let verdict = found.verdict().unwrap();
        assert!(
            matches!(verdict.what[..], [What::Tampered { signer_valid, .. }] if signer_valid == signed),
            "{found}"
        );
        blocked(&connection, "scan").await;
    }
    server.assert_not_called();
}

#[track_caller]
fn assert_gone(error: &etdi::client::CallError) {
    assert!(matches!(error, etdi::client::CallError::Gone(name) if name == "scan"), "{error:?}");
}

async fn attack_14_poison_on_page_two(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let (first, honest) =
        (publisher.sign(&tool("first"), "1.0.0"), publisher.sign(&tool("scan"), "1.0.0"));
    let server = Server::start(transport).await;
    server.list(json!({"tools": [first], "nextCursor": "two"}).to_string());
    server.page("two", listing(&[&honest]));
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;

    server.page("two", listing(&[&poisoned(&honest)]));
    assert_eq!(what(&refusal(call(&connection, &approved).await)), ["Tampered"]);
    assert_eq!(what(&blocked(&connection, "scan").await), ["Tampered"]);

    // A duplicate on another page counts as well.
    server.page("two", listing(&[&honest, &poisoned(&first)]));
    let tools = connection.discover().await.unwrap();
    let twins: Vec<_> = tools.iter().filter(|tool| tool.name() == "first").collect();
    assert_eq!(twins.len(), 2);
    assert!(twins.iter().all(|tool| tool.problem() == Some(&Problem::Duplicate)));
    server.assert_not_called();
}

async fn attack_14_repeating_and_endless_cursors(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;

    server.list(json!({"tools": [honest], "nextCursor": "a"}).to_string());
    server.page("a", r#"{"tools":[],"nextCursor":"b"}"#);
    server.page("b", r#"{"tools":[],"nextCursor":"a"}"#);
    let refusals = [
        listing_refused(connection.discover().await),
        listing_refused_at_call(call(&connection, &approved).await),
    ];
    assert_eq!(refusals, [ListingError::RepeatedCursor, ListingError::RepeatedCursor]);

    let before = server.lists();
    server.list_without_end();
    assert_eq!(listing_refused(connection.discover().await), ListingError::TooManyPages);
    assert_eq!(server.lists() - before, 1_000);
    server.assert_not_called();
}

async fn attack_15_two_tools_of_one_name_or_one_id(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let other = publisher.sign(&tool("other"), "1.0.0");
    let server = Server::serving(transport, &[&honest, &other]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;
    approve(&connection, "other").await;

    let same_name = poisoned(&tool("scan"));
    let same_id = publisher.sign_as("trustedsoft.example/scan", &tool("scan2"), "1.0.0");
    let verbatim = with(&honest, "/name", "scan2");
    for twin in [&same_name, &same_id, &verbatim, &honest] {
        for order in [[&honest, twin, &other], [twin, &other, &honest]] {
            server.serve(&order);
            let tools = connection.discover().await.unwrap();
            let scans: Vec<_> = tools.iter().filter(|t| t.name().starts_with("scan")).collect();
            assert_eq!(scans.len(), 2);
            assert!(scans.iter().all(|tool| tool.problem() == Some(&Problem::Duplicate)));
            let refused = refusal(call(&connection, &approved).await);
            assert_eq!(refused.problem(), Some(&Problem::Duplicate));
            // The other tools stay usable.
            allowed(&connection, "other").await;
        }
    }
    server.assert_not_called();
}

async fn attack_16_look_alikes_on_a_second_server(transport: Transport) {
    let a = Publisher::new("trustedsoft.example");
    let b = Publisher::new("other.example");
    let host = Host::new(trust(&[&a, &b]));
    let genuine = a.sign(&tool("foo-bar"), "1.0.0");
    let server = Server::serving(transport, &[&genuine]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "foo-bar").await;

    // The same id; ids that differ in a separator; names that differ in a separator or in a letter of
    // another script.
    let newcomers = [
        ("foo-bar", a.sign(&tool("foo-bar"), "1.0.0")),
        ("fresh", a.sign_as("trustedsoft.example/foo-bar", &tool("fresh"), "2.0.0")),
        ("fresh", a.sign_as("trustedsoft.example/foo_bar", &tool("fresh"), "1.0.0")),
        ("foo_bar", tool("foo_bar")),
        ("foo.bar", b.sign(&tool("foo.bar"), "1.0.0")),
        ("Foo-Bar", tool("Foo-Bar")),
        ("f\u{43e}o-bar", tool("f\u{43e}o-bar")),
        ("foo-b\u{430}r", b.sign_as("other.example/x", &tool("foo-b\u{430}r"), "1.0.0")),
        ("foo\u{2010}bar", tool("foo\u{2010}bar")),
        // Exactly the same name, on an unsigned copy, and with another description.
        ("foo-bar", tool("foo-bar")),
        ("foo-bar", poisoned(&tool("foo-bar"))),
    ];
    for (name, newcomer) in newcomers {
        let second = Server::serving(transport, &[&newcomer]).await;
        let elsewhere = second.connect(&host.client).await;
        let request = asked(&elsewhere, name).await;
        assert_shadowed(&request, &server, "trustedsoft.example/foo-bar");
        second.assert_not_called();
    }
    call(&connection, &approved).await.unwrap();
    server.assert_calls(1);
}

async fn attack_16_look_alike_authority_on_a_second_server(transport: Transport) {
    // The second domain is written in Cyrillic letters only.
    let a = Publisher::new("apple.com");
    let b = Publisher::new("xn--80ak6aa92e.com");
    let host = Host::new(trust(&[&a, &b]));
    let server = Server::serving(transport, &[&a.sign(&tool("scan"), "1.0.0")]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;

    let second = Server::serving(transport, &[&b.sign(&tool("scan"), "1.0.0")]).await;
    let request = asked(&second.connect(&host.client).await, "scan").await;
    assert_shadowed(&request, &server, "apple.com/scan");
    second.assert_not_called();
    call(&connection, &approved).await.unwrap();
}

#[track_caller]
fn assert_shadowed(request: &etdi::ApprovalRequest, by: &Server, approved_id: &str) {
    let tool = request.tool();
    assert_eq!(what(tool), ["Shadowed", "New"], "{tool}");
    let What::Shadowed { by: server, id } = &tool.verdict().unwrap().what[0] else {
        unreachable!()
    };
    assert_eq!((server, id.as_str()), (&by.identity(), approved_id));
}

async fn attack_20_same_served_name_with_a_new_id(transport: Transport) {
    let a = Publisher::new("trustedsoft.example");
    let b = Publisher::new("other.example");
    let host = Host::reading(trust(&[&a, &b]), Freshness::Always);
    let honest = a.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;

    let evil = poisoned(&tool("scan"));
    let by_a = a.sign_as("trustedsoft.example/scan2", &evil, "9.0.0");
    let by_b = b.sign(&evil, "1.0.0");
    let cases: [(&Value, &[&str]); 2] =
        [(&by_a, &["Replaced", "New"]), (&by_b, &["Replaced", "EvidenceLost", "New"])];
    for (replacement, expected) in cases {
        server.serve(&[replacement]);
        let tools =
            [refusal(call(&connection, &approved).await), blocked(&connection, "scan").await];
        for found in tools {
            assert_eq!(what(&found), expected);
            let verdict = found.verdict().unwrap();
            let replaced = What::Replaced { id: "trustedsoft.example/scan".to_owned() };
            assert_eq!(verdict.what[0], replaced);
        }
    }
    server.assert_not_called();
}

async fn attack_21_signed_definition_under_another_name(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let genuine = publisher.sign(&tool("read_file"), "1.0.0");
    let renamed = with(&genuine, "/name", "delete_all");

    // At first contact.
    let server = Server::serving(transport, &[&renamed]).await;
    let request = asked(&server.connect(&host.client).await, "delete_all").await;
    assert_renamed(request.tool());
    server.assert_not_called();

    // After the tool was approved under its own name.
    let server = Server::serving(transport, &[&genuine]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "read_file").await;
    server.serve(&[&renamed]);
    let gone = call(&connection, &approved).await.unwrap_err();
    assert!(
        matches!(&gone, etdi::client::CallError::Gone(name) if name == "read_file"),
        "{gone:?}"
    );
    let request = asked(&connection, "delete_all").await;
    assert_renamed(request.tool());
    server.assert_not_called();
}

#[track_caller]
fn assert_renamed(tool: &etdi::JudgedTool) {
    let renamed = What::Renamed { signed: "read_file".to_owned(), served: "delete_all".to_owned() };
    assert!(tool.verdict().unwrap().what.contains(&renamed), "{tool}");
}

#[tokio::test]
async fn attack_22_verbatim_copy_on_an_unlisted_http_server() {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    let legitimate = Server::start(Transport::Http).await;
    let listed = vec![legitimate.uri()];
    let publisher = publisher.at(&listed);
    let signed = publisher.signed("trustedsoft.example/scan", &tool("scan"), "1.0.0");
    let attested = signed.clone().with_attestation("e30.e30.e30").tool().clone().into();
    legitimate.serve(&[&signed.tool().clone().into()]);

    for copy in [signed.tool().clone().into(), attested] {
        let thief = Server::serving(Transport::Http, &[&copy]).await;
        let connection = thief.connect(&host.client).await;
        let found = blocked(&connection, "scan").await;
        let why = ImpostorReason::ServerNotListed { listed: listed.clone() };
        assert_eq!(who(&found), &Who::Impostor { why });
        thief.assert_not_called();
    }
    // The impostor left no record that harms the legitimate server.
    let connection = legitimate.connect(&host.client).await;
    assert_eq!(what(asked(&connection, "scan").await.tool()), ["New"]);
    let approved = approve(&connection, "scan").await;
    call(&connection, &approved).await.unwrap();
    legitimate.assert_calls(1);
}

async fn attack_24_unsigned_server_claims_the_version_first(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let stranger = Publisher::new("stranger.example");
    let host = Host::new(trust(&[&publisher]));
    let evil = poisoned(&tool("scan"));
    let mut bare = publisher.sign(&evil, "1.0.0");
    definition_mut(&mut bare).remove("signature");
    let claims = [
        bare,
        publisher.with_key(stranger.key.clone()).sign(&evil, "1.0.0"),
        stranger.sign_as("trustedsoft.example/scan", &evil, "1.0.0"),
    ];
    for claim in &claims {
        let squatter = Server::serving(transport, &[claim]).await;
        let connection = squatter.connect(&host.client).await;
        let found = blocked(&connection, "scan").await;
        assert!(matches!(who(&found), Who::Impostor { .. }), "{found}");
        squatter.assert_not_called();
    }
    let squatter = Server::serving(transport, &[&evil]).await;
    asked(&squatter.connect(&host.client).await, "scan").await;
    squatter.assert_not_called();

    let server = Server::serving(transport, &[&publisher.sign(&tool("scan"), "1.0.0")]).await;
    let connection = server.connect(&host.client).await;
    assert_eq!(what(asked(&connection, "scan").await.tool()), ["New"]);
    let approved = approve(&connection, "scan").await;
    call(&connection, &approved).await.unwrap();
    server.assert_calls(1);
}

async fn extra_copy_on_stdio_of_a_definition_for_http(transport: Transport) {
    let legitimate = Server::start(Transport::Http).await;
    let lists: [&[String]; 3] = [&[], &[legitimate.uri()], &["stdio".to_owned()]];
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::new(trust(&[&publisher]));
    for listed in lists {
        let copy = publisher.at(listed).sign(&tool("scan"), "1.0.0");
        let server = Server::serving(transport, &[&copy]).await;
        let connection = server.connect(&host.client).await;
        if listed.contains(&server.listed_as()) {
            asked(&connection, "scan").await;
        } else {
            let found = blocked(&connection, "scan").await;
            let why = ImpostorReason::ServerNotListed { listed: listed.to_vec() };
            assert_eq!(who(&found), &Who::Impostor { why });
        }
        server.assert_not_called();
    }
}

/// A tool that is refused for its text still makes its name ambiguous.
async fn extra_malformed_twin_takes_the_name(transport: Transport) {
    let publisher = Publisher::new("trustedsoft.example");
    let host = Host::reading(trust(&[&publisher]), Freshness::Always);
    let honest = publisher.sign(&tool("scan"), "1.0.0");
    let server = Server::serving(transport, &[&honest]).await;
    let connection = server.connect(&host.client).await;
    let approved = approve(&connection, "scan").await;
    let twins = [
        r#"{"name":"innocent","name":"scan","inputSchema":{}}"#,
        r#"{"name":"scan","name":"innocent","inputSchema":{}}"#,
        r#"{"n\u0061me":"scan","inputSchema":{"x":9007199254740993}}"#,
    ];
    for twin in twins {
        server.serve_texts(&[&honest.to_string(), twin]);
        let tools = connection.discover().await.unwrap();
        let genuine = tools.iter().find(|tool| tool.problem() == Some(&Problem::Duplicate));
        assert_eq!(genuine.map(|tool| tool.name()), Some("scan"), "{tools:?}");
        let refused = refusal(call(&connection, &approved).await);
        assert!(refused.problem().is_some(), "{refused}");
    }
    server.assert_not_called();
}

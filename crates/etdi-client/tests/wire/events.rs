//! The events of a client about the tools that it judges.

use std::sync::Arc;
use std::time::Duration;

use etdi_client::{Approval, Decision, EtdiClient, ServerConnection};
use etdi_events::{Emitter, Event, EventType, Expired, Subscription};
use etdi_types::{Clock, ManualClock, SigningKey};

use crate::approvals::{signed, trusting};
use crate::script::Script;
use crate::servers::{HttpServer, Way};

struct Scene {
    key: SigningKey,
    clock: Arc<ManualClock>,
    events: Subscription,
    server: HttpServer,
    connection: ServerConnection,
}

/// Serves a signed tool on HTTP, and connects a client that trusts its key and reports one type of
/// event.
async fn scene(reported: EventType) -> Scene {
    let key = SigningKey::generate().unwrap();
    let clock = Arc::new(ManualClock::at(1_800_000_000));
    let emitter = Emitter::new(clock.clone(), "test");
    let events = emitter.subscribe_to([reported], 8);
    let script = Script::of(&[&signed(&key, "1.0.0", "a", &[])]);
    let server = HttpServer::start(script, Way::Json).await;
    let client = EtdiClient::builder(trusting(&key)).clock(clock.clone()).events(emitter);
    let connection = client.build().unwrap().connect_http(&server.uri).await.unwrap();
    Scene { key, clock, events, server, connection }
}

#[tokio::test]
async fn a_violation_is_named_by_the_answer_that_blocks() {
    let mut scene = scene(EventType::SecurityViolation).await;
    scene.connection.discover().await.unwrap();
    assert!(scene.events.try_recv().is_none());

    let mut correlation = None;
    let stranger = SigningKey::generate().unwrap().with_kid(scene.key.kid());
    let tampered = signed(&scene.key, "1.0.0", "poisoned", &[]);
    let forged = signed(&stranger, "1.1.0", "a", &[]);
    for (tool, name) in [
        (tampered.as_str(), "Tampered"),
        (forged.as_str(), "Impostor"),
        (r#"{"name":"scan","name":"scan","inputSchema":{}}"#, "Malformed"),
    ] {
        scene.server.script.serve(&[tool]);
        scene.connection.discover().await.unwrap();
        let record = scene.events.try_recv().unwrap();
        let Event::SecurityViolation(reported) = &record.event else { panic!("{record:?}") };
        assert_eq!(reported.violation, name);
        // The events of two connections have different correlation ids.
        let connection = *correlation.get_or_insert(record.correlation_id.unwrap());
        assert_eq!(record.correlation_id, Some(connection));
        assert!(scene.events.try_recv().is_none());
    }
}

#[tokio::test]
async fn an_approval_that_ran_out_is_reported() {
    let Scene { clock, mut events, connection, .. } = scene(EventType::ToolExpired).await;
    let end = clock.now() + Duration::from_secs(60);
    let tools = connection.discover().await.unwrap();
    let Decision::Ask(request) = connection.decide(&tools[0]).await.unwrap() else { panic!() };
    connection.approve(request, Approval::by("alice").until(end)).await.unwrap();
    connection.discover().await.unwrap();
    assert!(events.try_recv().is_none());
    clock.advance(Duration::from_secs(60));
    connection.discover().await.unwrap();
    let record = events.try_recv().unwrap();
    let Event::ToolExpired(reported) = &record.event else { panic!("{record:?}") };
    assert_eq!((reported.expired, reported.since), (Expired::Approval, end));
}

#[tokio::test]
async fn a_connection_is_reported_with_the_revision_that_was_agreed() {
    let mut scene = scene(EventType::ClientConnected).await;
    let record = scene.events.try_recv().unwrap();
    let Event::ClientConnected(connected) = &record.event else { panic!("{record:?}") };
    assert_eq!(connected.protocol.as_deref(), Some("2025-11-25"));
    assert_eq!(connected.transport, "http");
}

//! The basis of an approval, in the store and in the events.

use std::sync::Arc;

use etdi_client::{
    Approval, ApprovalStore, Decision, EtdiClient, InstructionsState, MemoryApprovals, Refusal,
    ServerConnection,
};
use etdi_events::{Emitter, Event, EventType, Subscription};
use etdi_types::{
    ApprovalBasis, Instructions, ManualClock, SigningKey, StdioCommand, Subject, TrustConfig,
};
use serde_json::Map;

use crate::approvals::{signed, trusting};
use crate::script::Script;
use crate::servers::{HttpServer, Way, child};

/// A client, its store, and the approvals that it reports.
struct Host {
    client: EtdiClient,
    store: Arc<MemoryApprovals>,
    events: Subscription,
}

impl Host {
    fn new(trust: TrustConfig) -> Self {
        let emitter = Emitter::new(Arc::new(ManualClock::at(1_800_000_000)), "test");
        let events = emitter.subscribe_to([EventType::ToolApproved], 8);
        let store = Arc::new(MemoryApprovals::new());
        let client = EtdiClient::builder(trust).shared_approvals(store.clone()).events(emitter);
        Self { client: client.build().unwrap(), store, events }
    }

    /// Returns the basis of the only tool in three places: in all its records, in its current
    /// approval, and in the event.
    async fn bases(&mut self, server: &ServerConnection) -> Vec<ApprovalBasis> {
        let tools = server.discover().await.unwrap();
        let subject = Subject::new(server.server(), tools[0].definition().unwrap());
        let known = self.store.known(&[subject]).await.unwrap().remove(0);
        let bases: Vec<_> = known.approvals.iter().map(|approval| approval.basis).collect();
        let record = self.events.try_recv().unwrap();
        let Event::ToolApproved(reported) = &record.event else { panic!("{record:?}") };
        assert_eq!(Some(&reported.basis), bases.last());
        bases
    }
}

async fn decision(server: &ServerConnection) -> Decision {
    let tools = server.discover().await.unwrap();
    server.decide(&tools[0]).await.unwrap()
}

async fn says_yes(server: &ServerConnection) {
    let Decision::Ask(request) = decision(server).await else {
        panic!("the tool is not asked about")
    };
    server.approve(request, Approval::by("alice")).await.unwrap();
}

async fn refused(server: &ServerConnection) -> Refusal {
    let Decision::Block(refusal) = decision(server).await else {
        panic!("the tool is not refused")
    };
    refusal
}

#[tokio::test]
async fn an_answer_to_a_question_and_an_override_have_different_bases() {
    let key = SigningKey::generate().unwrap();
    let mut host = Host::new(trusting(&key));
    let script = Script::of(&[&signed(&key, "1.0.0", "a", &[])]);
    let server = HttpServer::start(script, Way::Json).await;
    let connection = host.client.connect_http(&server.uri).await.unwrap();
    says_yes(&connection).await;
    assert_eq!(host.bases(&connection).await, [ApprovalBasis::Question]);
    server.script.serve(&[&signed(&key, "2.0.0", "b", &[])]);
    says_yes(&connection).await;
    host.bases(&connection).await;
    server.script.serve(&[&signed(&key, "1.0.0", "a", &[])]);
    let request = refused(&connection).await.override_request().unwrap();
    connection.approve(request, Approval::by("alice")).await.unwrap();
    let bases = host.bases(&connection).await;
    assert_eq!(bases, [ApprovalBasis::Question, ApprovalBasis::Override]);
}

#[tokio::test]
async fn a_key_that_a_person_brought_is_reported() {
    let key = SigningKey::generate().unwrap();
    let mut host = Host::new(TrustConfig::default());
    let script = Script::of(&[&signed(&key, "1.0.0", "a", &[])]);
    let server = HttpServer::start(script, Way::Json).await;
    let connection = host.client.connect_http(&server.uri).await.unwrap();
    let request = refused(&connection).await.override_request().unwrap();
    let brings = Approval::by("alice").pinning(key.public_jwk().clone());
    connection.approve(request, brings).await.unwrap();
    assert_eq!(host.bases(&connection).await, [ApprovalBasis::PinnedKey]);
}

#[tokio::test]
async fn the_same_tools_under_another_launch_are_one_question() {
    let mut host = Host::new(TrustConfig::default());
    let launch = || -> StdioCommand {
        child(&Script::of(&[
            r#"{"name":"scan","description":"a","inputSchema":{"type":"object"}}"#,
        ]))
    };
    let first = host.client.connect_stdio(launch().env("TRY", "1")).await.unwrap();
    assert!(first.relaunch().await.unwrap().is_none(), "no tool was approved before");
    says_yes(&first).await;
    assert_eq!(host.bases(&first).await, [ApprovalBasis::Question]);

    let second = host.client.connect_stdio(launch().env("TRY", "2")).await.unwrap();
    let request = second.relaunch().await.unwrap().unwrap();
    assert_eq!(request.earlier(), first.server());
    let tools = second.approve_relaunch(request, &Approval::by("alice")).await.unwrap();
    second.call(tools[0].as_ref().unwrap(), Map::new()).await.unwrap();
    assert_eq!(host.bases(&second).await, [ApprovalBasis::Relaunch]);
}

#[tokio::test]
async fn instructions_are_approved_by_an_answer() {
    let host = Host::new(TrustConfig::default());
    let script = Script::of(&[]);
    *script.instructions.lock().unwrap() = Some("Be kind.".to_owned());
    let server = HttpServer::start(script, Way::Json).await;
    let connection = host.client.connect_http(&server.uri).await.unwrap();
    let InstructionsState::Withheld(request) = connection.instructions().await.unwrap() else {
        panic!("the instructions are not withheld")
    };
    connection.approve_instructions(request, "alice").await.unwrap();
    let id = Instructions::id(connection.server());
    let subject = Subject::of_server(connection.server(), &id);
    let known = host.store.known(&[subject]).await.unwrap().remove(0);
    assert_eq!(known.approvals[0].basis, ApprovalBasis::Question);
}

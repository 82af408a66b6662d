//! "Same tools, new launch": the one question about all tools restores only approvals that still count,
//! and on the same terms.

use std::sync::Arc;

use etdi::client::{ApproveError, RelaunchRequest, ServerConnection};
use etdi::{
    Approval, ApprovalBasis, ApprovalRecord, ApprovalStore, Clock, ManualClock, MemoryApprovals,
    Subject,
};
use etdi_testkit::issuer::NOW;

use crate::support::*;

/// A host, its store, and a publisher whose tool has a required permission and an optional one.
struct Scene {
    host: Host,
    store: Arc<MemoryApprovals>,
    publisher: Publisher,
}

impl Scene {
    fn new() -> Self {
        let publisher = Publisher::new("trustedsoft.example");
        let publisher = publisher.asking_for("documents:read", true);
        let publisher = publisher.asking_for("documents:write", false);
        let store = Arc::new(MemoryApprovals::new());
        let host = Host::sharing(trust(&[&publisher]), Freshness::WhenOld, store.clone());
        Self { host, store, publisher }
    }

    /// Starts a server on stdio. Each server has a command of its own.
    async fn server(&self, tools: &[&str]) -> (Server, ServerConnection) {
        let signed: Vec<_> =
            tools.iter().map(|name| self.publisher.sign(&tool(name), "1.0.0")).collect();
        let server = Server::serving(Transport::Stdio, &signed.iter().collect::<Vec<_>>()).await;
        let connection = server.connect(&self.host.client).await;
        (server, connection)
    }

    /// Returns the current approval of a tool.
    async fn approval(&self, connection: &ServerConnection, name: &str) -> Option<ApprovalRecord> {
        let tool = only(connection.discover().await.unwrap(), name);
        let subject = Subject::new(connection.server(), tool.definition().unwrap());
        let known = self.store.known(&[subject]).await.unwrap().remove(0);
        known.approvals.into_iter().find(|approval| !approval.superseded)
    }
}

async fn answered(connection: &ServerConnection, name: &str, approval: Approval) {
    let request = asked(connection, name).await;
    // An approval that grants too little is stored, and the tool stays refused.
    let _ = connection.approve(request, approval).await;
}

fn by_alice() -> Approval {
    Approval::by("alice")
}

/// Returns a time that is so many seconds after the beginning of the test.
fn after(seconds: i64) -> time::OffsetDateTime {
    ManualClock::at(NOW + seconds).now()
}

async fn question(connection: &ServerConnection) -> Option<RelaunchRequest> {
    connection.relaunch().await.unwrap()
}

#[tokio::test]
async fn extra_a_relaunch_after_the_end_of_an_approval() {
    let scene = Scene::new();
    let (_first, first) = scene.server(&["scan"]).await;
    answered(&first, "scan", by_alice().until(after(60))).await;
    let (_second, second) = scene.server(&["scan"]).await;
    assert!(question(&second).await.is_some());
    scene.host.outlive_the_list();
    assert!(question(&second).await.is_none(), "the approval has ended");
}

#[tokio::test]
async fn extra_a_relaunch_without_the_end_and_the_grants_of_before() {
    let scene = Scene::new();
    let (_first, first) = scene.server(&["scan"]).await;
    let scopes = ["documents:read", "documents:write"].map(|scope| scope.parse().unwrap());
    let end = after(3600);
    answered(&first, "scan", by_alice().granting(scopes.clone()).until(end)).await;
    let (_second, second) = scene.server(&["scan"]).await;
    let request = question(&second).await.unwrap();
    let terms = request.requests()[0].terms().unwrap();
    assert_eq!((&terms.granted[..], terms.until), (&scopes[..], Some(end)));
    let results = second.approve_relaunch(request, &Approval::by("bob")).await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let kept = scene.approval(&second, "scan").await.unwrap();
    assert_eq!((&kept.granted[..], kept.until), (&scopes[..], Some(end)));
    assert_eq!((kept.by.as_str(), kept.basis), ("bob", ApprovalBasis::Relaunch));
}

#[tokio::test]
async fn extra_a_relaunch_after_an_approval_that_granted_nothing() {
    let scene = Scene::new();
    let (_first, first) = scene.server(&["scan"]).await;
    answered(&first, "scan", by_alice().granting([])).await;
    assert!(scene.approval(&first, "scan").await.unwrap().granted.is_empty());
    let (_second, second) = scene.server(&["scan"]).await;
    assert!(question(&second).await.is_none(), "no permission was granted");
}

/// No person has seen the definition that a policy approved.
#[tokio::test]
async fn extra_a_relaunch_after_an_approval_without_an_answer() {
    for basis in [ApprovalBasis::Policy, ApprovalBasis::Override, ApprovalBasis::Unrecorded] {
        let scene = Scene::new();
        let (_first, first) = scene.server(&["scan"]).await;
        answered(&first, "scan", by_alice()).await;
        let mut approval = scene.approval(&first, "scan").await.unwrap();
        approval.basis = basis;
        let digest = approval.pin.digest;
        scene.store.approve(approval, None, Some(digest)).await.unwrap();
        let (_second, second) = scene.server(&["scan"]).await;
        assert!(question(&second).await.is_none(), "{basis:?}");
    }
}

#[tokio::test]
async fn extra_an_approval_is_revoked_while_a_relaunch_is_asked_about() {
    let scene = Scene::new();
    let (_first, first) = scene.server(&["scan"]).await;
    answered(&first, "scan", by_alice()).await;
    let (_second, second) = scene.server(&["scan"]).await;
    let request = question(&second).await.unwrap();
    assert!(first.forget("scan").await.unwrap());
    let error = second.approve_relaunch(request, &by_alice()).await.unwrap_err();
    assert!(matches!(error, ApproveError::EarlierApproval), "{error:?}");
    assert!(scene.approval(&second, "scan").await.is_none());
}

/// A relaunch that fails in part reports each tool, and the store agrees with the report.
#[tokio::test]
async fn extra_a_tool_changes_while_a_relaunch_is_asked_about() {
    let scene = Scene::new();
    let (_first, first) = scene.server(&["count", "scan"]).await;
    for name in ["count", "scan"] {
        answered(&first, name, by_alice()).await;
    }
    let (server, second) = scene.server(&["count", "scan"]).await;
    let request = question(&second).await.unwrap();
    let count = scene.publisher.sign(&tool("count"), "1.0.0");
    let changed = scene.publisher.sign(&tool("scan"), "1.0.1");
    server.serve(&[&changed, &count]);
    let results = second.approve_relaunch(request, &by_alice()).await.unwrap();
    let (first, last) = (results[0].as_ref(), results[1].as_ref());
    assert_eq!(first.unwrap().name(), "count");
    assert!(matches!(last, Err(ApproveError::Changed(_))), "{last:?}");
    assert!(scene.approval(&second, "count").await.is_some());
    assert!(scene.approval(&second, "scan").await.is_none());
}

//! Lookups and decisions with 100 approvals in a SQLite file, compared with 100,000.

use std::path::Path;

use etdi::client::{JudgedTool, ServerConnection};
use etdi::{ApprovalStore, Decision, SqliteApprovals, Subject};
use etdi_tests::steps;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::definitions::approved_tool;
use crate::timing::{Row, now, ratio};

const FEW: usize = 100;
const MANY: usize = 100_000;
/// The number of tools in one listing.
const LISTED: usize = 20;

pub async fn lookups() -> [Row; 2] {
    let (few, many) = (Scene::of(FEW).await, Scene::of(MANY).await);
    let begun = now();
    few.listing();
    let listing = begun.elapsed();
    let begun = now();
    few.decide();
    let beside = format!(
        "beside it, among {FEW}: a listing of {LISTED} takes {listing:?}, a decision {:?}",
        begun.elapsed()
    );
    [
        Row::at_most(
            "lookup of a listing among 100,000 approvals / among 100",
            ratio(|| few.listing(), || many.listing()),
            3.0,
        ),
        Row::at_most(
            "decision before a call among 100,000 approvals / among 100",
            ratio(|| few.decide(), || many.decide()),
            3.0,
        )
        .beside(beside),
    ]
}

struct Scene {
    store: SqliteApprovals,
    server: ServerConnection,
    judged: JudgedTool,
    listed: Vec<Subject>,
    _folder: TempDir,
}

impl Scene {
    /// Fills a store with this number of approvals, for the tools of three servers, and serves one
    /// approved tool.
    async fn of(approvals: usize) -> Self {
        // The bench measures reading, so the file is in memory where possible: filling it on a disk
        // takes seconds.
        let folder = match Path::new("/dev/shm") {
            memory if memory.is_dir() => tempfile::tempdir_in(memory),
            _ => tempfile::tempdir(),
        };
        let folder = folder.unwrap();
        let store = SqliteApprovals::open(folder.path().join("approvals.db")).unwrap();
        for tool in 0..approvals {
            let approval = steps::approval(tool, "1.0.0", "bench");
            let entry = steps::entry(tool, "1.0.0");
            store.approve(approval, Some(entry), None).await.unwrap();
        }
        let (server, judged, _) = approved_tool(store.clone()).await;
        let middle = approvals / 2;
        let version = |subject: &Subject| subject.version.as_ref().map(ToString::to_string);
        let listed = steps::subjects(middle..middle + LISTED)
            .into_iter()
            .filter(|subject| version(subject).as_deref() == Some("1.0.0"))
            .take(LISTED)
            .collect();
        Self { store, server, judged, listed, _folder: folder }
    }

    fn listing(&self) {
        let known = block_in_place(|| Handle::current().block_on(self.store.known(&self.listed)));
        let known = known.unwrap();
        assert!(known.len() == LISTED && known.iter().all(|known| known.approvals.len() == 1));
    }

    fn decide(&self) {
        let decision =
            block_in_place(|| Handle::current().block_on(self.server.decide(&self.judged)));
        assert!(matches!(decision, Ok(Decision::Allow(_))));
    }
}

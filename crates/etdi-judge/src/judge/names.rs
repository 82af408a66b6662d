//! Collects the names of other tools. A review reports a changed definition that begins to mention
//! one of them.

use std::collections::BTreeMap;

use etdi_review::hygiene::ToolNames;
use etdi_types::ServerIdentity;
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::store::{ApprovalStore, StoreError};
use crate::tool::listed::Snapshot;

/// The tools that each server listed last. All judges with the same settings share them.
#[derive(Debug, Default)]
pub(crate) struct ListedNames(Mutex<BTreeMap<ServerIdentity, Vec<String>>>);

impl ListedNames {
    pub(crate) fn note(&self, server: &ServerIdentity, snapshot: &Snapshot) {
        let names = snapshot.tools().iter().map(|listed| listed.name().to_owned()).collect();
        self.0.lock().insert(server.clone(), names);
    }

    fn seen_from(&self, server: &ServerIdentity) -> ToolNames {
        self.0.lock().iter().fold(ToolNames::none(), |names, (at, tools)| {
            with(names, at == server, tools.iter().map(String::as_str))
        })
    }
}

/// The names of other tools for a review. They are read when the first review needs them, because
/// most judgements do not need them, and the store may hold many.
#[derive(Debug, Default)]
pub(crate) struct OtherTools(OnceCell<ToolNames>);

impl OtherTools {
    /// Returns the names in the last listing of each server, and the names of all approved tools,
    /// listed or not.
    pub(crate) async fn seen_from(
        &self,
        server: &ServerIdentity,
        listed: &ListedNames,
        store: &dyn ApprovalStore,
    ) -> Result<&ToolNames, StoreError> {
        let read = || async {
            let approved = store.approved_names().await?;
            Ok(approved.iter().fold(listed.seen_from(server), |names, (at, name)| {
                with(names, at == server, [name.as_str()])
            }))
        };
        self.0.get_or_try_init(read).await
    }
}

fn with<'n>(
    names: ToolNames,
    are_siblings: bool,
    tools: impl IntoIterator<Item = &'n str>,
) -> ToolNames {
    if are_siblings { names.and_siblings(tools) } else { names.and_others(tools) }
}

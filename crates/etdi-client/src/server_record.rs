//! Records of a server as a whole, which is no tool: its instructions, and the program behind it.

use std::sync::Arc;

use etdi_types::{ApprovalBasis, ApprovalRecord, Digest, EvidenceRecord, Known, Pin, Subject};

use crate::connection::ServerConnection;
use crate::store::StoreError;

impl ServerConnection {
    /// What the store knows of `subject`.
    pub(crate) async fn known(&self, subject: Subject) -> Result<Known, StoreError> {
        Ok(self.settings.store.known(&[subject]).await?.pop().unwrap_or_default())
    }

    /// What the store knows under an id of this server's own.
    pub(crate) async fn server_record(&self, id: &str) -> Result<Known, StoreError> {
        self.known(Subject::of_server(self.server(), id)).await
    }

    pub(crate) fn server_pin(&self, id: String, digest: Digest, text: Arc<str>) -> Pin {
        let (server, at) = (self.server().clone(), self.settings.clock.now());
        Pin::new(server, id, EvidenceRecord::None, digest, text, at)
    }

    /// Records a person's yes to `pin`. `expected` is the digest that they saw approved before.
    pub(crate) async fn approve_server_pin(
        &self,
        pin: Pin,
        by: impl Into<String>,
        expected: Option<Digest>,
    ) -> Result<(), StoreError> {
        let context = self.context.clone();
        let approval = ApprovalRecord::new(pin, context, by, ApprovalBasis::Question);
        self.settings.store.approve(approval, None, expected).await
    }
}

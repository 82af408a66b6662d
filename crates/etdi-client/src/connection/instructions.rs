//! The server's `instructions`: withheld from the model until a person approves them, at every
//! level.

use etdi_judge::{ConnectionId, Judge, NotApproved, StoreError};
use etdi_types::instructions::text_of;
use etdi_types::text::escaped;
use etdi_types::{Diff, Digest, Instructions};

/// The state of the instructions of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InstructionsState {
    /// The server has no instructions.
    None,
    /// A person approved exactly these instructions; they may go to the model.
    Approved(String),
    /// The instructions are not approved; a model must not see them.
    Withheld(InstructionsRequest),
}

/// A question to a person about a server's instructions.
#[derive(Clone, Debug)]
pub struct InstructionsRequest {
    connection: ConnectionId,
    instructions: Instructions,
    approved: Option<Digest>,
    diff: Option<Diff>,
}

impl InstructionsRequest {
    /// Returns the digest that an approval will be bound to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.instructions.digest()
    }

    /// Returns the text of the instructions. The server wrote it: it is for a person and not for a
    /// model. Show it only through [`escaped`].
    #[must_use]
    pub fn text(&self) -> &str {
        self.instructions.text()
    }

    /// Returns the changes since the approved instructions, if other instructions were approved.
    #[must_use]
    pub fn diff(&self) -> Option<&Diff> {
        self.diff.as_ref()
    }
}

impl std::fmt::Display for InstructionsRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "instructions: {}", escaped(self.instructions.text()))?;
        match &self.diff {
            Some(diff) => write!(f, "\nchanged:{diff}"),
            None => Ok(()),
        }
    }
}

impl InstructionsState {
    /// Compares the instructions that a server gave with the approved ones.
    pub(crate) async fn of(
        instructions: Option<&Instructions>,
        judge: &Judge,
    ) -> Result<Self, StoreError> {
        let Some(instructions) = instructions else { return Ok(Self::None) };
        let id = Instructions::id(judge.server());
        let known = judge.server_record(&id).await?;
        let approved = known.approval(&id, judge.context()).map(|approval| &approval.pin);
        if approved.is_some_and(|approved| approved.digest == instructions.digest()) {
            return Ok(Self::Approved(instructions.text().to_owned()));
        }
        Ok(Self::Withheld(InstructionsRequest {
            connection: judge.connection().clone(),
            diff: approved
                .filter(|approved| text_of(&approved.definition).is_some())
                .map(|approved| Diff::between(&approved.definition, instructions.canonical())),
            approved: approved.map(|approved| approved.digest),
            instructions: instructions.clone(),
        }))
    }
}

impl InstructionsRequest {
    /// Stores the approval of a person, and returns the approved text.
    pub(crate) async fn approve(
        self,
        judge: &Judge,
        by: impl Into<String>,
    ) -> Result<String, NotApproved> {
        if self.connection != *judge.connection() {
            return Err(NotApproved::OtherConnection);
        }
        let (id, instructions) = (Instructions::id(judge.server()), self.instructions);
        let pin = judge.server_pin(id, instructions.digest(), instructions.canonical().clone());
        judge.approve_server_pin(pin, by, self.approved).await?;
        Ok(instructions.text().to_owned())
    }
}

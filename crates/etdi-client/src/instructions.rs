//! The server's `instructions`: withheld from the model until a person approves them, at every
//! level.

use etdi_types::instructions::text_of;
use etdi_types::text::escaped;
use etdi_types::{Diff, Digest, Instructions, Pin};

use crate::connection::{ConnectionId, ServerConnection};
use crate::error::{ApproveError, DiscoverError};

/// How a server's instructions stand.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InstructionsState {
    /// The server gives none.
    None,
    /// A person approved exactly these; they may go to the model.
    Approved(String),
    /// Nobody approved these; a model must not see them.
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
    /// The digest that an approval will be bound to.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.instructions.digest()
    }

    /// The text that it asks about: the server's words, for a person and not for a model. Show it
    /// through [`escaped`] alone.
    #[must_use]
    pub fn text(&self) -> &str {
        self.instructions.text()
    }

    /// What changed since the approved ones, if there are any.
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

impl ServerConnection {
    /// How the server's instructions stand.
    ///
    /// # Errors
    /// [`DiscoverError`] if what the server sent is refused, or the store fails.
    pub async fn instructions(&self) -> Result<InstructionsState, DiscoverError> {
        let Some(instructions) = self.received_instructions.clone() else {
            return Ok(InstructionsState::None);
        };
        let approved = self.approved_instructions().await?;
        if approved.as_ref().is_some_and(|approved| approved.digest == instructions.digest()) {
            return Ok(InstructionsState::Approved(instructions.text().to_owned()));
        }
        Ok(InstructionsState::Withheld(InstructionsRequest {
            connection: self.id.clone(),
            diff: approved
                .as_ref()
                .filter(|approved| text_of(&approved.definition).is_some())
                .map(|approved| Diff::between(&approved.definition, instructions.canonical())),
            approved: approved.map(|approved| approved.digest),
            instructions,
        }))
    }

    /// Records that a person approved the instructions that `request` showed.
    ///
    /// # Errors
    /// [`ApproveError::OtherConnection`] for another server's; [`ApproveError::Store`] if others were
    /// approved in the meantime, or the store fails.
    pub async fn approve_instructions(
        &self,
        request: InstructionsRequest,
        by: impl Into<String>,
    ) -> Result<String, ApproveError> {
        if request.connection != self.id {
            return Err(ApproveError::OtherConnection);
        }
        let (id, instructions) = (Instructions::id(self.server()), request.instructions);
        let canonical = instructions.canonical().clone();
        let pin = self.server_pin(id, instructions.digest(), canonical);
        self.approve_server_pin(pin, by, request.approved).await?;
        Ok(instructions.text().to_owned())
    }

    async fn approved_instructions(&self) -> Result<Option<Pin>, DiscoverError> {
        let id = Instructions::id(self.server());
        let known = self.server_record(&id).await?;
        let approval = known.approval(&id, &self.context);
        Ok(approval.map(|approval| approval.pin.clone()))
    }
}

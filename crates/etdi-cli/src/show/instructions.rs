//! The screen of a server's instructions. Instructions are withheld from the model until a person
//! approves them.

use etdi::client::{InstructionsRequest, InstructionsState};
use etdi::hygiene::{Severity, inspect};
use etdi::review::Review;
use etdi::{ApprovalRecord, Instructions, Subject};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::{CliError, Exit};
use crate::servers::session::Session;
use crate::show::findings::ShownFindings;
use crate::show::review::show_review;
use crate::terminal::line::Line;

/// The name of the instructions on a screen. A tool could have this name too.
pub(crate) const NAME: &str = "instructions of the server";

/// The instructions that a server gives.
pub(crate) struct Given {
    instructions: Instructions,
    /// The question for a person. `None` if the instructions are approved.
    request: Option<InstructionsRequest>,
    findings: ShownFindings,
    /// The changes since the approval. `None` without an approval.
    review: Option<Review>,
    /// The command that shows all findings.
    show: String,
}

impl Given {
    /// Reads the instructions. Returns `None` if the server gives no instructions.
    pub(crate) async fn by(session: &Session) -> Result<Option<Self>, CliError> {
        let state = session.connection.instructions().await;
        let state = state.map_err(|error| CliError::new(error).cannot("read the instructions"))?;
        let (text, request) = match state {
            InstructionsState::Approved(text) => (text, None),
            InstructionsState::Withheld(request) => (request.text().to_owned(), Some(request)),
            _ => return Ok(None),
        };
        let instructions = Instructions::new(&text);
        let names = session.names();
        let approved = approved(session).await?;
        let review =
            approved.map(|one| Review::of(&one.pin.definition, instructions.canonical(), &names));
        let findings = inspect(instructions.canonical(), &names);
        let findings = ShownFindings::new(findings, review.as_ref());
        let show = session.command("show", "--instructions");
        Ok(Some(Self { instructions, request, findings, review, show }))
    }

    pub(crate) fn review(&self) -> Option<&Review> {
        self.review.as_ref()
    }

    pub(crate) fn request(&self) -> Option<&InstructionsRequest> {
        self.request.as_ref()
    }

    pub(crate) fn digest(&self) -> etdi::Digest {
        self.instructions.digest()
    }

    pub(crate) fn exit(&self) -> Exit {
        if self.request.is_some() { Exit::No } else { Exit::Ok }
    }

    /// Returns the instructions on one line, for a list.
    pub(crate) fn summary_line(&self) -> Line {
        let high = self.findings.count(Severity::High);
        let odd =
            if high > 0 { format!("; {high} findings of high severity") } else { String::new() };
        self.decision().text("  ").bold(NAME).text(format!(": {}{odd}", self.what()))
    }

    /// Prints the verdict and the text, with every hidden character visible.
    pub(crate) fn show(&self, context: &Context) {
        self.show_verdict(context);
        context.out.said("says", self.instructions.text());
        self.findings.show(context);
    }

    /// Prints the changes since the approval, or the whole text without an approval; then the findings.
    pub(crate) fn show_change(&self, context: &Context) {
        let Some(review) = &self.review else { return self.show(context) };
        self.show_verdict(context);
        show_review(review, context);
        self.show_new_findings(context);
    }

    /// Prints the findings in new or changed text, and the number of the others.
    pub(crate) fn show_new_findings(&self, context: &Context) {
        self.findings.show_new(&self.show, context);
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "decision": if self.request.is_some() { "ask" } else { "allow" },
            "digest": self.digest(),
            "text": self.instructions.text(),
            "what": self.what(),
            "findings": self.findings.json(),
            "review": self.review,
        })
    }

    fn show_verdict(&self, context: &Context) {
        context.out.line(self.decision().text("  ").bold(NAME));
        context.out.fields([
            ("what", Line::from(self.what())),
            ("digest", Line::from(self.digest().to_string())),
        ]);
    }

    fn decision(&self) -> Line {
        match self.request {
            Some(_) => Line::new().warn("ask  "),
            None => Line::new().good("ok   "),
        }
    }

    fn what(&self) -> &'static str {
        match (&self.request, &self.review) {
            (None, _) => "approved",
            (Some(_), None) => "new: withheld from the model until they are approved",
            (Some(_), Some(_)) => "changed: withheld from the model until they are approved",
        }
    }
}

/// Returns the error for a server that gives no instructions.
pub(crate) fn none() -> CliError {
    CliError::new("cannot read the instructions: the server gives no instructions")
}

async fn approved(session: &Session) -> Result<Option<ApprovalRecord>, CliError> {
    let id = Instructions::id(session.server());
    let subject = Subject::of_server(session.server(), &id);
    let known = session.store.known(&[subject]).await;
    let known = known.map_err(|error| CliError::new(error).cannot("read the approvals"))?.pop();
    let known = known.unwrap_or_default();
    Ok(known.approval(&id, &session.caller).cloned())
}

//! The screen of one tool: the verdict, the definition, the changes and the findings.

use etdi::hygiene::{Severity, inspect};
use etdi::records::EvidenceRecord;
use etdi::review::{Class, Review};
use etdi::text::{escaped, escaped_json};
use etdi::verdict::Notice;
use etdi::{ApprovalRecord, JudgedTool, ServerIdentity, SignedPart, ToolDefinition, Verdict, What};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::CliError;
use crate::servers::session::Session;
use crate::show::findings::{ShownFindings, counts};
use crate::show::hints::Hints;
use crate::show::review::show_review;
use crate::show::summary::{decision, first_line, summary, who, who_and_may};
use crate::terminal::line::Line;

/// The facts that a person must know about a tool before they approve it.
pub(crate) struct Question<'s> {
    tool: &'s JudgedTool,
    findings: ShownFindings,
    /// The changes since the approval. `None` without an approval.
    review: Option<Review>,
    /// The command that shows the whole tool.
    show: String,
    /// The other servers that the verdict names, with their names on record.
    others: Vec<(&'s ServerIdentity, String)>,
}

impl<'s> Question<'s> {
    pub(crate) async fn about(tool: &'s JudgedTool, session: &Session) -> Result<Self, CliError> {
        let mut question = Self {
            tool,
            findings: ShownFindings::new(Vec::new(), None),
            review: None,
            show: session.command_on("show", tool, ""),
            others: session.names_of(tool.verdict().into_iter().flat_map(servers)),
        };
        let Some(definition) = tool.definition() else { return Ok(question) };
        let names = session.names();
        let approved = session.approved(definition).await?;
        question.review = approved.map(|approved| {
            let review = Review::of(&approved.pin.definition, definition.canonical(), &names);
            with_evidence(review, &approved, tool)
        });
        let found = inspect(definition.canonical(), &names);
        question.findings = ShownFindings::new(found, question.review.as_ref());
        Ok(question)
    }

    pub(crate) fn review(&self) -> Option<&Review> {
        self.review.as_ref()
    }

    /// Prints the verdict (who, what, may) and the claims of the definition.
    pub(crate) fn show_verdict(&self, context: &Context) {
        self.show_head(context, true);
    }

    fn show_head(&self, context: &Context, who_and_may: bool) {
        let out = &context.out;
        out.line(decision(self.tool).text("  ").bold(escaped(self.tool.name())));
        let mut fields = Vec::new();
        if let Some(problem) = self.tool.problem() {
            fields.push(("refused", Line::new().bad(problem)));
        }
        if let Some(verdict) = self.tool.verdict() {
            if who_and_may {
                fields.push(("who", Line::from(who(verdict))));
            }
            for what in &verdict.what {
                fields.push(("what", Line::from(first_line(what))));
            }
            if who_and_may {
                fields.push(("may", Line::from(verdict.may.to_string())));
            }
            for notice in &verdict.notices {
                fields.push(("note", Line::new().warn(notice)));
            }
            for (server, name) in &self.others {
                let server = Line::new().theirs(&server.to_string());
                fields.push(("server", server.text(" is ").theirs(name)));
            }
        }
        if let Some(definition) = self.tool.definition() {
            if let Some(part) = definition.signed() {
                claims(part, &mut fields);
            }
            fields.push(("digest", Line::from(definition.digest().to_string())));
        }
        out.fields(fields);
    }

    /// Prints the whole definition, with every hidden character visible.
    pub(crate) fn show_definition(&self, context: &Context) {
        let Some(definition) = self.tool.definition() else { return };
        let mut fields = Vec::new();
        match definition.description() {
            Some(text) if text.contains('\n') => context.out.said("says", &text),
            Some(text) => fields.push(("says", Line::new().theirs(&text))),
            None => {}
        }
        fields.push(("hints", Hints::of(definition).line()));
        // The server chose the names of the members, so they are never printed as labels.
        for (name, member) in definition.other_members() {
            let text = Line::new().theirs(&name).text(": ").text(escaped_json(&member));
            fields.push(("member", text));
        }
        context.out.fields(fields);
    }

    pub(crate) fn show_findings(&self, context: &Context) {
        self.findings.show(context);
    }

    /// Prints the findings in new or changed text, and the number of the others.
    pub(crate) fn show_new_findings(&self, context: &Context) {
        self.findings.show_new(&self.show, context);
    }

    /// Prints the changes since the approval, the critical first, and the unchanged members on one line;
    /// then the findings.
    pub(crate) fn show_change(&self, context: &Context) {
        if let Some(review) = &self.review {
            show_review(review, context);
        }
        self.show_new_findings(context);
    }

    /// Prints the verdict, and the changes since the approval, or the whole definition without an
    /// approval; then the findings.
    pub(crate) fn show_all(&self, context: &Context) {
        self.show_verdict(context);
        self.show_rest(context);
    }

    /// Prints the same as [`show_all`](Self::show_all), but without who and may: the heading of the
    /// group has them.
    pub(crate) fn show_among_others(&self, context: &Context) {
        self.show_head(context, false);
        self.show_rest(context);
    }

    fn show_rest(&self, context: &Context) {
        if self.review.is_none() {
            self.show_definition(context);
        }
        self.show_change(context);
    }

    /// Returns whether the tool needs a question of its own: it has a critical change or a finding of
    /// high severity, or its verdict is more than new or changed.
    pub(crate) fn stands_alone(&self) -> bool {
        let plain = |what: &What| {
            matches!(
                what,
                What::New
                    | What::Changed { .. }
                    | What::Upgraded { .. }
                    | What::ApprovalExpired { .. }
            )
        };
        let verdict = self.tool.verdict();
        let critical = self.review.as_ref().and_then(Review::worst) == Some(Class::Critical);
        critical
            || self.findings.count(Severity::High) > 0
            || verdict.is_none_or(|verdict| !verdict.what.iter().all(plain))
    }

    /// Returns the group of the tool: its provider, who and may. Tools of one group share one question.
    pub(crate) fn provider(&self) -> String {
        let who = who_and_may(self.tool);
        let part = self.tool.definition().and_then(ToolDefinition::signed);
        let provider = part.map(|part| escaped(part.provider.id()).to_string());
        [provider, who].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Returns the tool as a row of a table: its changes, the permissions that it would get, its
    /// findings.
    pub(crate) fn row(&self) -> Vec<String> {
        let what = match &self.review {
            None => "new".to_owned(),
            Some(review) => {
                let count = |class, word| match review.count(class) {
                    0 => None,
                    some => Some(format!("{some} {word}")),
                };
                let counts = [
                    count(Class::Critical, "critical"),
                    count(Class::Notable, "notable"),
                    count(Class::Wording, "wording"),
                ];
                let counts: Vec<_> = counts.into_iter().flatten().collect();
                if counts.is_empty() { "as before".to_owned() } else { counts.join(", ") }
            }
        };
        let part = self.tool.definition().and_then(ToolDefinition::signed);
        let scopes = part.into_iter().flat_map(SignedPart::required_scopes);
        let scopes: Vec<_> = scopes.map(|scope| scope.as_str()).collect();
        let odd = counts(|severity| self.findings.count(severity)).unwrap_or_default();
        let hints = self.tool.definition().map(|definition| Hints::of(definition).short());
        let or_none = |words: String| if words.is_empty() { "-".to_owned() } else { words };
        let name = escaped(self.tool.name()).to_string();
        let hints = hints.unwrap_or_default();
        vec![name, what, or_none(scopes.join(" ")), or_none(hints), or_none(odd)]
    }

    pub(crate) fn json(&self) -> Value {
        let mut answer = summary(self.tool);
        if let Some(fields) = answer.as_object_mut() {
            let definition = self.tool.definition();
            let members = definition
                .and_then(|definition| serde_json::from_str::<Value>(definition.canonical()).ok());
            fields.insert("definition".to_owned(), json!(members));
            fields.insert("findings".to_owned(), self.findings.json());
            fields.insert("review".to_owned(), json!(self.review));
        }
        answer
    }
}

fn claims(part: &SignedPart, fields: &mut Vec<(&str, Line)>) {
    fields.push(("id", Line::from(format!("{} {}", part.id, part.version))));
    let provider = Line::new().theirs(part.provider.id()).text(" (");
    fields.push(("provider", provider.theirs(part.provider.name()).text(")")));
    if let Some(servers) = &part.servers {
        fields.push(("servers", Line::new().text("only ").theirs(&servers.join(", "))));
    }
    for permission in &part.permissions {
        let need = if permission.required { "" } else { " (optional)" };
        let scope = Line::from(format!("{}{need}: ", permission.scope));
        fields.push(("permission", scope.theirs(&permission.description)));
    }
}

/// Returns the other servers that a verdict names.
fn servers(verdict: &Verdict) -> impl Iterator<Item = &ServerIdentity> {
    let what = verdict.what.iter().filter_map(|what| match what {
        What::Equivocated { first_seen } => Some(first_seen),
        What::Shadowed { by, .. } => Some(by),
        _ => None,
    });
    let notices = verdict.notices.iter().filter_map(|notice| match notice {
        Notice::SameName { server }
        | Notice::ConflictElsewhere { server }
        | Notice::LookAlike { server } => Some(server),
        _ => None,
    });
    what.chain(notices)
}

/// Adds the change of evidence to the review. Evidence that could not be checked adds no change, because
/// it does not prove a different signer.
fn with_evidence(review: Review, approved: &ApprovalRecord, tool: &JudgedTool) -> Review {
    let who = tool.verdict().map(|verdict| &verdict.who);
    let pinned = match &approved.pin.evidence {
        EvidenceRecord::Signed { pinned_key, .. } => pinned_key.as_ref(),
        _ => None,
    };
    match who.and_then(|who| EvidenceRecord::of(who, pinned)) {
        Some(evidence) => review.with_evidence(&approved.pin.evidence, &evidence),
        None => review,
    }
}

//! Judging: (definition, evidence, trust configuration, records, now) → verdict. Judging is pure
//! and synchronous. The code that does I/O gathers the inputs; the code that decides does no I/O.

mod what;
mod who;

use std::time::Duration;

use time::OffsetDateTime;

use crate::definition::ToolDefinition;
use crate::evidence::Evidence;
use crate::identity::{AuthorizationContext, ServerIdentity};
use crate::names::Scope;
use crate::records::{ApprovalRecord, Known, tool_id};
use crate::trust::TrustConfig;
use crate::verdict::{DenyReason, May, Notice, Origin, Verdict, What};

/// All inputs of a verdict. The struct is exhaustive on purpose: a new input of a verdict is a
/// compile error in each caller.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The definition, as served.
    pub definition: &'a ToolDefinition,
    /// The checked evidence of the definition.
    pub evidence: &'a Evidence,
    /// The server that serves it.
    pub server: &'a ServerIdentity,
    /// The principal for whom calls are made.
    pub context: &'a AuthorizationContext,
    /// The providers, keys and issuers that are trusted.
    pub trust: &'a TrustConfig,
    /// The store's records of [`Subject::new`](crate::Subject::new)`(server, definition)`.
    pub known: &'a Known,
    /// The scopes that calls will carry, if the client knows them. If `None`, the server judges
    /// them.
    pub scopes: Option<&'a [Scope]>,
    /// The current time.
    pub now: OffsetDateTime,
}

/// Judges one definition.
///
/// ```
/// use etdi_types::*;
/// use etdi_types::evidence::{AttestationEvidence, SignatureEvidence};
/// use etdi_types::judge::Case;
///
/// let definition = ToolDefinition::parse(br#"{"name":"scan","inputSchema":{}}"#)?;
/// let server = ServerIdentity::from(&StdioCommand::new("docs-server"));
/// let verdict = judge(Case {
///     definition: &definition,
///     evidence: &Evidence::new(SignatureEvidence::Absent, AttestationEvidence::Absent),
///     server: &server,
///     context: &AuthorizationContext::None,
///     trust: &TrustConfig::default(),
///     known: &Known::default(),
///     scopes: None,
///     now: SystemClock.now(),
/// });
/// assert_eq!(verdict.who, Who::Anonymous);
/// assert_eq!(verdict.what, [What::New]);
/// # Ok::<(), DefinitionError>(())
/// ```
#[must_use]
pub fn judge(case: Case<'_>) -> Verdict {
    let who = who::who(&case);
    let (what, mut notices) = what::what(&case, &who);
    if case.definition.has_hidden_characters() {
        notices.push(Notice::HiddenCharacters);
    }
    let approval = approval(&case).filter(|_| what.contains(&What::Approved));
    Verdict {
        origin: origin(&case),
        may: may(&case, approval),
        evidence_age: approval.map(|approval| age(approval.evidence_good_at, case.now)),
        notices,
        who,
        what,
    }
}

/// Returns the current approval of this tool id in this context, for any digest.
pub(crate) fn approval<'a>(case: &Case<'a>) -> Option<&'a ApprovalRecord> {
    case.known.approval(&tool_id(case.server, case.definition), case.context)
}

fn origin(case: &Case<'_>) -> Origin {
    let listed = case.definition.signed().and_then(|part| part.servers.as_ref());
    match (case.server, listed) {
        (ServerIdentity::Http(uri), Some(servers)) if servers.iter().any(|s| s == uri.as_str()) => {
            Origin::Listed
        }
        _ => Origin::Unproven,
    }
}

fn may(case: &Case<'_>, approval: Option<&ApprovalRecord>) -> May {
    let Some(part) = case.definition.signed() else {
        return May::NotEvaluated;
    };
    if part.require_call_proof {
        return May::Denied { why: DenyReason::Proof };
    }
    let lacking = |granted: &[Scope]| -> Vec<Scope> {
        part.required_scopes().filter(|scope| !granted.contains(scope)).cloned().collect()
    };
    let mut missing = approval.map(|approval| lacking(&approval.granted)).unwrap_or_default();
    for scope in case.scopes.map(lacking).unwrap_or_default() {
        if !missing.contains(&scope) {
            missing.push(scope);
        }
    }
    match (missing.is_empty(), case.scopes) {
        (false, _) => May::Denied { why: DenyReason::MissingScopes { scopes: missing } },
        (true, Some(_)) => May::Allowed,
        (true, None) => May::NotEvaluated,
    }
}

/// Returns the time from `since` to `now`. If the clock moved backwards, the age is infinite.
fn age(since: OffsetDateTime, now: OffsetDateTime) -> Duration {
    (now - since).try_into().unwrap_or(Duration::MAX)
}

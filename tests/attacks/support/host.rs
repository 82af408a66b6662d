//! A host at level Enhanced with a clock that tests move, and checks of the tools that it sees.

use std::sync::Arc;
use std::time::Duration;

use etdi::client::{CallError, DiscoverError, JudgedTool, ListError, Problem, ServerConnection};
use etdi::{
    Approval, ApprovalRequest, ApprovalStore, ApprovedTool, AuthorizationContext, Decision,
    EtdiClient, ListingError, ManualClock, MemoryApprovals, SecurityLevel, TrustConfig, Who,
};
use etdi_testkit::issuer::NOW;
use serde_json::{Map, Value, json};

use super::{Issuer, Publisher, network};

pub struct Host {
    pub client: EtdiClient,
    clock: Arc<ManualClock>,
    max_age: Duration,
}

/// The time at which a call reads the list again.
#[derive(Clone, Copy, Debug)]
pub enum Freshness {
    /// Before every call.
    Always,
    /// Once the last read is older than the level allows.
    WhenOld,
}

impl Host {
    pub fn new(trust: TrustConfig) -> Self {
        Self::reading(trust, Freshness::WhenOld)
    }

    pub fn reading(trust: TrustConfig, freshness: Freshness) -> Self {
        Self::sharing(trust, freshness, Arc::new(MemoryApprovals::new()))
    }

    pub fn sharing(
        trust: TrustConfig,
        freshness: Freshness,
        store: Arc<dyn ApprovalStore>,
    ) -> Self {
        Self::calling_for(AuthorizationContext::None, trust, freshness, store)
    }

    pub fn calling_for(
        context: AuthorizationContext,
        trust: TrustConfig,
        freshness: Freshness,
        store: Arc<dyn ApprovalStore>,
    ) -> Self {
        let max_age = match freshness {
            Freshness::Always => Duration::ZERO,
            Freshness::WhenOld => SecurityLevel::Enhanced.definition_max_age(),
        };
        let clock = Arc::new(ManualClock::at(NOW));
        let client = EtdiClient::builder(trust)
            .shared_approvals(store)
            .clock(clock.clone())
            .definition_max_age(max_age)
            .authorization_context(context)
            .build()
            .unwrap();
        Self { client, clock, max_age }
    }

    /// Moves the clock so far that the last list is too old for a call.
    pub fn outlive_the_list(&self) {
        self.clock.advance(self.max_age);
    }

    /// Sets the clock back to 1970.
    pub fn turn_the_clock_back(&self) {
        self.clock.set(0);
    }
}

/// Returns the only tool of this name that a server lists.
#[track_caller]
pub fn only(tools: Vec<JudgedTool>, name: &str) -> JudgedTool {
    let mut found = tools.into_iter().filter(|tool| tool.name() == name);
    let tool = found.next().unwrap_or_else(|| panic!("no tool {name:?} is listed"));
    assert!(found.next().is_none(), "{name:?} is listed twice");
    tool
}

/// Checks that a person must approve this tool first, and that no model sees it yet. Returns the
/// question.
pub async fn asked(connection: &ServerConnection, name: &str) -> ApprovalRequest {
    let tool = only(connection.discover().await.unwrap(), name);
    let decision = connection.decide(&tool).await.unwrap();
    assert_hidden(connection, name).await;
    match decision {
        Decision::Ask(request) => request,
        other => panic!("a question was due, not {other:?}"),
    }
}

/// Checks that this tool is blocked and that no model sees it, and returns it.
pub async fn blocked(connection: &ServerConnection, name: &str) -> JudgedTool {
    let tool = only(connection.discover().await.unwrap(), name);
    let decision = connection.decide(&tool).await.unwrap();
    assert_hidden(connection, name).await;
    match decision {
        Decision::Block(_) => tool,
        other => panic!("a refusal was due, not {other:?}"),
    }
}

/// Checks that this tool is let through without a question, and returns it.
pub async fn allowed(connection: &ServerConnection, name: &str) -> ApprovedTool {
    let tool = only(connection.discover().await.unwrap(), name);
    match connection.decide(&tool).await.unwrap() {
        Decision::Allow(approved) => approved,
        other => panic!("it should be let through, not {other:?}"),
    }
}

/// Approves the tool as it is served now.
pub async fn approve(connection: &ServerConnection, name: &str) -> ApprovedTool {
    let request = asked(connection, name).await;
    connection.approve(request, Approval::by("alice")).await.unwrap()
}

async fn assert_hidden(connection: &ServerConnection, name: &str) {
    let visible = connection.visible_tools().await.unwrap();
    assert!(visible.iter().all(|tool| tool.name != name), "a model sees {name:?}");
}

/// Calls a tool with a secret document. A test checks at the server whether the call arrived.
pub async fn call(connection: &ServerConnection, tool: &ApprovedTool) -> Result<(), CallError> {
    connection.call(tool, arguments()).await.map(drop)
}

pub fn arguments() -> Map<String, Value> {
    let Value::Object(arguments) = json!({"document": "secret"}) else { unreachable!() };
    arguments
}

/// Returns the tool for which a call was refused.
#[track_caller]
pub fn refusal(result: Result<(), CallError>) -> JudgedTool {
    match result {
        Err(CallError::Blocked(refusal)) => refusal.tool().clone(),
        other => panic!("the call should be blocked, not {other:?}"),
    }
}

/// Returns the tool that a person must approve before this call. The question stays unanswered.
#[track_caller]
pub fn question(result: Result<(), CallError>) -> JudgedTool {
    match result {
        Err(CallError::ApprovalRequired(request)) => request.tool().clone(),
        other => panic!("the call should need an approval, not {other:?}"),
    }
}

/// Returns how a tool relates to earlier records, in the words of the documentation.
#[track_caller]
pub fn what(tool: &JudgedTool) -> Vec<&'static str> {
    let verdict = tool.verdict().unwrap_or_else(|| panic!("no verdict: {tool}"));
    verdict.what.iter().map(|what| what.name()).collect()
}

#[track_caller]
pub fn who(tool: &JudgedTool) -> &Who {
    &tool.verdict().unwrap_or_else(|| panic!("no verdict: {tool}")).who
}

#[track_caller]
pub fn problem(tool: &JudgedTool) -> &Problem {
    tool.problem().unwrap_or_else(|| panic!("a verdict: {tool}"))
}

/// Returns why a whole listing was refused when it was read for a call.
#[track_caller]
pub fn listing_refused_at_call(result: Result<(), CallError>) -> ListingError {
    match result {
        Err(CallError::Discover(error)) => listing_refused(Err(error)),
        other => panic!("the listing should be refused, not {other:?}"),
    }
}

/// Returns why a whole listing was refused.
#[track_caller]
pub fn listing_refused(result: Result<Vec<JudgedTool>, DiscoverError>) -> ListingError {
    match result {
        Err(DiscoverError::Listing(ListError::Refused(error))) => error,
        other => panic!("the listing should be refused, not {other:?}"),
    }
}

/// Returns a host that trusts the publisher's key, and the issuer to vouch for it, with the issuer's
/// clock.
pub fn host_of(issuer: &Issuer, publisher: &Publisher) -> EtdiClient {
    host_with(issuer, issuer.trust(publisher))
}

/// Returns a host with this trust configuration and the issuer's clock.
pub fn host_with(issuer: &Issuer, trust: TrustConfig) -> EtdiClient {
    let builder = EtdiClient::builder(trust).clock(issuer.clock.clone());
    builder.network(network()).build().unwrap()
}

//! Calls and tokens that are refused, each with the next step for the person.

use std::sync::Arc;

use etdi::client::ServerConnection;
use etdi::events::EventType;
use etdi::{Auth0Provider, Clock, Expectations, ManualClock, TokenRequest};

use super::cast::Cast;
use crate::claims::{Report, Transport};
use crate::scenarios::idp::{HS256_API, OTHER_SCOPE};
use crate::scenarios::stage::{approve, call_again};
use crate::servers::CALL_SCOPE;

/// Calls with a valid token that does not hold the scope that the tool requires.
pub(super) async fn calls(
    report: &mut Report,
    transport: Transport,
    cast: &Cast,
) -> anyhow::Result<()> {
    report.chapter("3. Refusals, and the reasons that the messages give.")?;
    let calls = cast.server.state.calls();
    // The connection stays open until the server's events are written.
    let _connection = match transport {
        Transport::Http => over_http(report, cast, calls).await?,
        Transport::Stdio => over_stdio(report, cast, calls).await?,
    };
    cast.server_has_reported(EventType::AuthFailure).await
}

async fn over_http(
    report: &mut Report,
    cast: &Cast,
    calls: usize,
) -> anyhow::Result<ServerConnection> {
    let token = cast.sparing.token(&TokenRequest::new().scope(OTHER_SCOPE)).await?;
    report.claim(
        "missing-scope-challenge",
        "a token without the scope is answered with 403, and the challenge names the scope",
        format!("403, error=\"insufficient_scope\", scope=\"{CALL_SCOPE}\"; calls {calls}"),
        format!("{}; calls {}", cast.server.post_call(&token).await?, cast.server.state.calls()),
    )?;
    let host = cast.host_with(&token)?;
    let server = cast.server.connect(&host).await?;
    let approved = approve(&server).await?;
    let outcome = call_again(&server, &approved).await;
    report.claim(
        "missing-scope",
        "a host with that token learns which scope it needs",
        format!("failed: cannot call the tool: the server wants the scopes \"{CALL_SCOPE}\"; calls {calls}"),
        format!("{outcome}; calls {}", cast.server.state.calls()),
    )?;
    Ok(server)
}

async fn over_stdio(
    report: &mut Report,
    cast: &Cast,
    calls: usize,
) -> anyhow::Result<ServerConnection> {
    let host = cast.host_with_other_scope()?;
    let server = cast.server.connect(&host).await?;
    let approved = approve(&server).await?;
    let outcome = call_again(&server, &approved).await;
    report.claim_contains(
        "missing-scope",
        "a server that was started with a token without the scope denies the call and names the scope",
        &[&format!("the server wants the scopes \"{CALL_SCOPE}\""), &format!("calls {calls}")],
        &format!("{outcome}; calls {}", cast.server.state.calls()),
    )?;
    Ok(server)
}

/// Tries tokens that the issuer does not give, and tokens that a server refuses.
pub(super) async fn tokens(report: &mut Report, cast: &Cast) -> anyhow::Result<()> {
    let identity = &cast.identity;
    let request = TokenRequest::new().scope(CALL_SCOPE);
    let stranger = Auth0Provider::initialize(identity.with_wrong_secret()).await?;
    report.claim_contains(
        "wrong-secret",
        "a wrong secret",
        &["401 invalid_client", "the secret is wrong"],
        &failure(stranger.token(&request).await),
    )?;
    let almost = format!("{}/", identity.audience);
    report.claim_contains(
        "wrong-audience",
        "an audience with a slash too many",
        &["no API", "the audience must equal the API identifier exactly"],
        &failure(cast.auth0.token(request.clone().audience(almost)).await),
    )?;
    let token = cast.auth0.token(&request).await?;
    let elsewhere = Expectations::audience("https://another-api.example");
    report.claim_contains(
        "token-for-another-api",
        "a token for another API than the server's",
        &[identity.audience.as_str(), "the audience must equal the API identifier exactly"],
        &failure(cast.auth0.validate(&token, elsewhere).await),
    )?;
    if identity.embedded.is_some() {
        let token = cast.auth0.token(request.clone().audience(HS256_API)).await?;
        report.claim_contains(
            "wrong-algorithm",
            "a token of an API that signs with a shared secret",
            &["\"HS256\" is not allowed", "set the signing algorithm to RS256"],
            &failure(cast.auth0.validate(&token, Expectations::audience(HS256_API)).await),
        )?;
    }
    let afterwards = token.expires_at() + time::Duration::minutes(2);
    let clock = Arc::new(ManualClock::at(afterwards.unix_timestamp()));
    let late = Auth0Provider::initialize(identity.registry().clock(clock)).await?;
    report.claim_contains(
        "expired",
        "a token that has expired",
        &["the token expired at", "get a new token"],
        &failure(late.validate(&token, Expectations::audience(&identity.audience)).await),
    )?;
    Ok(())
}

/// Calls with a token that expires while the connection is open.
pub(super) async fn expired_call(
    report: &mut Report,
    transport: Transport,
    cast: &Cast,
    server: &ServerConnection,
) -> anyhow::Result<()> {
    let state = &cast.server.state;
    let (approved, calls) = (approve(server).await?, state.calls());
    let token = cast.auth0.token(TokenRequest::new().scope(CALL_SCOPE)).await?;
    let life = token.expires_at() - cast.clock.now();
    state.set_clock_offset(life.whole_seconds() + 120)?;
    let (refused, words, outcome) = match transport {
        Transport::Http => ("401", "error=\"invalid_token\"", cast.server.post_call(&token).await?),
        Transport::Stdio => {
            ("wants another token", "token has expired", call_again(server, &approved).await)
        }
    };
    state.set_clock_offset(0)?;
    report.claim_contains(
        "expired-at-the-server",
        "a call with an expired token, by the server's clock",
        &[refused, words, &format!("calls {calls}")],
        &format!("{outcome}; calls {}", state.calls()),
    )?;
    Ok(())
}

fn failure<T>(result: Result<T, etdi::OAuthError>) -> String {
    match result {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

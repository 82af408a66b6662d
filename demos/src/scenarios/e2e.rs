//! End to end: an identity provider vouches for a tool and for its callers.

mod cast;
mod keys;
mod refusals;
mod tokens;
mod updates;

use etdi::Who;
use etdi::client::ServerConnection;

use super::stage::{FINDINGS, approve, judged, unattended};
use crate::claims::{Report, Transport};
use crate::process::Launcher;
use crate::tenant::Tenant;

use cast::Cast;

/// The scenario's name on the command line.
pub const NAME: &str = "e2e";

/// Runs the scenario with a real tenant, or with an embedded issuer.
///
/// # Errors
/// If the demo cannot run: a server does not start, or a connection breaks.
pub async fn run(
    transport: Transport,
    launcher: &Launcher,
    tenant: Option<&Tenant>,
    quiet: bool,
) -> anyhow::Result<Report> {
    let mut report = Report::new(NAME, transport, quiet);
    let cast = Cast::assemble(transport, launcher, tenant).await?;
    report.issuer = Some(cast.identity.issuer.clone());
    report.note(&match tenant {
        Some(_) => format!("The identity provider is your Auth0 tenant, {}", cast.identity.issuer),
        None => format!(
            "The identity provider is the embedded issuer, {} (set AUTH0_DOMAIN and the others for \
             your own)",
            cast.identity.issuer
        ),
    })?;
    let mut events = cast.events.subscribe(1_000);
    tokens::acquired_cached_renewed(&mut report, &cast).await?;
    let host = cast.host(cast.auth0.clone())?;
    let server = cast.server.connect(&host).await?;
    published_approved_called(&mut report, &cast, &server).await?;
    refusals::calls(&mut report, transport, &cast).await?;
    updates::events(&mut report, &cast, &mut events).await?;
    refusals::tokens(&mut report, &cast).await?;
    refusals::expired_call(&mut report, transport, &cast, &server).await?;
    updates::new_version(&mut report, &cast, &server).await?;
    updates::second_provider(&mut report, &cast).await?;
    keys::rotated_and_withdrawn(&mut report, transport, &cast, &server).await?;
    Ok(report)
}

async fn published_approved_called(
    report: &mut Report,
    cast: &Cast,
    server: &ServerConnection,
) -> anyhow::Result<()> {
    report
        .chapter("2. A tool is signed and attested by its server, judged and called by a host.")?;
    let state = &cast.server.state;
    let who = cast.identity.who();
    report.claim(
        "registered-and-judged",
        "the tool is listed and judged; without an answer it is not called",
        format!("ApprovalRequired: {who}, New; calls 0"),
        format!("{}; calls {}", unattended(server).await?, state.calls()),
    )?;
    if let Some(vouches) = cast.identity.vouches() {
        let tool = judged(server).await?;
        let observed = match tool.verdict().map(|verdict| &verdict.who) {
            Some(Who::Attested { issuer, client, binding }) => {
                format!("{issuer} for {client}, binding {binding:?}")
            }
            _ => "no issuer".to_owned(),
        };
        report.claim(
            "attested-by",
            "the issuer vouches for the tool, through the one client that may speak for the publisher",
            vouches,
            observed,
        )?;
    }
    approve(server).await?;
    report.claim(
        "approved-and-called",
        "approved once, it is called with a token and finds the data in the document",
        format!("called, found {FINDINGS}; calls 1"),
        format!("{}; calls {}", unattended(server).await?, state.calls()),
    )?;
    Ok(())
}

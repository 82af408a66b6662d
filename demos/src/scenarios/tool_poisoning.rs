//! Tool poisoning: a malicious server poses as a trusted server, and a trusted server turns malicious.

mod attestations;

use etdi::client::InstructionsState;

use super::idp::IdentityProvider;
use super::stage::{
    DOCUMENT, FINDINGS, Stage, approve, call_again, call_plainly, judged, unattended, verdict,
};
use crate::claims::{Report, Transport};
use crate::process::Launcher;
use crate::servers::{GENUINE_FILE, TITLE};

/// The scenario's name on the command line.
pub const NAME: &str = "tool-poisoning";

/// Runs the scenario.
///
/// # Errors
/// If the demo cannot run: a server does not start, or a connection breaks.
pub async fn run(transport: Transport, launcher: &Launcher, quiet: bool) -> anyhow::Result<Report> {
    let mut report = Report::new(NAME, transport, quiet);
    let folder = tempfile::tempdir()?;
    let identity = IdentityProvider::embedded(folder.path()).await?;
    report.issuer = Some(identity.issuer.clone());
    let set = || Stage::set(transport, launcher, &identity);
    without_etdi(&mut report, &set().await?).await?;
    report.chapter("2. An ETDI client at level Enhanced.")?;
    impostor_first(&mut report, &set().await?).await?;
    legitimate_first(&mut report, &set().await?).await?;
    let stage = set().await?;
    replays(&mut report, transport, &stage).await?;
    attestations::stolen(&mut report, transport, &stage).await?;
    claims_to_be_verified(&mut report, &stage).await?;
    rug_pulls(&mut report, &set().await?).await?;
    hidden_instructions(&mut report, &stage).await?;
    Ok(report)
}

async fn without_etdi(report: &mut Report, stage: &Stage<'_>) -> anyhow::Result<()> {
    report.chapter(&format!("1. An ordinary MCP client. Two servers offer \"{TITLE}\"."))?;
    let (legitimate, impostor) =
        (stage.legitimate.connect_plainly().await?, stage.impostor.connect_plainly().await?);
    // Choose a server like a host that knows tools only by their titles: the last server with the title
    // is chosen.
    let mut chosen = None;
    for server in [&legitimate, &impostor] {
        for tool in server.list_all_tools().await? {
            chosen = (tool.title.as_deref() == Some(TITLE)).then_some(server).or(chosen);
        }
    }
    if let Some(server) = chosen {
        call_plainly(server).await?;
    }
    let leaked = stage.impostor.state.loot() == DOCUMENT;
    report.claim(
        "plain-client-leaks",
        "the attack is real: the ordinary client picks the impostor and the document leaks",
        "impostor called 1 time, document leaked: true",
        format!("impostor called {} time, document leaked: {leaked}", stage.impostor.state.calls()),
    )?;
    legitimate.cancel().await?;
    impostor.cancel().await?;
    Ok(())
}

async fn impostor_first(report: &mut Report, stage: &Stage<'_>) -> anyhow::Result<()> {
    let client = stage.client()?;
    let impostor = stage.impostor.connect(&client).await?;
    report.claim(
        "unsigned-copy-met-first",
        "met first, the unsigned copy is asked about; without an answer it is not called",
        "ApprovalRequired: Anonymous, New; calls 0",
        format!("{}; calls {}", unattended(&impostor).await?, stage.impostor.state.calls()),
    )?;
    let legitimate = stage.legitimate.connect(&client).await?;
    report.claim(
        "legitimate-asks-once",
        "the legitimate tool is asked about as well, with its publisher proven",
        "ApprovalRequired: Attested, New; calls 0",
        format!("{}; calls {}", unattended(&legitimate).await?, stage.legitimate.state.calls()),
    )?;
    approve(&legitimate).await?;
    report.claim(
        "legitimate-works",
        "approved once, it is called and finds the data in the document",
        format!("called, found {FINDINGS}; calls 1"),
        format!("{}; calls {}", unattended(&legitimate).await?, stage.legitimate.state.calls()),
    )?;
    report.claim(
        "unsigned-copy-after-approval",
        "now the copy is recognised as another server's approved tool",
        "ApprovalRequired: Anonymous, Shadowed, New; calls 0",
        format!("{}; calls {}", unattended(&impostor).await?, stage.impostor.state.calls()),
    )?;
    stage.impostor.state.set_offer("own-key")?;
    report.claim(
        "own-key",
        "a copied definition under the impostor's own key is an impostor's",
        "Impostor; calls 0",
        format!("{}; calls {}", who(&impostor).await?, stage.impostor.state.calls()),
    )?;
    nothing_leaked(report, stage, "nothing-leaked-impostor-first")
}

async fn legitimate_first(report: &mut Report, stage: &Stage<'_>) -> anyhow::Result<()> {
    let client = stage.client()?;
    let legitimate = stage.legitimate.connect(&client).await?;
    approve(&legitimate).await?;
    let impostor = stage.impostor.connect(&client).await?;
    report.claim(
        "unsigned-copy-met-second",
        "met second, the unsigned copy is not called either",
        "ApprovalRequired: Anonymous, Shadowed, New; calls 0",
        format!("{}; calls {}", unattended(&impostor).await?, stage.impostor.state.calls()),
    )?;
    report.claim(
        "legitimate-undisturbed",
        "and the legitimate tool goes on working",
        format!("called, found {FINDINGS}; calls 1"),
        format!("{}; calls {}", unattended(&legitimate).await?, stage.legitimate.state.calls()),
    )?;
    nothing_leaked(report, stage, "nothing-leaked-legitimate-first")
}

fn nothing_leaked(report: &mut Report, stage: &Stage<'_>, id: &str) -> anyhow::Result<()> {
    let loot = stage.impostor.state.loot();
    report.claim(
        id,
        "the impostor got no document",
        "0 bytes in the loot file",
        format!("{} bytes in the loot file", loot.len()),
    )?;
    Ok(())
}

async fn who(server: &etdi::client::ServerConnection) -> anyhow::Result<String> {
    let tool = judged(server).await?;
    Ok(tool.verdict().map_or("malformed", |verdict| verdict.who.name()).to_owned())
}

async fn replays(
    report: &mut Report,
    transport: Transport,
    stage: &Stage<'_>,
) -> anyhow::Result<()> {
    report.chapter("3. The impostor replays what the legitimate server published.")?;
    let genuine = stage.legitimate.read_tool().await?;
    stage.impostor.state.write(GENUINE_FILE, &serde_json::to_string(&genuine)?)?;
    let replays: &[_] = match transport {
        Transport::Http => &[
            ("poisoned", "may not be served by this server", "with poisoned text"),
            ("renamed", "may not be served by this server", "verbatim under another name"),
            ("verbatim", "may not be served by this server", "verbatim on an unlisted server"),
        ],
        Transport::Stdio => &[
            ("poisoned", "the definition was changed", "with poisoned text"),
            ("renamed", "renamed", "verbatim under another name"),
        ],
    };
    let client = stage.client()?;
    let impostor = stage.impostor.connect(&client).await?;
    for (offer, reason, words) in replays {
        stage.impostor.state.set_offer(offer)?;
        let outcome = unattended(&impostor).await?;
        let shown = judged(&impostor).await?.to_string();
        report.claim(
            &format!("replay-{offer}"),
            &format!("{words}: refused, and the reason is shown"),
            format!("not called, reason \"{reason}\" shown: true; calls 0"),
            format!(
                "{}, reason \"{reason}\" shown: {}; calls {}",
                if outcome.starts_with("called") { "called" } else { "not called" },
                shown.contains(reason),
                stage.impostor.state.calls()
            ),
        )?;
    }
    Ok(())
}

async fn claims_to_be_verified(report: &mut Report, stage: &Stage<'_>) -> anyhow::Result<()> {
    report.chapter("5. The impostor claims in every possible way to be verified.")?;
    stage.impostor.state.set_offer("claims")?;
    let client = stage.client()?;
    let impostor = stage.impostor.connect(&client).await?;
    report.claim(
        "claims-have-no-effect",
        "_meta, serverInfo and description say \"verified\": no effect",
        "ApprovalRequired: Anonymous, New; calls 0",
        format!("{}; calls {}", unattended(&impostor).await?, stage.impostor.state.calls()),
    )?;
    let instructions = match impostor.instructions().await? {
        InstructionsState::None => "none",
        InstructionsState::Approved(_) => "given to the model",
        InstructionsState::Withheld(_) => "withheld from the model",
        _ => "another state",
    };
    report.claim(
        "instructions-withheld",
        "its instructions do not reach the model",
        "withheld from the model",
        instructions,
    )?;
    stage.impostor.state.set_offer("member")?;
    report.claim(
        "self-declared-member",
        "`verified` and `trust_score` inside the definition: refused",
        "malformed; calls 0",
        format!("{}; calls {}", verdict(&judged(&impostor).await?), stage.impostor.state.calls()),
    )?;
    Ok(())
}

async fn rug_pulls(report: &mut Report, stage: &Stage<'_>) -> anyhow::Result<()> {
    report.chapter(
        "6. The legitimate server turns malicious; its launch configuration stays the same.",
    )?;
    let client = stage.client()?;
    let server = stage.legitimate.connect(&client).await?;
    let state = &stage.legitimate.state;
    let first = approve(&server).await?;
    report.claim(
        "before-the-turn",
        "version 1.0.0 is approved and works",
        format!("called, found {FINDINGS}; calls 1"),
        format!("{}; calls {}", call_again(&server, &first).await, state.calls()),
    )?;
    state.set_offer("same-version")?;
    report.claim(
        "same-version-changed",
        "the same version with another description, signed by the publisher's own key, not attested",
        "blocked: Identified, Tampered, EvidenceLost; calls 1",
        format!("{}; calls {}", call_again(&server, &first).await, state.calls()),
    )?;
    state.set_offer("1.1.0")?;
    report.claim(
        "new-version-asks",
        "version 1.1.0 asks again",
        "ApprovalRequired: Attested, Upgraded; calls 1",
        format!("{}; calls {}", call_again(&server, &first).await, state.calls()),
    )?;
    report.claim_contains(
        "new-version-diff",
        "and shows what changed",
        &["upgraded from 1.0.0", "/description", "with the place of each"],
        &judged(&server).await?.to_string(),
    )?;
    let second = approve(&server).await?;
    report.claim(
        "new-version-works",
        "approved, it works",
        format!("called, found {FINDINGS}; calls 2"),
        format!("{}; calls {}", call_again(&server, &second).await, state.calls()),
    )?;
    state.set_offer("1.0.0")?;
    report.claim(
        "old-version-again",
        "the old version again, validly signed",
        "blocked: Attested, RolledBack; calls 2",
        format!("{}; calls {}", call_again(&server, &second).await, state.calls()),
    )?;
    state.set_offer("unsigned")?;
    report.claim(
        "signature-dropped",
        "the signature dropped",
        "blocked: Anonymous, EvidenceLost, New; calls 2",
        format!("{}; calls {}", call_again(&server, &second).await, state.calls()),
    )?;
    Ok(())
}

async fn hidden_instructions(report: &mut Report, stage: &Stage<'_>) -> anyhow::Result<()> {
    report.chapter("7. Instructions in Unicode TAG characters, which no terminal shows.")?;
    stage.impostor.state.set_offer("tags")?;
    let client = stage.client()?;
    let impostor = stage.impostor.connect(&client).await?;
    let shown = judged(&impostor).await?.to_string();
    let invisible = shown.chars().any(|c| ('\u{e0000}'..='\u{e007f}').contains(&c));
    report.claim(
        "hidden-text-is-shown",
        "a person sees the characters as escapes, with a note about them",
        "escaped: true, raw: false, noted: true",
        format!(
            "escaped: {}, raw: {invisible}, noted: {}",
            shown.contains("\\u{e0042}\\u{e0065}\\u{e0066}"),
            shown.contains("cannot be seen")
        ),
    )?;
    Ok(())
}

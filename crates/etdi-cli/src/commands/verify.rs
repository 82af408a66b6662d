//! `etdi verify`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use etdi::client::EvidenceGatherer;
use etdi::judge::Case;
use etdi::{
    AuthorizationContext, Digest, Known, ResourceUri, ServerIdentity, StdioCommand, ToolDefinition,
    TrustConfig, Verdict, Who, judge,
};
use serde::Serialize;
use serde_json::json;

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files;
use crate::files::tool_file;
use crate::files::trust_file;
use crate::servers::network::NetworkOptions;
use crate::terminal::line::Line;
use crate::terminal::shell::quoted;

/// Show who signed the definitions of a file, and the claims of each definition.
///
/// Only the trust configuration decides. Approvals do not count, because they belong to servers.
/// Exit code 0 only if every definition is by a provider of the trust configuration; 1 if one is
/// not; 2 if one could not be checked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi verify signed.json
  etdi verify signed.json --server https://docs.example/mcp   as served there
  curl … tools/list … | etdi verify - --json")]
pub(crate) struct VerifyArgs {
    /// The file of tools; `-` for standard input.
    file: PathBuf,
    /// Judge the definitions as served by this server: a resource URI, or `stdio`. Without this flag: by
    /// the first server that a definition lists, or by `stdio` without a list.
    #[arg(long, value_name = "URI")]
    server: Option<String>,
    #[command(flatten)]
    network: NetworkOptions,
}

/// The result for one tool of the file.
#[derive(Serialize)]
struct VerifiedTool {
    name: String,
    trusted: bool,
    checked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    judged: Option<JudgedDefinition>,
}

#[derive(Serialize)]
struct JudgedDefinition {
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    claims: Option<serde_json::Value>,
    in_words: String,
    verdict: Verdict,
    #[serde(skip)]
    definition: ToolDefinition,
}

impl VerifyArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let trust = trust_file::read(context)?;
        let text = files::read(&self.file)?;
        let texts = tool_file::texts(&text).map_err(|error| error.at(self.file.display()))?;
        let server = self.server.as_deref().map(server).transpose()?;
        let network = self.network.network()?;
        let gatherer = EvidenceGatherer::new(network, Arc::clone(&context.clock));
        let gatherer =
            gatherer.map_err(|error| CliError::new(error).cannot("verify the definitions"))?;
        let known = Known::default();
        let progress = context.out.progress("fetching keys");
        let mut findings = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            findings.push(match ToolDefinition::parse(text.as_bytes()) {
                Ok(definition) => {
                    let evidence = gatherer.gather(&definition, &trust, &known).await;
                    let server = server.clone().unwrap_or_else(|| natural_server(&definition));
                    let verdict = judge(Case {
                        definition: &definition,
                        evidence: &evidence,
                        server: &server,
                        context: &AuthorizationContext::None,
                        trust: &trust,
                        known: &known,
                        scopes: None,
                        now: context.clock.now(),
                    });
                    finding(definition, verdict)
                }
                Err(error) => VerifiedTool {
                    name: tool_file::label(text, place),
                    trusted: false,
                    checked: true,
                    error: Some(error.to_string()),
                    judged: None,
                },
            });
        }
        drop(progress);
        let exit = findings.iter().fold(Exit::Ok, |exit, finding| exit.and(finding.exit()));
        let trusted = findings.iter().filter(|finding| finding.trusted).count();
        context.out.json(&json!({
            "tools": findings, "trusted": trusted, "total": findings.len(), "exit": exit.code(),
        }));
        for finding in &findings {
            finding.show(&trust, context);
        }
        if findings.is_empty() {
            return Err(CliError::new("cannot verify the definitions: the file has no tools")
                .at(self.file.display()));
        }
        context.out.line(format!("{trusted} of {} are by a trusted provider.", findings.len()));
        Ok(exit)
    }
}

fn finding(definition: ToolDefinition, verdict: Verdict) -> VerifiedTool {
    let claims = definition.signed().map(|part| {
        json!({
            "id": part.id, "version": part.version, "provider": part.provider,
            "servers": part.servers, "permissions": part.permissions,
            "require_call_proof": part.require_call_proof,
        })
    });
    VerifiedTool {
        name: definition.served_name().to_owned(),
        trusted: matches!(verdict.who, Who::Attested { .. } | Who::Signed { .. }),
        checked: !matches!(
            &verdict.who,
            Who::Unknown { why } if !matches!(why, etdi::verdict::UnknownReason::UntrustedKey { .. })
        ),
        error: None,
        judged: Some(JudgedDefinition {
            digest: definition.digest(),
            claims,
            in_words: verdict.who.to_string(),
            verdict,
            definition,
        }),
    }
}

impl VerifiedTool {
    fn exit(&self) -> Exit {
        match (self.trusted, self.checked) {
            (true, _) => Exit::Ok,
            (false, true) => Exit::No,
            (false, false) => Exit::CannotCheck,
        }
    }

    fn show(&self, trust: &TrustConfig, context: &Context) {
        let out = &context.out;
        let mark = match self.exit() {
            Exit::Ok => Line::new().good("trusted    "),
            Exit::No => Line::new().bad("NOT trusted"),
            _ => Line::new().warn("unchecked  "),
        };
        let Some(judged) = &self.judged else {
            out.line(mark.text("  ").text(&self.name));
            let why = self.error.as_deref().unwrap_or_default();
            out.fields([("refused", Line::new().bad("malformed: ").text(why))]);
            return out.blank();
        };
        out.line(mark.text("  ").bold(etdi::text::escaped(&self.name)));
        let mut fields = vec![("who", Line::from(judged.in_words.as_str()))];
        if let Some(part) = judged.definition.signed() {
            fields.push(("id", Line::from(format!("{} {}", part.id, part.version))));
            let provider = Line::new().theirs(part.provider.id());
            let named = provider.text(" (").theirs(part.provider.name()).text(")");
            fields.push(("provider", named));
            fields.push(("servers", servers(part.servers.as_deref())));
            for permission in &part.permissions {
                let need = if permission.required { "" } else { " (optional)" };
                fields.push((
                    "permission",
                    Line::from(format!("{}{need}: ", permission.scope))
                        .theirs(&permission.description),
                ));
            }
            if part.require_call_proof {
                fields.push(("calls", Line::from("need a call proof")));
            }
        }
        fields.push(("digest", Line::from(judged.digest.to_string())));
        for notice in &judged.verdict.notices {
            fields.push(("note", Line::new().warn(notice)));
        }
        out.fields(fields);
        if let Some(next) = next(judged, trust) {
            out.next(next);
        }
        out.blank();
    }
}

fn servers(listed: Option<&[String]>) -> Line {
    match listed {
        None => Line::new().warn("any; a copy on another server cannot be detected"),
        Some([]) => Line::new().warn("none"),
        Some(listed) => Line::new().text("only ").theirs(&listed.join(", ")),
    }
}

/// Returns the next command for a definition that is not trusted yet. `None` for an impostor.
fn next(judged: &JudgedDefinition, trust: &TrustConfig) -> Option<String> {
    let provider = judged.definition.signed()?.provider.id();
    match &judged.verdict.who {
        Who::Unknown { .. } if trust.provider(provider).is_none() => {
            // The file chose the id, so it is quoted for the shell.
            let provider = quoted(provider)?;
            Some(format!("etdi trust add {provider} --jwks-uri URL"))
        }
        Who::Unknown { .. } => Some("etdi doctor".to_owned()),
        _ => None,
    }
}

fn server(text: &str) -> Result<ServerIdentity, CliError> {
    if text == "stdio" {
        return Ok(ServerIdentity::from(&StdioCommand::new("")));
    }
    let uri = ResourceUri::parse(text)
        .map_err(|error| CliError::new(error).cannot("use the server").at("--server"))?;
    Ok(ServerIdentity::Http(uri))
}

/// Returns the server that a definition is judged on: the first that it lists. Without a list, a server
/// on stdio: the verdict is then the same for every server.
fn natural_server(definition: &ToolDefinition) -> ServerIdentity {
    let listed = definition.signed().and_then(|part| part.servers.as_ref());
    let uris = listed.into_iter().flatten().filter_map(|text| ResourceUri::parse(text).ok());
    uris.map(ServerIdentity::Http)
        .next()
        .unwrap_or_else(|| ServerIdentity::from(&StdioCommand::new("")))
}

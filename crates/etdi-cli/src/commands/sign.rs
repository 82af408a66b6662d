//! `etdi sign`.

mod spec;

use std::path::PathBuf;

use clap::Args;
use etdi::{DefinitionSpec, SignedTool, SigningKey, ToolDefinition};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::exit::{CliError, Ending, Exit};
use crate::files::keyring::{self, DEFAULT_NAME};
use crate::files::tool_file;
use crate::files::{self, Access, place};
use crate::terminal::line::Line;
use crate::terminal::output::shown_json;

use spec::{SpecFile, SpecFlags};

/// Sign the definitions of a file.
///
/// FILE has a tool as JSON, or an answer to `tools/list`; `-` is standard input. The version and the
/// permissions of each tool come from `--spec` or from flags. The output is a file of signed
/// definitions, as `SecureServer::presigned` reads it. The file is written only if every tool was
/// signed.
#[derive(Debug, Args)]
#[command(after_help = "\
The specification (TOML):
  servers = [\"stdio\"]              # who may serve it; left out: any server
  [provider]
  id = \"https://trustedsoft.example\"
  name = \"TrustedSoft\"
  [[tool]]
  name = \"scan\"                    # as the server calls it
  version = \"1.2.0\"
  id = \"trustedsoft.example/scan\"  # left out: the provider's host, a slash, the name
  permissions = [{ scope = \"documents:read\", description = \"reads the document\" }]

Examples:
  etdi sign tools.json --spec spec.toml --output signed.json
  etdi sign tool.json --provider https://trustedsoft.example --tool-version 1.2.0 \\
      --permission 'documents:read=reads the document'")]
pub(crate) struct SignArgs {
    /// The file of tools; `-` for standard input.
    file: PathBuf,
    /// The signing key: a name of `etdi keys list`, or a PEM file.
    #[arg(long, default_value = DEFAULT_NAME, value_name = "KEY")]
    key: String,
    /// The folder of keys.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// The specification of the tools: a TOML file. Without this flag: flags specify one tool.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["provider", "tool_version"])]
    spec: Option<PathBuf>,
    #[command(flatten)]
    flags: SpecFlags,
    /// Write the signed definitions to this file, also if it exists. Without this flag: to standard
    /// output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl SignArgs {
    pub(crate) fn run(self, context: &Context) -> Ending {
        let at_file = |error: CliError| error.at(self.file.display());
        let text = files::read(&self.file)?;
        let texts = tool_file::texts(&text).map_err(at_file)?;
        let sheet = match &self.spec {
            Some(path) => SpecFile::read(path)?,
            None => self.flags.sheet(&texts)?,
        };
        let mut specs = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            let (name, tool) = tool(text, place).map_err(at_file)?;
            specs.push((sheet.definition(&name)?, tool, name));
        }
        sheet.refuse_absent(specs.iter().map(|(_, _, name)| name.as_str()))?;
        refuse_twice(&specs)?;
        // Read the key last, so that a passphrase is asked for only if the tools can be signed.
        let key = keyring::signing_key(&self.key, self.keys.clone(), context)?;
        let mut signed = Vec::new();
        for (spec, tool, name) in &specs {
            warn_of_schema(tool, name, context);
            signed.push(sign(spec, tool, name, &key)?);
        }
        let tools: Vec<_> = signed.iter().map(SignedTool::tool).collect();
        let file = serde_json::to_string_pretty(&json!({ "tools": tools }))
            .map_err(|error| CliError::new(error).cannot("write the signed definitions"))?;
        // A report after the definitions would spoil them, if both go to standard output.
        let output = self.output.as_ref().filter(|output| !place::is_standard_output(output));
        let Some(output) = output else {
            context.out.data(&file);
            return Ok(Exit::Ok);
        };
        let file = shown_json(&file) + "\n";
        files::write(output, file.as_bytes(), Access::Everybody)?;
        report(&specs, &signed, &key, output, context);
        Ok(Exit::Ok)
    }
}

type Job = (DefinitionSpec, Map<String, Value>, String);

/// Reads one tool. Refuses every tool that a client would refuse.
fn tool(text: &str, place: usize) -> Result<(String, Map<String, Value>), CliError> {
    let label = tool_file::label(text, place);
    let refuse = |why: &dyn std::fmt::Display| CliError::new(format!("cannot sign {label}: {why}"));
    let definition = ToolDefinition::parse(text.as_bytes()).map_err(|error| refuse(&error))?;
    let tool = serde_json::from_str(text).map_err(|error| refuse(&error))?;
    Ok((definition.served_name().to_owned(), tool))
}

fn refuse_twice(specs: &[Job]) -> Result<(), CliError> {
    for (place, (spec, _, name)) in specs.iter().enumerate() {
        let before = specs.iter().take(place);
        if let Some((_, _, other)) =
            before.into_iter().find(|(other, _, n)| other.id == spec.id || n == name)
        {
            return Err(CliError::new(format!(
                "cannot sign the tools: two share a name or an id: \"{}\" and \"{}\"",
                etdi::text::escaped(other),
                etdi::text::escaped(name)
            )));
        }
    }
    Ok(())
}

/// Signs a tool, and reads the result as a client does.
fn sign(
    spec: &DefinitionSpec,
    tool: &Map<String, Value>,
    name: &str,
    key: &SigningKey,
) -> Result<SignedTool, CliError> {
    let name = etdi::text::escaped(name);
    let signed = spec
        .sign(tool, key)
        .map_err(|error| CliError::new(format!("cannot sign the tool \"{name}\": {error}")))?;
    let text = serde_json::to_string(signed.tool()).unwrap_or_default();
    match ToolDefinition::parse(text.as_bytes()) {
        Ok(read) if read.digest() == signed.digest() => Ok(signed),
        _ => Err(CliError::new(format!(
            "cannot sign the tool \"{name}\": internal error: the signed tool does not read back with the \
             same digest; please report this"
        ))),
    }
}

/// Warns about an output schema that is not of type object. In versions of MCP before 2026-07-28, servers
/// on rmcp leave out this schema, which breaks the signature.
fn warn_of_schema(tool: &Map<String, Value>, name: &str, context: &Context) {
    let schema = tool.get("outputSchema");
    if schema.is_some_and(|schema| schema.get("type").and_then(Value::as_str) != Some("object")) {
        context.out.remark(
            Line::new().warn("warning: ").text("the outputSchema of \"").theirs(name).text(
                "\" is not of type object; some servers leave it out, which breaks the signature",
            ),
        );
    }
}

fn report(
    specs: &[Job],
    signed: &[SignedTool],
    key: &SigningKey,
    output: &std::path::Path,
    context: &Context,
) {
    let tools: Vec<_> = specs
        .iter()
        .zip(signed)
        .map(|((spec, _, name), signed)| {
            json!({ "name": name, "id": spec.id, "version": spec.version, "digest": signed.digest() })
        })
        .collect();
    context.out.json(&json!({ "output": output, "kid": key.kid(), "tools": tools }));
    for ((spec, _, name), signed) in specs.iter().zip(signed) {
        let line = Line::new().good("signed ").theirs(name).text("  ");
        context.out.line(line.text(format!("{} {}", spec.id, spec.version)));
        context.out.fields([("digest", Line::from(signed.digest().to_string()))]);
    }
    context.out.fields([
        ("key", Line::from(key.kid())),
        ("written", Line::new().theirs(&output.display().to_string())),
    ]);
    context.out.next(format!("etdi verify {}", output.display()));
}

//! The specification of a tool: the signed facts beside its definition, from a file or from flags.

use std::path::{Path, PathBuf};

use clap::Args;
use etdi::text::escaped;
use etdi::{DefinitionSpec, NameError, Permission, Provider};
use serde::Deserialize;

use crate::exit::CliError;
use crate::files;

/// The specification of one tool, on the command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "Specification of one tool")]
pub(super) struct SpecFlags {
    /// The publisher: a URI, compared as bytes.
    #[arg(long, value_name = "URI")]
    provider: Option<String>,
    /// The publisher's name, for people. Without this flag: the host of the URI.
    #[arg(long, value_name = "NAME", requires = "provider")]
    provider_name: Option<String>,
    /// The tool's version, in SemVer.
    #[arg(long, value_name = "VERSION")]
    tool_version: Option<String>,
    /// The tool's id. Without this flag: the provider's host, a slash and the tool's name.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// A permission that the tool requires, and its reason in words. Any number of times.
    #[arg(long, value_name = "SCOPE=WORDS")]
    permission: Vec<String>,
    /// A permission that is optional for the tool, and its reason. Any number of times.
    #[arg(long, value_name = "SCOPE=WORDS")]
    optional_permission: Vec<String>,
    /// A server that may serve the tool: a resource URI, or `stdio`. Without this flag: any server.
    #[arg(long, value_name = "URI")]
    server: Vec<String>,
}

/// The specification of a file of tools.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpecFile {
    provider: SpecProvider,
    servers: Option<Vec<String>>,
    #[serde(rename = "tool")]
    tools: Vec<SpecTool>,
    #[serde(skip)]
    path: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecProvider {
    id: String,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecTool {
    name: String,
    version: String,
    id: Option<String>,
    #[serde(default)]
    permissions: Vec<SpecPermission>,
    #[serde(default)]
    require_call_proof: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecPermission {
    scope: String,
    description: String,
    #[serde(default = "yes")]
    required: bool,
}

fn yes() -> bool {
    true
}

impl SpecFlags {
    pub(super) fn sheet(&self, texts: &[&str]) -> Result<SpecFile, CliError> {
        let (Some(provider), Some(version), [text]) = (&self.provider, &self.tool_version, texts)
        else {
            return Err(CliError::new(
                "cannot sign the tools: without --spec, the file must have one tool, and --provider \
                 and --tool-version must be given",
            )
            .next("give both flags, or --spec with a specification; `etdi help sign` shows its form"));
        };
        let name = etdi::json::strings_named(text, "name").into_iter().next().unwrap_or_default();
        let permissions = |flags: &[String], required| -> Result<Vec<SpecPermission>, CliError> {
            flags.iter().map(|flag| permission(flag, required)).collect()
        };
        let mut all = permissions(&self.permission, true)?;
        all.extend(permissions(&self.optional_permission, false)?);
        Ok(SpecFile {
            provider: SpecProvider { id: provider.clone(), name: self.provider_name.clone() },
            servers: (!self.server.is_empty()).then(|| self.server.clone()),
            tools: vec![SpecTool {
                name,
                version: version.clone(),
                id: self.id.clone(),
                permissions: all,
                require_call_proof: false,
            }],
            path: PathBuf::from("the command line"),
        })
    }
}

fn permission(flag: &str, required: bool) -> Result<SpecPermission, CliError> {
    match flag.split_once('=') {
        Some((scope, words)) if !words.trim().is_empty() => Ok(SpecPermission {
            scope: scope.to_owned(),
            description: words.trim().to_owned(),
            required,
        }),
        _ => Err(CliError::new("cannot read the permission: it has no `=` with a reason after it")
            .at(flag)
            .next("write 'SCOPE=WORDS', for example 'documents:read=reads the document'")),
    }
}

impl SpecFile {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let text = files::read(path)?;
        let sheet: Self = toml::from_str(&text).map_err(|error| {
            CliError::new(format!("cannot read the specification: {}", error.message()))
                .at(place(path, &text, error.span()))
                .next("correct the file; `etdi help sign` shows its form")
        })?;
        Ok(Self { path: path.to_path_buf(), ..sheet })
    }

    /// Returns the specification of the tool that is served as `name`.
    pub(super) fn definition(&self, name: &str) -> Result<DefinitionSpec, CliError> {
        let at_spec = |error: CliError| error.at(self.path.display());
        let unsigned = |why: &dyn std::fmt::Display| {
            CliError::new(format!("cannot sign the tool \"{}\": {why}", escaped(name)))
        };
        let mut tools = self.tools.iter().filter(|tool| tool.name == name);
        let tool = match (tools.next(), tools.next()) {
            (Some(tool), None) => tool,
            (None, _) => {
                let what = unsigned(&"the specification has no [[tool]] with this name");
                return Err(at_spec(what).next(
                    "add it, with its version and permissions, or take the tool out of the file; \
                     `etdi help sign` shows the form",
                ));
            }
            (Some(_), Some(_)) => {
                let what =
                    unsigned(&"the specification has several [[tool]] entries with this name");
                return Err(at_spec(what).next("keep one of them"));
            }
        };
        self.spec_of(tool).map_err(|error| at_spec(unsigned(&error)))
    }

    /// Fails if the specification has a tool that the file of tools does not have: the name in the
    /// specification is probably a mistake.
    pub(super) fn refuse_absent<'n>(
        &self,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> Result<(), CliError> {
        match self.tools.iter().find(|tool| !names.clone().any(|name| name == tool.name)) {
            Some(tool) => Err(CliError::new(format!(
                "cannot sign the tools: the specification names the tool \"{}\", and the file of \
                 tools does not have it",
                escaped(&tool.name)
            ))
            .at(self.path.display())
            .next("correct the name, or take the [[tool]] out of the specification")),
            None => Ok(()),
        }
    }

    fn spec_of(&self, tool: &SpecTool) -> Result<DefinitionSpec, NameError> {
        let named = self.provider.name.clone();
        let provider = Provider::new(&self.provider.id, named.clone().unwrap_or_default())?;
        let host = provider.host().unwrap_or_default();
        let provider = match named {
            Some(_) => provider,
            None => Provider::new(&self.provider.id, &host)?,
        };
        let permissions = tool.permissions.iter().map(|permission| {
            let mut asked =
                Permission::optional(permission.scope.parse()?, &permission.description);
            asked.required = permission.required;
            Ok(asked)
        });
        let id = match &tool.id {
            Some(id) => id.parse()?,
            None => format!("{host}/{}", tool.name).parse()?,
        };
        let mut spec = DefinitionSpec::new(id, tool.version.parse()?, provider);
        spec.servers.clone_from(&self.servers);
        spec.permissions = permissions.collect::<Result<_, NameError>>()?;
        spec.require_call_proof = tool.require_call_proof;
        Ok(spec)
    }
}

/// Returns a path and the line of `span` in the file, for an error.
pub(crate) fn place(path: &Path, text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let line = span.and_then(|span| text.get(..span.start)).map(|text| text.lines().count().max(1));
    match line {
        Some(line) => format!("{}, line {line}", path.display()),
        None => path.display().to_string(),
    }
}

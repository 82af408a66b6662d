//! `etdi check`.

mod report;

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use etdi::hygiene::{Finding, inspect};
use etdi::lockfile::{
    Drift, DriftKind, DriftLevel, Launch, LineNumber, LockedServer, Lockfile, Served,
    ServedEvidence, ServedTool,
};
use etdi::{AuthorizationContext, MemoryApprovals, TrustConfig};

use self::report::{CheckReport, ServerState};
use crate::context::Context;
use crate::exit::{CliError, Ending};
use crate::files::lock_file::{self, LockOptions};
use crate::files::trust_file;
use crate::servers::desk::Desk;
use crate::servers::host_config::{self, Endpoint};
use crate::servers::network::NetworkOptions;
use crate::servers::session::Session;
use crate::servers::start::StartOptions;
use crate::servers::target::NamedServer;
use crate::show::instructions::Given;
use crate::terminal::shell::{flag, quoted};

/// Compare servers with etdi.lock.
///
/// Lists the tools of each locked server and shows how they differ from the lockfile. This command
/// reads no approvals, writes no files, and needs no identity provider; signers are checked only with
/// a trust configuration. A server is not started if its command or its files differ from the
/// lockfile. Exit code 0 if every server agrees with the lockfile, 1 if one differs, 2 if one could
/// not be checked; the other servers are still compared.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi check
  etdi check --server docs --json
  etdi check --format sarif > etdi.sarif     for code scanning")]
pub(crate) struct CheckArgs {
    /// Only this server of the lockfile.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// The form of the answer on standard output; `json` is the same as --json.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: CheckFormat,
    #[command(flatten)]
    lock: LockOptions,
    #[command(flatten)]
    network: NetworkOptions,
    #[command(flatten)]
    start: StartOptions,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    #[default]
    Text,
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

impl CheckArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let mut report = CheckReport::new(&self.lock);
        let compared = self.compare(&mut report, context).await;
        let exit = match &compared {
            Ok(()) => report.exit(),
            Err(error) => error.exit(),
        };
        match (self.format, compared) {
            (CheckFormat::Sarif, compared) => {
                // Write the document after an error too: without it, the step that uploads it fails.
                if let Err(error) = compared {
                    if !context.out.is_json() {
                        context.out.error(&error);
                    }
                    report.failed(&error);
                }
                context.out.data(&report.sarif());
            }
            (CheckFormat::Json, Err(error)) => return Err(error),
            (CheckFormat::Json, Ok(())) => context.out.data(&report.json(exit).to_string()),
            (CheckFormat::Text, Err(error)) => return Err(error),
            (CheckFormat::Text, Ok(())) => {
                context.out.json(&report.json(exit));
                if !context.out.is_json() {
                    report.show(context);
                }
            }
        }
        Ok(exit)
    }

    async fn compare(&self, report: &mut CheckReport, context: &Context) -> Result<(), CliError> {
        let lockfile = self.lock.read()?.ok_or_else(|| {
            CliError::new("cannot find the lockfile")
                .at(self.lock.lockfile.display())
                .next("etdi lock")
        })?;
        if let Some(name) = &self.server
            && lockfile.server(name).is_none()
        {
            return Err(self.lock.unknown(name, &lockfile));
        }
        let trust = match context.config.exists() || context.config_is_named {
            true => trust_file::read(context)?,
            false => TrustConfig::default(),
        };
        // The store is dropped after the check: a tool that is seen for the first time leaves no record.
        let store = Arc::new(MemoryApprovals::new());
        let desk = Desk::over(
            store,
            trust,
            AuthorizationContext::None,
            &self.network,
            &self.start,
            context,
        )?;
        let wanted = |server: &&LockedServer| {
            self.server.as_ref().is_none_or(|wanted| *wanted == server.name)
        };
        let mut configured = Configurations::default();
        for server in lockfile.servers().iter().filter(wanted) {
            let words = self.words(server);
            let endpoint = self.endpoint(server, &mut configured, context);
            let state = match endpoint {
                Ok(Some(endpoint)) => self.one(server, endpoint, &desk, context).await,
                Ok(None) => {
                    let drift = Drift::of_server(DriftKind::ServerMissing, server.line);
                    Ok(ServerState::stopped(vec![drift]))
                }
                Err(error) => Err(error),
            };
            let state = state.unwrap_or_else(|error| ServerState::failed(error.at(&server.name)));
            report.add(&server.name, Some(&server.identity), words, state);
        }
        if self.server.is_none() {
            self.added(&lockfile, &mut configured, report, context);
        }
        Ok(())
    }

    /// Returns the endpoint of a locked server. `None` if its configuration no longer names the server.
    fn endpoint(
        &self,
        locked: &LockedServer,
        configured: &mut Configurations,
        context: &Context,
    ) -> Result<Option<Endpoint>, CliError> {
        let Some(from) = &locked.from else {
            return match &locked.identity {
                etdi::ServerIdentity::Http(uri) => Ok(Some(Endpoint::http(uri.as_str()))),
                etdi::ServerIdentity::Stdio(_) => {
                    Err(CliError::new("cannot start the server: the lockfile has no `from` for it")
                        .next("etdi lock --from FILE"))
                }
            };
        };
        let servers = configured.read(from, &self.lock, context)?;
        match servers.remove(&locked.name) {
            Some(endpoint) => endpoint.map(Some),
            None => Ok(None),
        }
    }

    async fn one(
        &self,
        locked: &LockedServer,
        mut endpoint: Endpoint,
        desk: &Desk,
        context: &Context,
    ) -> Result<ServerState, CliError> {
        let mut drift = Vec::new();
        let identity = endpoint.identity()?;
        if identity != locked.identity {
            let one = Drift::of_server(DriftKind::ServerIdentity, locked.line);
            drift.push(one.locked(&locked.identity).served(&identity));
        }
        if let Endpoint::Stdio { configured, started } = &mut endpoint {
            *started = self.lock.at_root(started.clone());
            drift.extend(locked.compare_files(&self.lock.found(locked, started)?));
            let package = match Launch::of(configured) {
                Launch::Package(package) => Some(package),
                _ => None,
            };
            if package != locked.package {
                let mut one = Drift::of_server(DriftKind::PackageChanged, locked.line);
                one.locked = locked.package.as_ref().map(ToString::to_string);
                one.served = package.as_ref().map(ToString::to_string);
                drift.push(one);
            }
            if !drift.is_empty() {
                return Ok(ServerState::stopped(drift));
            }
            if !lock_file::is_bound(configured, locked) {
                drift.push(Drift::of_server(DriftKind::Unbound, locked.line));
            }
        } else if !drift.is_empty() {
            return Ok(ServerState::stopped(drift));
        }
        let name = locked.name.clone();
        let server = NamedServer { is_named: true, ..NamedServer::given(name, endpoint, None) };
        let look = async |session: &Session| {
            let (more, findings) = listed(locked, session).await?;
            Ok((more, findings, session.tools.len()))
        };
        let (more, findings, tools) = desk.visit(server, context, look).await?;
        drift.extend(more);
        Ok(ServerState::listed(drift, findings, tools))
    }

    /// Returns the words of a command that name a locked server, quoted for a shell. `None` if they
    /// cannot be typed.
    fn words(&self, locked: &LockedServer) -> Option<String> {
        match (&locked.from, &locked.identity) {
            (Some(from), _) => self.words_of(from, &locked.name),
            (None, etdi::ServerIdentity::Http(uri)) => quoted(uri.as_str()),
            (None, etdi::ServerIdentity::Stdio(_)) => None,
        }
    }

    fn words_of(&self, from: &str, name: &str) -> Option<String> {
        let path = self.lock.root().join(from);
        let path = path.strip_prefix(".").unwrap_or(&path).to_str().and_then(quoted)?;
        Some(format!("--from {path} {}", flag("--server", name)?))
    }

    /// Reports the servers that the configurations name and the lockfile does not have.
    fn added(
        &self,
        lockfile: &Lockfile,
        configured: &mut Configurations,
        report: &mut CheckReport,
        context: &Context,
    ) {
        // Read the project's configuration even if the lockfile has no server from it.
        if self.lock.root().join(PROJECT).is_file()
            && let Err(error) = configured.read(PROJECT, &self.lock, context)
        {
            report.add(PROJECT, None, None, ServerState::failed(error));
        }
        let known = |name: &str| lockfile.server(name).is_some();
        for (from, servers) in &configured.0 {
            for name in servers.keys().filter(|name| !known(name)) {
                let drift = Drift::of_server(DriftKind::ServerAdded, LineNumber::default());
                let words = self.words_of(from, name);
                report.add(name, None, words, ServerState::stopped(vec![drift.served(from)]));
            }
        }
    }
}

/// The configuration file of a project.
const PROJECT: &str = ".mcp.json";

/// The configurations that were read, each with its servers that are not compared yet.
#[derive(Default)]
struct Configurations(BTreeMap<String, BTreeMap<String, Result<Endpoint, CliError>>>);

impl Configurations {
    fn read(
        &mut self,
        from: &str,
        lock: &LockOptions,
        context: &Context,
    ) -> Result<&mut BTreeMap<String, Result<Endpoint, CliError>>, CliError> {
        if !self.0.contains_key(from) {
            let path = lock.root().join(from);
            let config = host_config::read(&path, &|name| context.environment.get(name))?;
            let servers = config.servers.into_iter().map(|entry| (entry.name, entry.endpoint));
            self.0.insert(from.to_owned(), servers.collect());
        }
        Ok(self.0.entry(from.to_owned()).or_default())
    }
}

/// The findings of each tool, by its name.
type FindingsByTool = Vec<(String, Vec<Finding>)>;

async fn listed(
    locked: &LockedServer,
    session: &Session,
) -> Result<(Vec<Drift>, FindingsByTool), CliError> {
    let instructions = Given::by(session).await?;
    let mut served = Served::default();
    served.instructions = instructions.as_ref().map(Given::digest);
    for one in &session.tools {
        let refused = || one.problem().map(ToString::to_string).unwrap_or_default();
        let definition = one.definition().ok_or_else(refused);
        let evidence = match one.verdict() {
            Some(verdict) => ServedEvidence::of(&verdict.who),
            None => ServedEvidence::Unchecked("the definition is refused".to_owned()),
        };
        served.tools.push(ServedTool::new(one.name(), definition, evidence));
    }
    let drift = locked.compare(&served);
    let names = session.names();
    let drifts = |name: &str| {
        drift
            .iter()
            .any(|one| one.kind.level() == DriftLevel::Drift && one.tool.as_deref() == Some(name))
    };
    let mut findings = Vec::new();
    for one in session.tools.iter().filter(|one| drifts(one.name())) {
        if let Some(definition) = one.definition() {
            let found = inspect(definition.canonical(), &names);
            if !found.is_empty() {
                findings.push((one.name().to_owned(), found));
            }
        }
    }
    Ok((drift, findings))
}

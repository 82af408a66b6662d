//! `etdi check`.

mod report;

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use etdi::hygiene::{Finding, inspect};
use etdi::lockfile::{
    Drift, DriftKind, DriftLevel, LineNumber, LockedServer, Lockfile, Served, ServedEvidence,
    ServedTool, SkipReason,
};
use etdi::{AuthorizationContext, MemoryApprovals, ServerIdentity, TrustConfig};

use self::report::{CheckReport, NextWords, ServerState};
use crate::context::Context;
use crate::exit::{CliError, Ending};
use crate::files::lock_file::LockOptions;
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
            let next = self.next_words(server);
            let state = self.state(server, &mut configured, &desk, context).await;
            let state = state.unwrap_or_else(|error| ServerState::failed(error.at(&server.name)));
            report.add(&server.name, server.identity.as_ref(), next, state);
        }
        if self.server.is_none() {
            self.added(&lockfile, &mut configured, report, context);
        }
        Ok(())
    }

    /// Returns the result for one entry of the lockfile.
    async fn state(
        &self,
        locked: &LockedServer,
        configured: &mut Configurations,
        desk: &Desk,
        context: &Context,
    ) -> Result<ServerState, CliError> {
        let (endpoint, skipped) = match (&locked.from, &locked.identity) {
            (Some(from), _) => {
                match configured.read(from, &self.lock, context)?.remove(&locked.name) {
                    Some(entry) => (entry.endpoint, entry.skipped),
                    None => {
                        let drift = Drift::of_server(DriftKind::ServerMissing, locked.line);
                        return Ok(ServerState::stopped(vec![drift]));
                    }
                }
            }
            (None, Some(ServerIdentity::Http(uri))) => (Ok(Endpoint::http(uri.as_str())), false),
            (None, _) => {
                let what = "cannot start the server: the lockfile has no `from` for it";
                return Err(CliError::new(what).next("etdi lock --from FILE"));
            }
        };
        let endpoint = match (endpoint, locked.skipped) {
            (Ok(endpoint), _) => endpoint,
            (Err(_), Some(why)) if skipped => return Ok(left_out(locked, why, None)),
            (Err(error), Some(why)) => return Ok(left_out(locked, why, Some(&error))),
            // `etdi lock` notes in the lockfile that the configuration disables it.
            (Err(error), None) if skipped => {
                let from = self.file_words(locked.from.as_deref());
                let next = self.lock.words().zip(from);
                let next = next.map(|(lockfile, from)| format!("etdi lock {lockfile}{from}"));
                return Err(next.into_iter().fold(error, CliError::next));
            }
            (Err(error), None) => return Err(error),
        };
        self.one(locked, endpoint, desk, context).await
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
        match &locked.identity {
            Some(locked) if *locked == identity => {}
            Some(before) => {
                let one = Drift::of_server(DriftKind::ServerIdentity, locked.line);
                drift.push(one.locked(before).served(&identity));
            }
            // The lockfile does not say which server was left out, so this one is not started.
            None => {
                drift.push(Drift::of_server(DriftKind::ServerAdded, locked.line).served(&identity))
            }
        }
        if let Endpoint::Stdio { configured, started } = &mut endpoint {
            *started = self.lock.at_root(started.clone());
            let launch = self.lock.launch(configured, started, context.environment);
            drift.extend(locked.compare_files(&self.lock.found(locked, &launch)?));
            drift.extend(locked.compare_packages(&launch.artifacts));
            // Skip this comparison after other drift: a changed command or a missing file would be
            // reported twice.
            if drift.is_empty() {
                drift.extend(locked.compare_binding(&launch));
            }
        }
        if drift.iter().any(|one| one.kind.level() == DriftLevel::Drift) {
            return Ok(ServerState::stopped(drift));
        }
        let name = locked.name.clone();
        let server = NamedServer { is_named: true, ..NamedServer::given(name, endpoint, None) };
        let session = match (desk.session(server, context).await, locked.skipped) {
            (Ok(session), _) => session,
            (Err(error), Some(why)) if error.is_of_server() => {
                return Ok(left_out(locked, why, Some(&error)));
            }
            (Err(error), _) => return Err(error),
        };
        let found = listed(locked, &session).await;
        session.connection.close().await;
        let (more, findings) = found?;
        drift.extend(more);
        Ok(ServerState::listed(drift, findings, session.tools.len()))
    }

    /// Returns the words of the commands that bring the entry of a server up to date.
    fn next_words(&self, locked: &LockedServer) -> NextWords {
        let server = match (&locked.from, &locked.identity) {
            (Some(from), _) => self.server_words(from, &locked.name),
            (None, Some(ServerIdentity::Http(uri))) => quoted(uri.as_str()),
            (None, _) => None,
        };
        // Only without `--server`, `etdi lock` leaves out a server that is still not reached.
        let lock = match locked.skipped {
            Some(_) => self.file_words(locked.from.as_deref()),
            None => server.clone(),
        };
        NextWords { approve: server, lock }
    }

    fn file_words(&self, from: Option<&str>) -> Option<String> {
        let path = self.lock.root().join(from?);
        let path = path.strip_prefix(".").unwrap_or(&path).to_str().and_then(quoted)?;
        Some(format!("--from {path}"))
    }

    fn server_words(&self, from: &str, name: &str) -> Option<String> {
        Some(format!("{} {}", self.file_words(Some(from))?, flag("--server", name)?))
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
            report.add(PROJECT, None, NextWords::default(), ServerState::failed(error));
        }
        let known = |name: &str| lockfile.server(name).is_some();
        for (from, servers) in &configured.0 {
            for (name, entry) in servers.iter().filter(|(name, _)| !known(name)) {
                let drift = Drift::of_server(DriftKind::ServerAdded, LineNumber::default());
                let words = self.server_words(from, name);
                // A server that cannot be started cannot be approved, and is left out by name.
                let next = match entry.endpoint {
                    Ok(_) => NextWords { approve: words.clone(), lock: words },
                    Err(_) => NextWords { approve: None, lock: self.file_words(Some(from)) },
                };
                report.add(name, None, next, ServerState::stopped(vec![drift.served(from)]));
            }
        }
    }
}

/// Returns the result for a server that the lockfile leaves out and that was not asked.
fn left_out(locked: &LockedServer, why: SkipReason, error: Option<&CliError>) -> ServerState {
    let mut note = Drift::of_server(DriftKind::ServerSkipped, locked.line).locked(why);
    note.served = error.map(|error| error.what().to_owned());
    ServerState::stopped(vec![note])
}

/// The configuration file of a project.
const PROJECT: &str = ".mcp.json";

/// The configurations that were read, each with its servers that are not compared yet.
#[derive(Default)]
struct Configurations(BTreeMap<String, BTreeMap<String, ConfiguredEntry>>);

struct ConfiguredEntry {
    endpoint: Result<Endpoint, CliError>,
    /// Whether the configuration disables the server, or its host contains it.
    skipped: bool,
}

impl Configurations {
    fn read(
        &mut self,
        from: &str,
        lock: &LockOptions,
        context: &Context,
    ) -> Result<&mut BTreeMap<String, ConfiguredEntry>, CliError> {
        if !self.0.contains_key(from) {
            let path = lock.root().join(from);
            let config = host_config::read(&path, &|name| context.environment.get(name))?;
            let servers = config.servers.into_iter().map(|entry| {
                // A server without a valid address has no identity to compare.
                let valid = |endpoint: Endpoint| endpoint.identity().map(|_| endpoint);
                let (endpoint, skipped) = (entry.endpoint.and_then(valid), entry.skip.is_some());
                (entry.name, ConfiguredEntry { endpoint, skipped })
            });
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

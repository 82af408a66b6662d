//! The catalog of published tools, shared by all sessions and requests of a server.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use etdi_oauth::AttestationToken;
use etdi_types::verdict::Binding;
use etdi_types::{Diff, Digest, SigningKey, ToolId, Version};
use rmcp::model::Tool;
use serde_json::{Map, Value};

use crate::problem::ToolProblem;
use crate::requirement::Requirement;
use crate::sign::{self, DefinitionSource, Signed};

/// The declared tools and their published definitions.
#[derive(Debug)]
pub(crate) struct Catalog {
    key: Option<SigningKey>,
    allow_unsigned: bool,
    servers: Vec<String>,
    serving: bool,
    tools: BTreeMap<String, Declared>,
    ledger: Ledger,
    requirements: BTreeMap<String, Arc<Requirement>>,
    attested: Option<PublishedAttestation>,
}

/// The definitions that an attestation binds by digest: (id, version) → digest.
pub(crate) type Definitions = BTreeMap<Release, Digest>;

/// The attestation that is published, and the definitions that it was requested for.
#[derive(Debug)]
struct PublishedAttestation {
    token: AttestationToken,
    audience: String,
    definitions: Definitions,
}

#[derive(Debug)]
struct Declared {
    origin: DefinitionSource,
    published: Option<Published>,
    refused: Option<ToolProblem>,
}

/// The most recently served definition of a tool, with the text that the handler gave for it.
#[derive(Clone, Debug)]
struct Published {
    text: Vec<u8>,
    member: Map<String, Value>,
    digest: Digest,
}

/// The first definition that was published under each version. These definitions leave out the
/// servers, which never change once a definition was served.
pub(crate) type Ledger = HashMap<Release, First>;

pub(crate) type Release = (ToolId, Version);

#[derive(Clone, Debug)]
pub(crate) struct First {
    digest: Digest,
    canonical: Arc<str>,
}

/// The state of a tool's name when it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolStanding {
    /// Not declared. Undeclared tools are not served.
    Unknown,
    /// Not declared, and served unchanged.
    Unsigned,
    /// Declared, and not listed since the declaration.
    Unlisted,
    /// Declared, and refused when it was last listed.
    Refused(ToolProblem),
    /// Declared and published.
    Published(Digest),
}

impl Catalog {
    pub(crate) fn new(
        key: Option<SigningKey>,
        tools: BTreeMap<String, DefinitionSource>,
        servers: Vec<String>,
        allow_unsigned: bool,
    ) -> Self {
        let declared = |origin| Declared { origin, published: None, refused: None };
        let tools = tools.into_iter().map(|(name, origin)| (name, declared(origin))).collect();
        Self {
            key,
            allow_unsigned,
            servers,
            serving: false,
            tools,
            ledger: Ledger::new(),
            requirements: BTreeMap::new(),
            attested: None,
        }
    }

    /// Adds the definitions to one page of a listing that is about to be served.
    pub(crate) fn publish(&mut self, tools: &mut [Tool]) -> Result<(), ToolProblem> {
        if let Err(problem) = refuse_twins(tools) {
            if let Some(declared) = self.tools.get_mut(problem.tool()) {
                declared.refused = Some(problem.clone());
            }
            return Err(problem);
        }
        let mut members = Vec::with_capacity(tools.len());
        for tool in &*tools {
            members.push(self.publish_one(tool)?);
        }
        for (tool, member) in tools.iter_mut().zip(members) {
            if let Some(member) = member {
                sign::attach(tool, &member);
            }
        }
        Ok(())
    }

    fn publish_one(&mut self, tool: &Tool) -> Result<Option<Map<String, Value>>, ToolProblem> {
        let result = self.definition(tool);
        if let Some(declared) = self.tools.get_mut(&*tool.name) {
            declared.refused = result.as_ref().err().cloned();
        }
        result
    }

    fn definition(&mut self, tool: &Tool) -> Result<Option<Map<String, Value>>, ToolProblem> {
        sign::refuse_reserved_meta(tool)?;
        let Some(declared) = self.tools.get(&*tool.name) else {
            return self.undeclared(tool).map(|()| None);
        };
        let text = sign::text(tool);
        if let Some(published) = &declared.published
            && published.text == text
        {
            return Ok(Some(published.member.clone()));
        }
        let origin = declared.origin.clone();
        let first = self.compare(&origin, tool, &Ledger::new())?;
        let Signed { member, digest, .. } =
            origin.define(tool, self.listed_servers(), self.key.as_ref())?;
        self.serving = true;
        self.ledger.extend(first);
        if let Some(declared) = self.tools.get_mut(&*tool.name) {
            declared.published = Some(Published { text, member: member.clone(), digest });
        }
        Ok(Some(member))
    }

    /// Adds to `tool` the definition that would be published, without publishing it. `seen` has the
    /// definitions that the same examination met before.
    pub(crate) fn examine(&self, tool: &mut Tool, seen: &mut Ledger) -> Result<(), ToolProblem> {
        sign::refuse_reserved_meta(tool)?;
        let Some(declared) = self.tools.get(&*tool.name) else {
            return self.undeclared(tool);
        };
        let origin = declared.origin.clone();
        seen.extend(self.compare(&origin, tool, seen)?);
        let member = origin.define(tool, None, self.key.as_ref())?.member;
        sign::attach(tool, &member);
        Ok(())
    }

    /// Returns the definition that an attestation must bind before `tool` can be served here.
    pub(crate) fn attestable(&self, tool: &Tool) -> Option<(Release, Digest)> {
        let origin = &self.tools.get(&*tool.name)?.origin;
        let DefinitionSource::Live(spec) = origin else { return None };
        let signed = origin.define(tool, self.listed_servers(), self.key.as_ref()).ok()?;
        Some(((spec.id.clone(), spec.version.clone()), signed.digest))
    }

    /// Returns whether one of the tools called `names` is published and not bound by the
    /// attestation.
    pub(crate) fn lacks_attestation<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        let mut published = names.into_iter().filter_map(|name| self.published(name));
        published.any(|(release, digest)| !self.is_attested(&release, digest))
    }

    /// Returns all definitions that an attestation must bind: the published ones, `examined`, and
    /// those of the last attestation, limited to the versions that are declared now.
    pub(crate) fn to_attest(&self, examined: Definitions) -> Definitions {
        let current = |release: &Release| {
            self.tools
                .values()
                .any(|declared| release_of(&declared.origin).as_ref() == Some(release))
        };
        let before = self.attested.iter().flat_map(|attested| attested.definitions.clone());
        let mut definitions: Definitions =
            before.chain(examined).filter(|(release, _)| current(release)).collect();
        definitions.extend(self.tools.keys().filter_map(|name| self.published(name)));
        definitions
    }

    /// Returns whether the published attestation binds all of `definitions`.
    pub(crate) fn binds(&self, definitions: &Definitions) -> bool {
        self.attested.is_some()
            && definitions.iter().all(|(release, digest)| self.is_attested(release, *digest))
    }

    /// Publishes `token` from now on, with the definitions that it binds. `audience` is the token's
    /// audience.
    pub(crate) fn set_attestation(
        &mut self,
        token: AttestationToken,
        audience: String,
        definitions: Definitions,
    ) {
        self.attested = Some(PublishedAttestation { token, audience, definitions });
    }

    /// Returns the audience of the published attestation, which must never be the audience for
    /// calls.
    pub(crate) fn attestation_audience(&self) -> Option<&str> {
        self.attested.as_ref().map(|attested| &*attested.audience)
    }

    /// Returns whether `token` is the attestation that is published.
    pub(crate) fn is_attestation(&self, token: &str) -> bool {
        self.attested.as_ref().is_some_and(|attested| attested.token.as_str() == token)
    }

    pub(crate) fn attestation(&self) -> Option<&AttestationToken> {
        self.attested.as_ref().map(|attested| &attested.token)
    }

    /// Adds the attestation to the signatures of one page of a listing. Returns whether each signed
    /// tool has an attestation: `false` if a tool was replaced after the page was published.
    pub(crate) fn attach_attestation(&self, tools: &mut [Tool]) -> bool {
        tools.iter_mut().filter(|tool| self.is_signed_here(tool)).all(|tool| {
            let token = self.attestation_of(tool);
            token.inspect(|token| sign::attach_attestation(tool, token)).is_some()
        })
    }

    fn is_signed_here(&self, tool: &Tool) -> bool {
        self.origin(&tool.name).is_some_and(|origin| release_of(origin).is_some())
    }

    /// Returns the attestation, if it binds exactly the definition that `tool` carries.
    fn attestation_of(&self, tool: &Tool) -> Option<&str> {
        let attested = self.attested.as_ref()?;
        let (release, digest) = self.published(&tool.name)?;
        let published = self.tools.get(&*tool.name)?.published.as_ref()?;
        let carried = sign::attached(tool)?;
        (*carried == published.member && self.is_attested(&release, digest))
            .then(|| attested.token.as_str())
    }

    fn is_attested(&self, release: &Release, digest: Digest) -> bool {
        self.attested.as_ref().is_some_and(|attested| {
            // A key binding holds for every definition that the key signs.
            attested.token.binding() == Binding::Key
                || attested.definitions.get(release) == Some(&digest)
        })
    }

    fn published(&self, name: &str) -> Option<(Release, Digest)> {
        let declared = self.tools.get(name)?;
        Some((release_of(&declared.origin)?, declared.published.as_ref()?.digest))
    }

    fn listed_servers(&self) -> Option<&[String]> {
        Some(&*self.servers).filter(|servers| !servers.is_empty())
    }

    /// Sets the requirement for callers of the tool `name` from now on.
    pub(crate) fn require(&mut self, name: &str, requirement: Option<Requirement>) {
        match requirement {
            Some(requirement) => {
                self.requirements.insert(name.to_owned(), Arc::new(requirement));
            }
            None => {
                self.requirements.remove(name);
            }
        }
    }

    pub(crate) fn requirement(&self, name: &str) -> Option<Arc<Requirement>> {
        self.requirements.get(name).cloned()
    }

    pub(crate) fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.values().map(|requirement| &**requirement)
    }

    /// Adds the definitions of an examination to the ledger, so that later listings are compared
    /// with them.
    pub(crate) fn adopt(&mut self, seen: Ledger) {
        for (version, first) in seen {
            self.ledger.entry(version).or_insert(first);
        }
    }

    /// Fails if the tool differs from the first definition under its version. A version stands for
    /// one definition for as long as the process runs.
    fn compare(
        &self,
        origin: &DefinitionSource,
        tool: &Tool,
        seen: &Ledger,
    ) -> Result<Option<(Release, First)>, ToolProblem> {
        let DefinitionSource::Live(spec) = origin else {
            return Ok(None);
        };
        let Signed { digest, canonical, .. } = origin.define(tool, None, self.key.as_ref())?;
        let version = (spec.id.clone(), spec.version.clone());
        match self.ledger.get(&version).or_else(|| seen.get(&version)) {
            Some(first) if first.digest != digest => Err(ToolProblem::Changed {
                tool: tool.name.to_string(),
                id: version.0,
                version: version.1,
                diff: Box::new(Diff::between(&first.canonical, &canonical)),
            }),
            _ => Ok(Some((version, First { digest, canonical }))),
        }
    }

    fn undeclared(&self, tool: &Tool) -> Result<(), ToolProblem> {
        if self.allow_unsigned {
            Ok(())
        } else {
            Err(ToolProblem::Undeclared { tool: tool.name.to_string() })
        }
    }

    pub(crate) fn standing(&self, name: &str) -> ToolStanding {
        match self.tools.get(name) {
            None if self.allow_unsigned => ToolStanding::Unsigned,
            None => ToolStanding::Unknown,
            Some(Declared { refused: Some(problem), .. }) => ToolStanding::Refused(problem.clone()),
            Some(Declared { published: Some(published), .. }) => {
                ToolStanding::Published(published.digest)
            }
            Some(_) => ToolStanding::Unlisted,
        }
    }

    /// Replaces the definition source of a declared tool. The tool counts as unlisted until the
    /// next listing.
    pub(crate) fn replace(&mut self, name: &str, origin: DefinitionSource) {
        if let Some(declared) = self.tools.get_mut(name) {
            *declared = Declared { origin, published: None, refused: None };
        }
    }

    /// Adds a server to those that the definitions name. Adds nothing and returns `false` if this
    /// process signs the definitions and has already served one without that server.
    pub(crate) fn add_server(&mut self, server: String) -> bool {
        if self.servers.contains(&server) {
            return true;
        }
        // Without a key, the definitions were signed at build time and stay as they are, so the
        // address cannot change a published version.
        if self.serving && self.key.is_some() {
            return false;
        }
        self.servers.push(server);
        true
    }

    pub(crate) fn servers(&self) -> &[String] {
        &self.servers
    }

    pub(crate) fn origin(&self, name: &str) -> Option<&DefinitionSource> {
        self.tools.get(name).map(|declared| &declared.origin)
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = (&String, &DefinitionSource)> {
        self.tools.iter().map(|(name, declared)| (name, &declared.origin))
    }
}

/// Returns the id and version that a live definition is signed under.
fn release_of(origin: &DefinitionSource) -> Option<Release> {
    match origin {
        DefinitionSource::Live(spec) => Some((spec.id.clone(), spec.version.clone())),
        DefinitionSource::Presigned(_) => None,
    }
}

fn refuse_twins(tools: &[Tool]) -> Result<(), ToolProblem> {
    let mut names = BTreeSet::new();
    match tools.iter().find(|tool| !names.insert(&tool.name)) {
        Some(twin) => Err(ToolProblem::ServedTwice { tool: twin.name.to_string() }),
        None => Ok(()),
    }
}

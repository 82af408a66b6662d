//! What a server publishes, shared by all its sessions and requests.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use etdi_types::{Diff, Digest, SigningKey, ToolId, Version};
use rmcp::model::Tool;
use serde_json::{Map, Value};

use crate::{
    ToolProblem,
    sign::{self, Origin, Signed},
};

/// The declared tools and what has been published of them.
#[derive(Debug)]
pub(crate) struct Catalog {
    key: Option<SigningKey>,
    allow_unsigned: bool,
    servers: Vec<String>,
    serving: bool,
    tools: BTreeMap<String, Declared>,
    ledger: Ledger,
}

#[derive(Debug)]
struct Declared {
    origin: Origin,
    published: Option<Published>,
    refused: Option<ToolProblem>,
}

/// The last definition that was served of a tool, by the text that the handler gave for it.
#[derive(Debug, Clone)]
struct Published {
    text: Vec<u8>,
    member: Map<String, Value>,
    digest: Digest,
}

/// What was first published under each version, but for the servers: those never change once
/// something was served.
pub(crate) type Ledger = HashMap<Release, First>;

type Release = (ToolId, Version);

#[derive(Debug, Clone)]
pub(crate) struct First {
    digest: Digest,
    canonical: Arc<str>,
}

/// How a name stands when it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not declared, and nothing undeclared is served.
    Unknown,
    /// Not declared, served as it is.
    Unsigned,
    /// Declared, not listed since.
    Unlisted,
    /// Declared, and refused when it was last listed.
    Refused(ToolProblem),
    /// Declared and published.
    Published(Digest),
}

impl Catalog {
    pub(crate) fn new(
        key: Option<SigningKey>,
        tools: BTreeMap<String, Origin>,
        servers: Vec<String>,
        allow_unsigned: bool,
    ) -> Self {
        let declared = |origin| Declared { origin, published: None, refused: None };
        let tools = tools.into_iter().map(|(name, origin)| (name, declared(origin))).collect();
        Self { key, allow_unsigned, servers, serving: false, tools, ledger: Ledger::new() }
    }

    /// Puts the definitions into one page of a listing that is about to be served.
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
        let servers = Some(&*self.servers).filter(|servers| !servers.is_empty());
        let Signed { member, digest, .. } = origin.define(tool, servers, self.key.as_ref())?;
        self.serving = true;
        self.ledger.extend(first);
        if let Some(declared) = self.tools.get_mut(&*tool.name) {
            declared.published = Some(Published { text, member: member.clone(), digest });
        }
        Ok(Some(member))
    }

    /// What `tool` would be published as, without publishing it. `seen` is what the same
    /// examination met before.
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

    /// Makes what an examination met binding.
    pub(crate) fn adopt(&mut self, seen: Ledger) {
        for (version, first) in seen {
            self.ledger.entry(version).or_insert(first);
        }
    }

    /// What a version of a tool is: one thing, once and for all.
    fn compare(
        &self,
        origin: &Origin,
        tool: &Tool,
        seen: &Ledger,
    ) -> Result<Option<(Release, First)>, ToolProblem> {
        let Origin::Live(spec) = origin else {
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

    pub(crate) fn standing(&self, name: &str) -> Standing {
        match self.tools.get(name) {
            None if self.allow_unsigned => Standing::Unsigned,
            None => Standing::Unknown,
            Some(Declared { refused: Some(problem), .. }) => Standing::Refused(problem.clone()),
            Some(Declared { published: Some(published), .. }) => {
                Standing::Published(published.digest)
            }
            Some(_) => Standing::Unlisted,
        }
    }

    /// Another origin for a declared tool; what was published of it no longer counts as listed.
    pub(crate) fn replace(&mut self, name: &str, origin: Origin) {
        if let Some(declared) = self.tools.get_mut(name) {
            *declared = Declared { origin, published: None, refused: None };
        }
    }

    /// Adds a server to the definitions, unless some were served without it. Says whether they name
    /// it now.
    pub(crate) fn add_server(&mut self, server: String) -> bool {
        if self.servers.contains(&server) {
            return true;
        }
        // What was signed at build time does not change.
        if self.serving && self.key.is_some() {
            return false;
        }
        self.servers.push(server);
        true
    }

    pub(crate) fn servers(&self) -> &[String] {
        &self.servers
    }

    pub(crate) fn origin(&self, name: &str) -> Option<&Origin> {
        self.tools.get(name).map(|declared| &declared.origin)
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = (&String, &Origin)> {
        self.tools.iter().map(|(name, declared)| (name, &declared.origin))
    }
}

fn refuse_twins(tools: &[Tool]) -> Result<(), ToolProblem> {
    let mut names = BTreeSet::new();
    match tools.iter().find(|tool| !names.insert(&tool.name)) {
        Some(twin) => Err(ToolProblem::ServedTwice { tool: twin.name.to_string() }),
        None => Ok(()),
    }
}

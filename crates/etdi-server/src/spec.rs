//! What an author declares of one tool.

use etdi_types::{DefinitionSpec, Permission, Provider, ToolId};

use crate::BuildError;

/// What an author declares of one tool, beyond what the handler says of it.
///
/// ```
/// use etdi_server::ToolSpec;
///
/// let spec = ToolSpec::version("1.2.0")
///     .id("trustedsoft.example/documents/scan")
///     .permission("documents:read", "reads the document that you name")
///     .optional_permission("documents:write", "stores the report beside it");
/// # drop(spec);
/// ```
///
/// Nothing is checked here: what is wrong is said when the server is built.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct ToolSpec {
    version: String,
    id: Option<String>,
    permissions: Vec<(String, String, bool)>,
    authorization: bool,
    call_proof: bool,
}

impl ToolSpec {
    /// A tool in this version, SemVer without build metadata. Whatever a client can see of the tool
    /// may only change together with it.
    pub fn version(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            id: None,
            permissions: Vec::new(),
            authorization: false,
            call_proof: false,
        }
    }

    /// The tool's id, `authority/path`. Unset, it is the host of the provider's id, a slash and the
    /// tool's name.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// A permission that the tool cannot work without: one OAuth scope, and what it is for in
    /// words.
    pub fn permission(self, scope: impl Into<String>, description: impl Into<String>) -> Self {
        self.with_permission(scope.into(), description.into(), true)
    }

    /// A permission that the tool can work without. It stays ungranted unless the approver ticks
    /// it.
    pub fn optional_permission(
        self,
        scope: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        self.with_permission(scope.into(), description.into(), false)
    }

    /// Lets only callers with this scope call the tool. Needs an identity provider; without one the
    /// server does not build.
    pub fn requires(mut self, _scope: impl Into<String>) -> Self {
        self.authorization = true;
        self
    }

    /// Lets only authenticated callers call the tool. Needs an identity provider; without one the
    /// server does not build.
    pub fn require_auth(mut self) -> Self {
        self.authorization = true;
        self
    }

    /// Lets only calls with a call proof through. Needs call proofs; without them the server does
    /// not build.
    pub fn require_call_proof(mut self) -> Self {
        self.call_proof = true;
        self
    }

    fn with_permission(mut self, scope: String, description: String, required: bool) -> Self {
        self.permissions.push((scope, description, required));
        self
    }

    /// What is to be signed for the tool `name` of `provider`, on no server in particular.
    pub(crate) fn resolve(
        &self,
        name: &str,
        provider: &Provider,
    ) -> Result<DefinitionSpec, BuildError> {
        if self.authorization {
            return Err(BuildError::NoIdentityProvider { tool: name.to_owned() });
        }
        if self.call_proof {
            return Err(BuildError::NeedsCallProofs { what: format!("the tool `{name}`") });
        }
        let malformed = |source| BuildError::Malformed { tool: name.to_owned(), source };
        let permissions = self.permissions.iter().map(|(scope, description, required)| {
            let scope = scope.parse().map_err(malformed)?;
            Ok(Permission { scope, description: description.clone(), required: *required })
        });
        Ok(DefinitionSpec {
            id: match &self.id {
                Some(id) => id.parse().map_err(malformed)?,
                None => default_id(name, provider)?,
            },
            version: self.version.parse().map_err(malformed)?,
            provider: provider.clone(),
            servers: None,
            permissions: permissions.collect::<Result<_, BuildError>>()?,
            require_call_proof: false,
        })
    }
}

fn default_id(name: &str, provider: &Provider) -> Result<ToolId, BuildError> {
    let no_default =
        || BuildError::NoDefaultId { tool: name.to_owned(), provider: provider.id().to_owned() };
    let host = provider.host().ok_or_else(no_default)?;
    format!("{host}/{name}").parse().map_err(|_| no_default())
}

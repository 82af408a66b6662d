//! What an author declares of one tool.

use etdi_types::{DefinitionSpec, NameError, Permission, Provider, ToolId};

use crate::error::ServerBuildError;
use crate::requirement::Requirement;

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
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct ToolSpec {
    version: String,
    id: Option<String>,
    permissions: Vec<(String, String, bool)>,
    scopes: Vec<String>,
    authorization: bool,
    call_proof: bool,
}

/// A declaration with its defaults filled in.
pub(crate) struct Resolved {
    /// What is to be signed, on no server in particular.
    pub(crate) definition: DefinitionSpec,
    /// What is demanded of callers.
    pub(crate) requirement: Option<Requirement>,
}

impl ToolSpec {
    /// A tool in this version, SemVer without build metadata. Whatever a client can see of the tool
    /// may only change together with it.
    pub fn version(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            id: None,
            permissions: Vec::new(),
            scopes: Vec::new(),
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

    /// Lets only callers whose access token has this scope call the tool; more than one call adds
    /// up. The definition then names the scope as a required permission, unless
    /// [`permission`](Self::permission) does so in better words.
    ///
    /// Needs an identity provider, which
    /// [`attest_with`](crate::SecureServerBuilder::attest_with) or
    /// [`authorize_with`](crate::SecureServerBuilder::authorize_with) gives; without one the server
    /// does not build.
    pub fn requires(mut self, scope: impl Into<String>) -> Self {
        self.authorization = true;
        self.scopes.push(scope.into());
        self
    }

    /// Lets only callers with a valid access token call the tool, whatever its scopes. Needs an
    /// identity provider, as [`requires`](Self::requires) does.
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

    /// What is to be signed for the tool `name` of `provider`, and what is demanded of its callers.
    /// `authorizes`: whether there is an identity provider to judge them.
    pub(crate) fn resolve(
        &self,
        name: &str,
        provider: &Provider,
        authorizes: bool,
    ) -> Result<Resolved, ServerBuildError> {
        if self.authorization && !authorizes {
            return Err(ServerBuildError::NoIdentityProvider { tool: name.to_owned() });
        }
        if self.call_proof {
            return Err(ServerBuildError::NeedsCallProofs { what: format!("the tool `{name}`") });
        }
        let malformed = |source| ServerBuildError::Malformed { tool: name.to_owned(), source };
        let requirement = self
            .authorization
            .then(|| Requirement::of(&self.scopes))
            .transpose()
            .map_err(malformed)?;
        let id = match &self.id {
            Some(id) => id.parse().map_err(malformed)?,
            None => default_id(name, provider)?,
        };
        let version = self.version.parse().map_err(malformed)?;
        let mut definition = DefinitionSpec::new(id, version, provider.clone());
        definition.permissions = self.all_permissions().map_err(malformed)?;
        Ok(Resolved { definition, requirement })
    }

    /// The declared permissions, then those that only `requires` names. What callers must have is
    /// required, however it was declared.
    fn all_permissions(&self) -> Result<Vec<Permission>, NameError> {
        let mut permissions = Vec::new();
        for (scope, description, required) in &self.permissions {
            let mut permission = Permission::optional(scope.parse()?, description);
            permission.required = *required || self.scopes.contains(scope);
            permissions.push(permission);
        }
        for scope in &self.scopes {
            if permissions.iter().any(|permission| permission.scope.as_str() == scope) {
                continue;
            }
            let why = "the server demands it of every caller of this tool";
            permissions.push(Permission::required(scope.parse()?, why));
        }
        Ok(permissions)
    }
}

fn default_id(name: &str, provider: &Provider) -> Result<ToolId, ServerBuildError> {
    let no_default = || ServerBuildError::NoDefaultId {
        tool: name.to_owned(),
        provider: provider.id().to_owned(),
    };
    let host = provider.host().ok_or_else(no_default)?;
    format!("{host}/{name}").parse().map_err(|_| no_default())
}

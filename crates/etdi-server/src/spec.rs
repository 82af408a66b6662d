//! The author's declaration of one tool.

use etdi_types::{DefinitionSpec, NameError, Permission, Provider, ToolId};

use crate::error::ServerBuildError;
use crate::requirement::Requirement;

/// The author's declaration of one tool, in addition to the handler's own description.
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
/// This type does not check its values: errors are reported when the server is built.
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
    /// The specification to sign, without servers.
    pub(crate) definition: DefinitionSpec,
    /// The requirement for callers.
    pub(crate) requirement: Option<Requirement>,
}

impl ToolSpec {
    /// Declares a tool in this version, SemVer without build metadata. Every change that a client
    /// can see in the tool needs a new version.
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

    /// Sets the tool's id, `authority/path`. The default is the host of the provider's id, a slash
    /// and the tool's name.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Adds a permission that the tool cannot work without: one OAuth scope, and a sentence that
    /// says what it is for.
    pub fn permission(self, scope: impl Into<String>, description: impl Into<String>) -> Self {
        self.with_permission(scope.into(), description.into(), true)
    }

    /// Adds a permission that the tool can work without. The permission is not granted unless the
    /// approver selects it.
    pub fn optional_permission(
        self,
        scope: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        self.with_permission(scope.into(), description.into(), false)
    }

    /// Restricts calls of the tool to callers whose access token has this scope. Several scopes are
    /// required together. The definition names each of them as a required permission, with the
    /// description from [`permission`](Self::permission) if there is one.
    ///
    /// Needs an identity provider from [`attest_with`](crate::SecureServerBuilder::attest_with) or
    /// [`authorize_with`](crate::SecureServerBuilder::authorize_with); without a provider the
    /// server is not built.
    pub fn requires(mut self, scope: impl Into<String>) -> Self {
        self.authorization = true;
        self.scopes.push(scope.into());
        self
    }

    /// Restricts calls of the tool to callers with a valid access token, with any scopes. Needs an
    /// identity provider, like [`requires`](Self::requires).
    pub fn require_auth(mut self) -> Self {
        self.authorization = true;
        self
    }

    /// Requires a call proof for each call of the tool. This release does not have call proofs, so
    /// the server is then not built.
    pub fn require_call_proof(mut self) -> Self {
        self.call_proof = true;
        self
    }

    fn with_permission(mut self, scope: String, description: String, required: bool) -> Self {
        self.permissions.push((scope, description, required));
        self
    }

    /// Returns the specification to sign for the tool `name` of `provider`, and the requirement for
    /// its callers. `authorizes`: whether an identity provider can judge the callers.
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

    /// Returns the declared permissions, then those that only `requires` names. A scope that
    /// callers must have is always a required permission.
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

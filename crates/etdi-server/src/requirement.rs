//! The requirement of a tool for its callers.

use std::collections::BTreeSet;

use etdi_oauth::Principal;
use etdi_types::{NameError, Scope};

/// The requirement for callers of one tool: a valid access token with these scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requirement {
    scopes: BTreeSet<String>,
}

impl Requirement {
    pub(crate) fn of(scopes: &[String]) -> Result<Self, NameError> {
        let mut requirement = Self::default();
        for scope in scopes {
            requirement.add(scope)?;
        }
        Ok(requirement)
    }

    pub(crate) fn add(&mut self, scope: &str) -> Result<(), NameError> {
        let _: Scope = scope.parse()?;
        self.scopes.insert(scope.to_owned());
        Ok(())
    }

    pub(crate) fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// Returns all scopes that `principal` lacks, sorted.
    pub(crate) fn missing(&self, principal: &Principal) -> Vec<String> {
        principal.missing_scopes(&self.scopes)
    }

    /// Returns the scopes as a challenge names them: separated by spaces.
    pub(crate) fn scope_text(&self) -> String {
        self.scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

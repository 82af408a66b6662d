//! The rules for the tokens of one issuer.

use std::collections::BTreeSet;

use etdi_types::SigAlg;
use etdi_types::json::Object;
use etdi_types::trust::IssuerKind;

use crate::token_error::TokenError;
use crate::vendor::vendor;

/// The rules for the tokens of one issuer, fixed by the configuration.
#[derive(Clone, Debug)]
pub struct IssuerRules {
    issuer: String,
    kind: IssuerKind,
    algorithms: Vec<SigAlg>,
    rbac: bool,
}

impl IssuerRules {
    /// Returns the rules of an issuer of this kind: RS256 for the vendors' kinds; RS256, ES256 and
    /// EdDSA for a generic issuer.
    #[must_use]
    pub fn new(issuer: impl Into<String>, kind: IssuerKind) -> Self {
        let algorithms = vendor(kind).algorithms().to_vec();
        Self { issuer: issuer.into(), kind, algorithms, rbac: false }
    }

    /// Allows these algorithms only.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SigAlg>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Turns on the rules of Auth0's role-based access control: `permissions` replaces `scope` and
    /// `scp`. Has no effect on other kinds.
    #[must_use]
    pub fn rbac(mut self, rbac: bool) -> Self {
        self.rbac = rbac;
        self
    }

    /// Returns the issuer, which is compared as bytes.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the kind of the issuer.
    #[must_use]
    pub fn kind(&self) -> IssuerKind {
        self.kind
    }

    pub(crate) fn allowed_algorithms(&self) -> &[SigAlg] {
        &self.algorithms
    }

    /// Returns the scopes of a token with these claims.
    pub(crate) fn scopes(&self, claims: &Object<'_>) -> Result<BTreeSet<String>, TokenError> {
        vendor(self.kind).scopes(claims, self.rbac)
    }
}

//! The handle that all sessions and requests of a server share.

use std::path::Path;
use std::sync::Arc;

use etdi_types::{Provider, SigningKey};
use parking_lot::{Mutex, MutexGuard};
use rmcp::ServerHandler;

use crate::attest::Attestor;
use crate::authorize::Authorization;
use crate::builder::{Live, Presigned, SecureServerBuilder, normal, refuse_same_id};
use crate::catalog::Catalog;
use crate::check;
use crate::error::{ServerBuildError, ServerError};
use crate::presigned;
use crate::report::{ServerReporter, tool_ref};
use crate::secured::Secured;
use crate::sign::DefinitionSource;
use crate::spec::{Resolved, ToolSpec};

/// Publishes the definitions of one server's tools and enforces them.
///
/// A clone is cheap and shares all state. A factory that makes a handler once per session or once
/// per request captures a clone.
#[derive(Clone, Debug)]
pub struct SecureServer {
    inner: Arc<SharedServer>,
}

#[derive(Debug)]
pub(crate) struct SharedServer {
    pub(crate) catalog: Mutex<Catalog>,
    pub(crate) provider: Option<Provider>,
    pub(crate) attestor: Option<Attestor>,
    pub(crate) authorization: Option<Authorization>,
    pub(crate) reporter: ServerReporter,
}

impl SecureServer {
    /// Returns a builder of a server that holds the publisher's key and signs the definitions.
    pub fn builder(provider: Provider, key: SigningKey) -> SecureServerBuilder<Live> {
        SecureServerBuilder::live(provider, key)
    }

    /// Returns a builder of a server without a key, which serves definitions that were signed at
    /// build time. `definitions` is the text that [`export`](Self::export) made.
    ///
    /// # Errors
    /// A [`ServerBuildError`] if a definition in the text is not signed, or would be refused by
    /// clients.
    pub fn presigned(
        definitions: &str,
    ) -> Result<SecureServerBuilder<Presigned>, ServerBuildError> {
        SecureServerBuilder::presigned(definitions)
    }

    /// Does the same as [`presigned`](Self::presigned), from a file.
    ///
    /// # Errors
    /// [`ServerBuildError::UnreadableFile`], and the errors of [`presigned`](Self::presigned).
    pub fn presigned_file(
        path: impl AsRef<Path>,
    ) -> Result<SecureServerBuilder<Presigned>, ServerBuildError> {
        let path = path.as_ref();
        let text =
            std::fs::read_to_string(path).map_err(|error| ServerBuildError::UnreadableFile {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
        Self::presigned(&text)
    }

    /// Wraps a handler. Its tools are then served with definitions, and only published tools can be
    /// called.
    pub fn wrap<H>(&self, handler: H) -> Secured<H> {
        Secured::new(self.clone(), handler)
    }

    /// Checks that `handler` serves the declared tools. Lists all pages of its tools through an
    /// in-memory transport, once under each generation of the protocol that the handler speaks and
    /// at least twice. Call this before serving, and do not serve if it fails.
    ///
    /// The definitions that were found are binding from then on: a tool that changes under the same
    /// version is refused whenever it is listed. A server that attests obtains its attestation
    /// here; without this check, it obtains the attestation when its tools are first listed or
    /// called.
    ///
    /// # Errors
    /// [`ServerError::Check`] with all problems, or the reason why the handler cannot be listed;
    /// [`ServerError::NotAttested`].
    pub async fn check<H: ServerHandler>(&self, handler: H) -> Result<(), ServerError> {
        let definitions = check::check(self, Arc::new(handler)).await?;
        match (self.attest(definitions).await, &self.inner.attestor) {
            (Err(source), Some(attestor)) => Err(ServerError::NotAttested {
                issuer: attestor.issuer().to_owned(),
                source: Box::new(source),
            }),
            _ => Ok(()),
        }
    }

    /// Returns the handler's tools with their signed definitions, as the text of a file for
    /// [`presigned`](Self::presigned). The file has no attestation, which would expire there.
    ///
    /// # Errors
    /// The errors of [`check`](Self::check), which runs first, except those of its attestation.
    pub async fn export<H: ServerHandler>(&self, handler: H) -> Result<String, ServerError> {
        let handler = Arc::new(handler);
        check::check(self, Arc::clone(&handler)).await?;
        let declared = check::list_declared(self, handler).await?;
        presigned::write(&declared).map_err(|error| ServerError::NotListed(error.to_string()))
    }

    /// Adds a resource URI (RFC 8707) at which clients reach this server, once its port is known. A
    /// pre-signed server fails here if its definitions were signed for other addresses.
    ///
    /// If an attestation binds digests, call this before [`check`](Self::check). Digests change
    /// with the address, so another attestation would have to be obtained at the first listing.
    ///
    /// # Errors
    /// [`ServerError::AlreadyServing`] once a definition was served without the address;
    /// [`ServerError::Refused`] for an address that is not a resource URI, or for which the
    /// definitions were not signed.
    pub fn served_at(&self, uri: &str) -> Result<(), ServerError> {
        let uri = normal(uri)?;
        let mut catalog = self.catalog();
        for (_, origin) in catalog.origins() {
            if let DefinitionSource::Presigned(signed) = origin {
                signed.refuse_other_server(&uri)?;
            }
        }
        if catalog.add_server(uri.clone()) { Ok(()) } else { Err(ServerError::AlreadyServing(uri)) }
    }

    /// Publishes another version of a declared tool from the next listing on. Calls wait for that
    /// listing to show the tool in its new form.
    ///
    /// Change the handler's tool first, then call this, then tell the clients that the list has
    /// changed. In between, the changed tool is refused. In the other order, the old content would
    /// be published under the new version.
    ///
    /// If an attestation binds digests, the first listing that shows the new version obtains
    /// another attestation, and is refused without it. The new version's
    /// [requirements](ToolSpec::requires) for callers hold at once. If `spec` has the definition
    /// that is declared now, only these requirements change.
    ///
    /// # Errors
    /// [`ServerError::SameVersion`] if `spec` has the id and version that are declared now, but
    /// another definition; [`ServerError::NotDeclared`], [`ServerError::NoKey`],
    /// [`ServerError::Refused`].
    pub fn replace_tool(&self, name: &str, spec: ToolSpec) -> Result<(), ServerError> {
        let provider = self.inner.provider.as_ref().ok_or(ServerError::NoKey)?;
        let Resolved { definition: spec, requirement } =
            spec.resolve(name, provider, self.authorization().is_some())?;
        let mut catalog = self.catalog();
        let Some(DefinitionSource::Live(current)) = catalog.origin(name) else {
            return Err(ServerError::NotDeclared(name.to_owned()));
        };
        if current.id == spec.id && current.version == spec.version && **current != spec {
            return Err(ServerError::SameVersion(name.to_owned()));
        }
        refuse_same_id(catalog.origins(), name, spec.id.as_str())?;
        if **current == spec {
            catalog.require(name, requirement);
            return Ok(());
        }
        let from = current.version.to_string();
        catalog.replace(name, DefinitionSource::Live(spec.into()));
        catalog.require(name, requirement);
        self.inner.reporter.replaced(tool_ref(&catalog, name), from);
        Ok(())
    }

    pub(crate) fn new(inner: SharedServer) -> Self {
        Self::from_inner(Arc::new(inner))
    }

    pub(crate) fn from_inner(inner: Arc<SharedServer>) -> Self {
        Self { inner }
    }

    pub(crate) fn inner(&self) -> &Arc<SharedServer> {
        &self.inner
    }

    /// Returns whether both are handles of one server.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn authorization(&self) -> Option<&Authorization> {
        self.inner.authorization.as_ref()
    }

    /// Locks the catalog. A holder that panics leaves the catalog in a valid state, so the lock
    /// need not be poisoned.
    pub(crate) fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.inner.catalog.lock()
    }

    pub(crate) fn reporter(&self) -> &ServerReporter {
        &self.inner.reporter
    }
}

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
/// A clone is cheap and shares everything, so a factory that makes a handler once a session or once
/// a request captures one.
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
    /// A server that holds the publisher's key and signs what it serves.
    pub fn builder(provider: Provider, key: SigningKey) -> SecureServerBuilder<Live> {
        SecureServerBuilder::live(provider, key)
    }

    /// A server that holds no key and serves what was signed at build time: `definitions` is the
    /// text that [`export`](Self::export) made.
    ///
    /// # Errors
    /// A [`ServerBuildError`] if a definition in it is not signed, or would be refused by clients.
    pub fn presigned(
        definitions: &str,
    ) -> Result<SecureServerBuilder<Presigned>, ServerBuildError> {
        SecureServerBuilder::presigned(definitions)
    }

    /// [`presigned`](Self::presigned), from a file.
    ///
    /// # Errors
    /// [`ServerBuildError::UnreadableFile`], and those of [`presigned`](Self::presigned).
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

    /// Wraps a handler: what is served then carries definitions, and only published tools can be
    /// called.
    pub fn wrap<H>(&self, handler: H) -> Secured<H> {
        Secured::new(self.clone(), handler)
    }

    /// Whether `handler` serves what was declared: its tools are listed through an in-memory
    /// transport, all pages, once under each generation of the protocol that it speaks and at least
    /// twice. Call it before serving, and do not serve if it fails.
    ///
    /// What was found is binding from then on: a tool that changes under the same version is
    /// refused whenever it is listed. A server that attests obtains its attestation here; one that
    /// is not checked does so when its tools are first listed or called.
    ///
    /// # Errors
    /// [`ServerError::Check`] with everything that is wrong, or why the handler could not be
    /// listed; [`ServerError::NotAttested`].
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

    /// The handler's tools with their definitions, signed, as the text of a file for
    /// [`presigned`](Self::presigned). No attestation goes into it: it would expire there.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), which runs first, but for its attestation.
    pub async fn export<H: ServerHandler>(&self, handler: H) -> Result<String, ServerError> {
        let handler = Arc::new(handler);
        check::check(self, Arc::clone(&handler)).await?;
        let declared = check::list_declared(self, handler).await?;
        presigned::write(&declared).map_err(|error| ServerError::NotListed(error.to_string()))
    }

    /// Names a resource URI (RFC 8707) that this server is reached at, once its port is known. A
    /// pre-signed server learns here whether its definitions were signed for that address.
    ///
    /// Call it before [`check`](Self::check) where an attestation binds digests: they change with
    /// the address, and another attestation is obtained with the first listing otherwise.
    ///
    /// # Errors
    /// [`ServerError::AlreadyServing`] once a definition was served without it;
    /// [`ServerError::Refused`] for an address that is no resource URI, or that the definitions
    /// were not signed for.
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
    /// listing to show the tool as it now is.
    ///
    /// Change what the handler serves first, then call this, then tell the clients that the list
    /// has changed. In between, the changed tool is refused; the other way round the new version
    /// would be taken for the old content.
    ///
    /// Where an attestation binds digests, the first listing that shows the new version obtains
    /// another one, and is refused without it. What the new version [requires](ToolSpec::requires)
    /// of callers holds at once. The version that is published now changes nothing but what is
    /// required of callers.
    ///
    /// # Errors
    /// [`ServerError::SameVersion`] if something else is declared under the version that is
    /// published now; [`ServerError::NotDeclared`], [`ServerError::NoKey`],
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

    /// Whether both are handles of one server.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    pub(crate) fn authorization(&self) -> Option<&Authorization> {
        self.inner.authorization.as_ref()
    }

    /// A holder that panics leaves nothing half done, so the lock need not be poisoned.
    pub(crate) fn catalog(&self) -> MutexGuard<'_, Catalog> {
        self.inner.catalog.lock()
    }

    pub(crate) fn reporter(&self) -> &ServerReporter {
        &self.inner.reporter
    }
}

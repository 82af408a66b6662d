//! Why a server is not built, or does not start.

use etdi_types::{DefinitionError, ListingError, NameError, SignatureError, text::escaped};

use crate::Problems;

/// A server that cannot be built as it was described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// An id, version or scope of the wrong form.
    #[error("the declaration of the tool `{}` is malformed: {source}", escaped(tool))]
    Malformed {
        /// The tool's name.
        tool: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// No id was given, and the default one is no tool id.
    #[error(
        "the tool `{}` needs an id: the default, the host of the provider id `{}`, a slash and \
         the tool's name, is not a tool id; give one with `ToolSpec::id(\"docs.example/path\")`, \
         in lower case",
        escaped(tool),
        escaped(provider)
    )]
    NoDefaultId {
        /// The tool's name.
        tool: String,
        /// The provider's id.
        provider: String,
    },
    /// One name was declared twice.
    #[error("the tool `{}` is declared twice; declare each tool once", escaped(.0))]
    DeclaredTwice(String),
    /// Two tools have one id.
    #[error(
        "the tools `{}` and `{}` have the same id; give one of them another with `ToolSpec::id`",
        escaped(.0), escaped(.1)
    )]
    IdTwice(String, String),
    /// Authorization of calls was asked for.
    #[error(
        "the tool `{}` requires scopes or authentication, but authorization of calls is not \
         available without an identity provider: remove `requires` and `require_auth` and check \
         the caller in the handler, or in front of the server",
        escaped(tool)
    )]
    NoIdentityProvider {
        /// The tool's name.
        tool: String,
    },
    /// Strict, or a tool that requires call proofs.
    #[error(
        "{} needs call proofs, which this release does not have: use the level Enhanced, and no \
         `require_call_proof`",
        escaped(what)
    )]
    NeedsCallProofs {
        /// What needs them.
        what: String,
    },
    /// A server address of the wrong form.
    #[error("the address of the server is refused: {0}")]
    Address(String),
    /// The file of signed definitions could not be read.
    #[error(
        "the file of signed definitions `{}` could not be read: {}",
        escaped(path),
        escaped(reason)
    )]
    UnreadableFile {
        /// Its path.
        path: String,
        /// What the operating system said.
        reason: String,
    },
    /// The file of signed definitions is not of the form that `export` writes.
    #[error(
        "the file of signed definitions must be the JSON object that `SecureServer::export` \
         writes: {}",
        escaped(.0)
    )]
    NotDefinitions(String),
    /// A tool in the file of signed definitions that clients would refuse.
    #[error(
        "the tool `{}` in the file of signed definitions is refused: {source}; sign it again",
        escaped(tool)
    )]
    Definition {
        /// The tool's name, or its place in the file.
        tool: String,
        /// Why clients would refuse it.
        source: DefinitionError,
    },
    /// A tool in the file of signed definitions without a definition or without a signature.
    #[error(
        "the tool `{}` in the file of signed definitions is not signed; write the file with \
         `SecureServer::export`",
        escaped(.0)
    )]
    Unsigned(String),
    /// A tool in the file of signed definitions whose signature is no good.
    #[error(
        "the signature of the tool `{}` in the file of signed definitions is refused: {source}; \
         sign it again",
        escaped(tool)
    )]
    Signature {
        /// The tool's name.
        tool: String,
        /// What is wrong with it.
        source: SignatureError,
    },
    /// A definition that was signed for other servers than this one.
    #[error(
        "the tool `{}` was signed for other servers, so clients would take `{}` for an impostor; \
         sign it again with this server's address",
        escaped(tool),
        escaped(server)
    )]
    SignedForOthers {
        /// The tool's name.
        tool: String,
        /// Where it was to be served.
        server: String,
    },
}

/// Something that a built server cannot do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The handler does not serve what was declared. Everything that is wrong is in here.
    #[error("the server must not start:{0}")]
    Check(Problems),
    /// The handler's tools could not be listed.
    #[error("the handler's tools could not be listed: {}", escaped(.0))]
    NotListed(String),
    /// The pages of the handler's listing do not make one list.
    #[error("the handler's tools could not be listed: {0}")]
    Listing(#[from] ListingError),
    /// An address or a tool that cannot be accepted.
    #[error(transparent)]
    Refused(#[from] BuildError),
    /// The address came after definitions had been served without it.
    #[error(
        "definitions were already served without the address `{}`, and one version must stay one \
         definition: call `served_at` before the first client can connect",
        escaped(.0)
    )]
    AlreadyServing(String),
    /// A tool that is not declared was to be replaced.
    #[error("the tool `{}` cannot be replaced: it is not declared", escaped(.0))]
    NotDeclared(String),
    /// A replacement that says something else under the version that it replaces.
    #[error(
        "the tool `{}` cannot be replaced under the same version: give what changes a new one",
        escaped(.0)
    )]
    SameVersion(String),
    /// A pre-signed server was asked to sign.
    #[error("a pre-signed server holds no key: sign a new file of definitions and start again")]
    NoKey,
}

//! Why a server is not built, or does not start.

use etdi_oauth::OAuthError;
use etdi_types::text::escaped;
use etdi_types::{DefinitionError, ListingError, NameError, SignatureError};

use crate::problem::Problems;

/// A server that cannot be built as it was described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerBuildError {
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
         available without an identity provider: give one with `.authorize_with(provider)` or \
         `.attest_with(provider)`, or remove `requires` and `require_auth`",
        escaped(tool)
    )]
    NoIdentityProvider {
        /// The tool's name.
        tool: String,
    },
    /// Callers of a tool that is not in the file of signed definitions were to be authorized.
    #[error("the tool `{}` requires scopes or authentication, but it is not among the signed definitions", escaped(.0))]
    NotSigned(String),
    /// There is an access token for stdio, and nothing says what it must be for.
    #[error(
        "the access token of the process cannot be judged: name what tokens must be for with \
         `.audience(…)`, the identifier of the API, or give the server's address with `.served_at(…)`"
    )]
    NoAudience,
    /// The access token for stdio is refused.
    #[error("the access token of the process is refused: {0}")]
    AccessToken(Box<OAuthError>),
    /// The identity provider cannot attest, though that was asked for.
    #[error(
        "the server is configured to attest its definitions, and the identity provider `{}` does \
         not: {source}",
        escaped(issuer)
    )]
    NotAttested {
        /// The identity provider.
        issuer: String,
        /// Why.
        source: Box<OAuthError>,
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The identity provider did not attest the definitions, and the server is configured to publish
    /// attested ones only.
    #[error(
        "the server must not start: it is configured to attest its definitions, and the identity \
         provider `{}` did not: {source}",
        escaped(issuer)
    )]
    NotAttested {
        /// The identity provider.
        issuer: String,
        /// Why.
        source: Box<OAuthError>,
    },
    /// Calls were to be authorized, and nobody can judge access tokens.
    #[error(
        "calls cannot be authorized without an identity provider: give one with \
         `.authorize_with(provider)` or `.attest_with(provider)`"
    )]
    NoIdentityProvider,
    /// One audience for calls and attestations, which would make a public token a credential.
    #[error(
        "`{}` is the audience of the server's attestations, which are public, and so cannot be the \
         one for calls: register a second API for attestations",
        escaped(.0)
    )]
    AttestationAudience(String),
    /// An address or a tool that cannot be accepted.
    #[error(transparent)]
    Refused(#[from] ServerBuildError),
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

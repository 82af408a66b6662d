//! The errors of building and starting a server.

use etdi_oauth::OAuthError;
use etdi_types::text::escaped;
use etdi_types::{DefinitionError, ListingError, NameError, SignatureError};

use crate::problem::Problems;

/// The server cannot be built as described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerBuildError {
    /// An id, version or scope has the wrong form.
    #[error("the declaration of the tool `{}` is malformed: {source}", escaped(tool))]
    Malformed {
        /// The tool's name.
        tool: String,
        /// The reason.
        source: NameError,
    },
    /// The id is missing, and the default id is not a valid tool id.
    #[error(
        "the tool `{}` needs an id: the default, the host of the provider id `{}`, a slash and \
         the tool's name, is not a tool id; give an id with `ToolSpec::id(\"docs.example/path\")`, \
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
    /// The same name was declared twice.
    #[error("the tool `{}` is declared twice; declare each tool once", escaped(.0))]
    DeclaredTwice(String),
    /// Two tools have the same id.
    #[error(
        "the tools `{}` and `{}` have the same id; give one of them another id with `ToolSpec::id`",
        escaped(.0), escaped(.1)
    )]
    IdTwice(String, String),
    /// Authorization of calls was asked for without an identity provider.
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
    /// The tool is not in the file of signed definitions, so its callers cannot be authorized.
    #[error("the tool `{}` requires scopes or authentication, but it is not among the signed definitions", escaped(.0))]
    NotSigned(String),
    /// The server has an access token for stdio, but does not know the audience that tokens must
    /// have.
    #[error(
        "the audience for the access token of the process is unknown: give the identifier of the \
         API with `.audience(…)`, or the server's address with `.served_at(…)`"
    )]
    NoAudience,
    /// The access token for stdio is refused.
    #[error("the access token of the process is refused: {0}")]
    AccessToken(Box<OAuthError>),
    /// The identity provider cannot attest, although the server is configured to attest.
    #[error(
        "the server is configured to attest its definitions, but the identity provider `{}` \
         cannot: {source}",
        escaped(issuer)
    )]
    NotAttested {
        /// The identity provider.
        issuer: String,
        /// The reason.
        source: Box<OAuthError>,
    },
    /// The level Strict or a tool requires call proofs, which this release does not have.
    #[error(
        "{} needs call proofs, which this release does not have: use the level Enhanced, and do not \
         call `require_call_proof`",
        escaped(what)
    )]
    NeedsCallProofs {
        /// The level or the tool.
        what: String,
    },
    /// A server address has the wrong form.
    #[error("the address of the server is refused: {0}")]
    Address(String),
    /// The file of signed definitions cannot be read.
    #[error("cannot read the file of signed definitions `{}`: {}", escaped(path), escaped(reason))]
    UnreadableFile {
        /// The path of the file.
        path: String,
        /// The answer of the operating system.
        reason: String,
    },
    /// The file of signed definitions does not have the form that `export` writes.
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
        /// The reason why clients would refuse it.
        source: DefinitionError,
    },
    /// A tool in the file of signed definitions has no definition or no signature.
    #[error(
        "the tool `{}` in the file of signed definitions is not signed; write the file with \
         `SecureServer::export`",
        escaped(.0)
    )]
    Unsigned(String),
    /// A tool in the file of signed definitions has a bad signature.
    #[error(
        "the signature of the tool `{}` in the file of signed definitions is refused: {source}; \
         sign it again",
        escaped(tool)
    )]
    Signature {
        /// The tool's name.
        tool: String,
        /// The reason.
        source: SignatureError,
    },
    /// A definition was signed for other servers than this one.
    #[error(
        "the tool `{}` was signed for other servers, so clients would take `{}` for an impostor; \
         sign it again with this server's address",
        escaped(tool),
        escaped(server)
    )]
    SignedForOthers {
        /// The tool's name.
        tool: String,
        /// The address at which it was to be served.
        server: String,
    },
}

/// An operation that a built server cannot do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The handler does not serve the declared tools. The error has all problems.
    #[error("cannot start the server:{0}")]
    Check(Problems),
    /// The handler's tools cannot be listed.
    #[error("cannot list the handler's tools: {}", escaped(.0))]
    NotListed(String),
    /// The pages of the handler's listing do not make one list.
    #[error("cannot list the handler's tools: {0}")]
    Listing(#[from] ListingError),
    /// The identity provider did not attest the definitions, and the server is configured to
    /// publish attested definitions only.
    #[error(
        "cannot start the server: it is configured to attest its definitions, but the identity \
         provider `{}` did not attest them: {source}",
        escaped(issuer)
    )]
    NotAttested {
        /// The identity provider.
        issuer: String,
        /// The reason.
        source: Box<OAuthError>,
    },
    /// Calls cannot be authorized, because the server has no identity provider to judge access
    /// tokens.
    #[error(
        "cannot authorize calls without an identity provider: give one with \
         `.authorize_with(provider)` or `.attest_with(provider)`"
    )]
    NoIdentityProvider,
    /// Calls and attestations have the same audience, so a public attestation would be a credential
    /// for calls.
    #[error(
        "`{}` is the audience of the server's attestations, which are public, so it must not be \
         the audience for calls: register a second API for attestations",
        escaped(.0)
    )]
    AttestationAudience(String),
    /// An address or a tool is refused.
    #[error(transparent)]
    Refused(#[from] ServerBuildError),
    /// The address was added after definitions had been served without it.
    #[error(
        "cannot add the address `{}`: definitions were already served without it, and one version \
         must stay one definition; call `served_at` before the first client can connect",
        escaped(.0)
    )]
    AlreadyServing(String),
    /// The tool to replace is not declared.
    #[error("cannot replace the tool `{}`: it is not declared", escaped(.0))]
    NotDeclared(String),
    /// The replacement has another definition under the same version.
    #[error(
        "cannot replace the tool `{}` under the same version: give the change a new version",
        escaped(.0)
    )]
    SameVersion(String),
    /// A pre-signed server cannot sign.
    #[error(
        "cannot sign: a pre-signed server has no key; sign a new file of definitions and start again"
    )]
    NoKey,
}

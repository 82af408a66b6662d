//! A server is not built if it cannot do what it is configured for.

use etdi_server::{SecureServer, ServerBuildError, ToolSpec};
use etdi_types::{NameError, Provider, SecurityLevel};

use crate::app::{builder, key};

async fn refused(name: &str, spec: ToolSpec) -> ServerBuildError {
    builder(&key()).tool(name, spec).build().await.unwrap_err()
}

#[tokio::test]
async fn authorization_of_calls_needs_an_identity_provider() {
    for spec in [
        ToolSpec::version("1.0.0").requires("execute:tools"),
        ToolSpec::version("1.0.0").require_auth(),
    ] {
        let error = refused("scan", spec).await;
        assert_eq!(error, ServerBuildError::NoIdentityProvider { tool: "scan".to_owned() });
        assert!(
            error.to_string().contains("not available without an identity provider"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn strict_and_call_proofs_are_refused() {
    let strict = builder(&key()).level(SecurityLevel::Strict).build().await.unwrap_err();
    assert_eq!(strict, ServerBuildError::NeedsCallProofs { what: "the level Strict".to_owned() });
    assert!(strict.to_string().contains("needs call proofs"), "{strict}");
    let tool = refused("scan", ToolSpec::version("1.0.0").require_call_proof()).await;
    assert_eq!(tool, ServerBuildError::NeedsCallProofs { what: "the tool `scan`".to_owned() });
}

#[tokio::test]
async fn an_id_that_cannot_be_derived_must_be_given() {
    let expected = |tool: &str, provider: &str| ServerBuildError::NoDefaultId {
        tool: tool.to_owned(),
        provider: provider.to_owned(),
    };
    let error = refused("Scan Document", ToolSpec::version("1.0.0")).await;
    assert_eq!(error, expected("Scan Document", "https://trustedsoft.example"));
    let hostless = Provider::new("urn:example:publisher", "P").unwrap();
    let built = SecureServer::builder(hostless.clone(), key())
        .tool("scan", ToolSpec::version("1.0.0"))
        .build()
        .await;
    assert_eq!(built.unwrap_err(), expected("scan", "urn:example:publisher"));
    let given = ToolSpec::version("1.0.0").id("example.org/scan");
    assert!(SecureServer::builder(hostless, key()).tool("scan", given).build().await.is_ok());
}

#[tokio::test]
async fn malformed_names_are_refused_with_the_tool_that_has_them() {
    let malformed = |source| ServerBuildError::Malformed { tool: "scan".to_owned(), source };
    assert_eq!(
        refused("scan", ToolSpec::version("1.0")).await,
        malformed(NameError::Version("1.0".to_owned()))
    );
    assert_eq!(
        refused("scan", ToolSpec::version("1.0.0").id("A.example/scan")).await,
        malformed(NameError::ToolId("A.example/scan".to_owned()))
    );
    assert_eq!(
        refused("scan", ToolSpec::version("1.0.0").permission("a b", "")).await,
        malformed(NameError::Scope("a b".to_owned()))
    );
}

#[tokio::test]
async fn a_name_or_an_id_is_declared_once() {
    let spec = || ToolSpec::version("1.0.0").id("a.example/x");
    let twice = builder(&key()).tool("a", spec()).tool("b", spec()).build().await;
    assert_eq!(twice.unwrap_err(), ServerBuildError::IdTwice("a".to_owned(), "b".to_owned()));
    let twice = builder(&key()).tool("a", spec()).tool("a", spec()).build().await;
    assert_eq!(twice.unwrap_err(), ServerBuildError::DeclaredTwice("a".to_owned()));
}

#[tokio::test]
async fn an_address_is_a_resource_uri() {
    for bad in ["docs.example/mcp", "https://docs.example/#x", "ftp://docs.example/"] {
        let built = builder(&key()).served_at(bad).build().await;
        assert!(matches!(built, Err(ServerBuildError::Address(_))), "{bad}");
    }
}

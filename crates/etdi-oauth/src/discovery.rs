//! Finds the endpoints of an issuer: RFC 8414 and OpenID Connect Discovery 1.0.

use etdi_types::json::{self, JsonError, JsonErrorKind, Limits, Object, Value};
use etdi_types::text::escaped;

use reqwest::Url;

use crate::http::{BODY_LIMIT, HttpClient, HttpError};

const LIMITS: Limits = Limits::TOOL.with_depth(32).with_bytes(BODY_LIMIT);

/// The endpoints of an issuer, found or configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    pub(crate) token: String,
    pub(crate) jwks: String,
    pub(crate) introspection: Option<String>,
    pub(crate) revocation: Option<String>,
    /// The algorithms with which a DPoP proof may be signed; `None` if the issuer's metadata does
    /// not list them.
    pub(crate) dpop_algorithms: Option<Vec<String>>,
}

impl Endpoints {
    /// Returns the two endpoints that every issuer has: its token endpoint and the address of its
    /// keys.
    #[must_use]
    pub fn new(token: impl Into<String>, jwks: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            jwks: jwks.into(),
            introspection: None,
            revocation: None,
            dpop_algorithms: None,
        }
    }

    /// Sets the address where tokens are introspected (RFC 7662).
    #[must_use]
    pub fn introspection(mut self, url: impl Into<String>) -> Self {
        self.introspection = Some(url.into());
        self
    }

    /// Sets the address where tokens are revoked (RFC 7009).
    #[must_use]
    pub fn revocation(mut self, url: impl Into<String>) -> Self {
        self.revocation = Some(url.into());
        self
    }

    /// Fails if an endpoint may not be requested.
    pub(crate) fn check(&self, http: &HttpClient) -> Result<(), HttpError> {
        let optional = [&self.introspection, &self.revocation];
        [&self.token, &self.jwks]
            .into_iter()
            .chain(optional.into_iter().flatten())
            .try_for_each(|url| http.network().check(url).map(drop))
    }
}

/// The issuer's metadata is missing, or is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The issuer gave no usable answer.
    #[error("cannot fetch the metadata of the issuer \"{}\": {source}", escaped(issuer))]
    Http {
        /// The issuer.
        issuer: String,
        /// The reason.
        source: HttpError,
    },
    /// The issuer answers that it cannot serve its metadata now, and no address has the document.
    #[error(
        "the issuer \"{}\" answers requests for its metadata with status {status}; try again later",
        escaped(issuer)
    )]
    Unavailable {
        /// The issuer.
        issuer: String,
        /// The last such status: 429, or 500 and above.
        status: u16,
    },
    /// The well-known addresses have no document.
    #[error(
        "the issuer \"{}\" has no metadata at {}; check its address, or configure the endpoints",
        escaped(issuer), escaped(&tried.join(", "))
    )]
    NotFound {
        /// The issuer.
        issuer: String,
        /// The addresses that were tried, each with its status or with the reason why its answer is
        /// not the document.
        tried: Vec<String>,
    },
    /// The document names a member twice, or two readers could read it differently in another way.
    #[error("the metadata at \"{}\" is refused: {source}", escaped(url))]
    Json {
        /// The address of the metadata.
        url: String,
        /// The reason.
        source: JsonError,
    },
    /// The document is for another issuer. Names are compared as bytes (RFC 8414, section 3.3).
    #[error(
        "the metadata at \"{}\" is for the issuer \"{}\", not \"{}\"; configure the issuer exactly as \
         it calls itself, its trailing slash included",
        escaped(url),
        escaped(found),
        escaped(expected)
    )]
    IssuerMismatch {
        /// The address of the metadata.
        url: String,
        /// The configured issuer.
        expected: String,
        /// The issuer in the document.
        found: String,
    },
    /// A member is missing or has the wrong form.
    #[error("the metadata at \"{}\" lacks a usable `{member}`", escaped(url))]
    Member {
        /// The address of the metadata.
        url: String,
        /// The member.
        member: &'static str,
    },
    /// The metadata names an endpoint that may not be requested.
    #[error("the issuer \"{}\" names an endpoint that is refused: {source}", escaped(issuer))]
    Endpoint {
        /// The issuer.
        issuer: String,
        /// The reason.
        source: HttpError,
    },
}

impl DiscoveryError {
    /// Returns whether discovery may succeed a moment later.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Http { source, .. } => source.is_transient(),
            Self::Unavailable { .. } => true,
            _ => false,
        }
    }
}

/// Finds the endpoints of `issuer`.
///
/// For an issuer with a path, four addresses are tried: RFC 8414 (the well-known part inserted
/// before the path), then OpenID Connect (appended to the path), then each document in the other
/// form. An answer that is not the document
/// means that the document is at another address: a web server may answer each unknown path with a
/// redirect, with a page, or with `{}`. A document that is found and must not be used is the error
/// only after each form was tried.
pub(crate) async fn discover(http: &HttpClient, issuer: &str) -> Result<Endpoints, DiscoveryError> {
    let unusable = |source| DiscoveryError::Http { issuer: issuer.to_owned(), source };
    let (mut tried, mut failed, mut found) = (Vec::new(), None, None);
    for url in well_known(http.network().check(issuer).map_err(unusable)?) {
        tracing::debug!(url, "looking for the issuer's metadata");
        let why_not = match http.get(&url).await {
            Ok(response) if response.status == 200 => match read(&url, issuer, &response.body) {
                Ok(endpoints) => return checked(http, issuer, endpoints),
                Err(NoEndpoints::NotADocument(why)) => why.to_owned(),
                Err(NoEndpoints::Refused(error)) => {
                    found.get_or_insert(error);
                    continue;
                }
            },
            Ok(response) => {
                if response.status == 429 || response.status >= 500 {
                    failed = Some(response.status);
                }
                response.status.to_string()
            }
            Err(error) if error.is_transient() => return Err(unusable(error)),
            Err(error) => error.to_string(),
        };
        tried.push(format!("{url} ({why_not})"));
    }
    let issuer = issuer.to_owned();
    Err(match (found, failed) {
        (Some(error), _) => error,
        (None, Some(status)) => DiscoveryError::Unavailable { issuer, status },
        (None, None) => DiscoveryError::NotFound { issuer, tried },
    })
}

/// Returns the endpoints if each of them may be requested.
fn checked(
    http: &HttpClient,
    issuer: &str,
    endpoints: Endpoints,
) -> Result<Endpoints, DiscoveryError> {
    let refused = |source| DiscoveryError::Endpoint { issuer: issuer.to_owned(), source };
    endpoints.check(http).map_err(refused).map(|()| endpoints)
}

/// Returns the addresses at which `issuer` may have its metadata. They differ from `issuer` only in
/// the path, so they are always on the same host.
fn well_known(issuer: Url) -> Vec<String> {
    let path = issuer.path().trim_end_matches('/');
    let (oauth, openid) = ("oauth-authorization-server", "openid-configuration");
    let mut paths =
        vec![format!("/.well-known/{oauth}{path}"), format!("{path}/.well-known/{openid}")];
    if !path.is_empty() {
        paths.push(format!("/.well-known/{openid}{path}"));
        paths.push(format!("{path}/.well-known/{oauth}"));
    }
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url.into()
    };
    paths.into_iter().map(at).collect()
}

/// The reason why an answer gives no endpoints.
#[derive(Debug, PartialEq, Eq)]
enum NoEndpoints {
    /// The answer is not metadata of an issuer.
    NotADocument(&'static str),
    /// The answer is metadata that must not be used.
    Refused(DiscoveryError),
}

fn read(url: &str, issuer: &str, body: &[u8]) -> Result<Endpoints, NoEndpoints> {
    let refuse = NoEndpoints::Refused;
    let value = json::parse_any_integer(body, LIMITS).map_err(|source| match source.kind {
        // Two readers could read such a document differently.
        JsonErrorKind::DuplicateMember(_) | JsonErrorKind::ReservedMember(_) => {
            refuse(DiscoveryError::Json { url: url.to_owned(), source })
        }
        _ => NoEndpoints::NotADocument("not JSON"),
    })?;
    let nameless = NoEndpoints::NotADocument("no `issuer`");
    let object = value.as_object().ok_or(NoEndpoints::NotADocument("not an object"))?;
    let text = |member| text(object, member).map(str::to_owned);
    let found = text("issuer").ok_or(nameless)?;
    if found != issuer {
        return Err(refuse(DiscoveryError::IssuerMismatch {
            url: url.to_owned(),
            expected: issuer.to_owned(),
            found,
        }));
    }
    let lacks = |member| refuse(DiscoveryError::Member { url: url.to_owned(), member });
    let strings = |value: &Value<'_>| -> Option<Vec<String>> {
        let texts = value.as_array()?.iter().map(Value::as_str);
        Some(texts.flatten().map(str::to_owned).collect())
    };
    Ok(Endpoints {
        token: text("token_endpoint").ok_or_else(|| lacks("token_endpoint"))?,
        jwks: text("jwks_uri").ok_or_else(|| lacks("jwks_uri"))?,
        introspection: text("introspection_endpoint"),
        revocation: text("revocation_endpoint"),
        dpop_algorithms: object.get("dpop_signing_alg_values_supported").and_then(strings),
    })
}

fn text<'v>(object: &'v Object<'_>, member: &str) -> Option<&'v str> {
    object.get(member).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Network;

    #[test]
    fn both_path_forms_are_tried() {
        assert_eq!(
            well_known("https://a.example/oauth2/default".parse().unwrap()),
            [
                "https://a.example/.well-known/oauth-authorization-server/oauth2/default",
                "https://a.example/oauth2/default/.well-known/openid-configuration",
                "https://a.example/.well-known/openid-configuration/oauth2/default",
                "https://a.example/oauth2/default/.well-known/oauth-authorization-server",
            ]
        );
        for issuer in ["https://a.example", "https://a.example/"] {
            assert_eq!(
                well_known(issuer.parse().unwrap()),
                [
                    "https://a.example/.well-known/oauth-authorization-server",
                    "https://a.example/.well-known/openid-configuration",
                ]
            );
        }
    }

    #[test]
    fn the_metadata_is_on_the_host_of_the_issuer() {
        for issuer in [
            "https://a.example?b.example/x",
            "https://a.example:8443/x?at=https://b.example/",
            "https://[2001:db8::1]/x",
            "https://A.example/b.example",
        ] {
            let issuer: Url = issuer.parse().unwrap();
            for url in well_known(issuer.clone()) {
                let url: Url = url.parse().unwrap();
                assert_eq!(url.origin(), issuer.origin(), "{url}");
                assert!(url.path().contains("/.well-known/"), "{url}");
            }
        }
    }

    #[tokio::test]
    async fn an_issuer_that_is_not_a_url_is_not_asked() {
        let http = HttpClient::new(Network::default()).unwrap();
        for issuer in ["https:/a.example", "a.example", "https://b@a.example", "http://a.example"] {
            assert!(
                matches!(discover(&http, issuer).await, Err(DiscoveryError::Http { .. })),
                "{issuer}"
            );
        }
    }

    #[test]
    fn the_issuer_must_match_to_the_byte() {
        let body = br#"{"issuer":"https://a.example/","token_endpoint":"https://a.example/t","jwks_uri":"https://a.example/k"}"#;
        assert!(read("u", "https://a.example/", body).is_ok());
        assert_eq!(
            read("u", "https://a.example", body),
            Err(NoEndpoints::Refused(DiscoveryError::IssuerMismatch {
                url: "u".to_owned(),
                expected: "https://a.example".to_owned(),
                found: "https://a.example/".to_owned(),
            }))
        );
    }

    #[test]
    fn a_duplicate_member_refuses_the_metadata() {
        let body = br#"{"issuer":"https://a.example","issuer":"https://b.example"}"#;
        assert!(matches!(
            read("u", "https://a.example", body),
            Err(NoEndpoints::Refused(DiscoveryError::Json { .. }))
        ));
    }
}

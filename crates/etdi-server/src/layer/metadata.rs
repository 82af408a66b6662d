//! Protected resource metadata (RFC 9728).

use std::collections::BTreeSet;

use bytes::Bytes;
use etdi_types::ResourceUri;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;
use url::{ParseError, Url};

use super::challenge::json_response;
use crate::server::SecureServer;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The addresses of the metadata of one resource.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    resource: String,
    /// The URL with the resource's path and query (RFC 9728, section 3.1).
    url: String,
    /// The path of `url`.
    path: String,
}

impl Metadata {
    /// Puts the well-known part between the host of `resource` and its path.
    pub(super) fn of(resource: &ResourceUri) -> Result<Self, ParseError> {
        let mut url = Url::parse(resource.as_str())?;
        let path = match url.path() {
            "/" => WELL_KNOWN.to_owned(),
            path => format!("{WELL_KNOWN}{path}"),
        };
        url.set_path(&path);
        let path = url.path().to_owned();
        Ok(Self { resource: resource.as_str().to_owned(), url: url.into(), path })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn is_at(&self, path: &str) -> bool {
        path == WELL_KNOWN || path == self.path
    }

    pub(super) fn document(&self, secure: &SecureServer) -> String {
        self.value(secure).to_string()
    }

    pub(super) fn answer(&self, method: &Method, secure: &SecureServer) -> Response<Full<Bytes>> {
        let mut response = match *method {
            Method::GET | Method::HEAD => json_response(StatusCode::OK, &self.value(secure)),
            Method::OPTIONS => json_response(StatusCode::OK, &json!({})),
            _ => json_response(StatusCode::METHOD_NOT_ALLOWED, &json!({})),
        };
        let headers = response.headers_mut();
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        // The metadata is public, and clients in browsers read it too.
        for name in [
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            header::ACCESS_CONTROL_ALLOW_METHODS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
        ] {
            headers.insert(name, HeaderValue::from_static("*"));
        }
        response
    }

    fn value(&self, secure: &SecureServer) -> serde_json::Value {
        let issuers =
            secure.authorization().map(|known| known.authorizer.issuers()).unwrap_or_default();
        let catalog = secure.catalog();
        let scopes: BTreeSet<_> =
            catalog.requirements().flat_map(|requirement| requirement.scopes()).collect();
        json!({
            "resource": self.resource,
            "authorization_servers": issuers,
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_path_goes_between_host_and_path() {
        for (resource, url) in [
            ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
            (
                "https://a.example:8443/x/mcp",
                "https://a.example:8443/.well-known/oauth-protected-resource/x/mcp",
            ),
            // A slash in the query does not end the path, and a slash at the end of the query
            // stays.
            (
                "https://a.example/?next=/mcp",
                "https://a.example/.well-known/oauth-protected-resource?next=/mcp",
            ),
            (
                "https://[::1]:8080/x//y/",
                "https://[::1]:8080/.well-known/oauth-protected-resource/x//y/",
            ),
            (
                "https://a.example/mcp?t=1",
                "https://a.example/.well-known/oauth-protected-resource/mcp?t=1",
            ),
        ] {
            let resource = ResourceUri::parse(resource).unwrap();
            assert_eq!(Metadata::of(&resource).unwrap().url(), url);
        }
    }
}

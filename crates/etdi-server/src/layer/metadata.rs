//! Protected resource metadata (RFC 9728).

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;

use super::challenge::json_response;
use crate::SecureServer;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Where the metadata of one resource is.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    resource: String,
    /// With the resource's path and query (RFC 9728, section 3.1).
    url: String,
    /// The path of `url`.
    path: String,
}

impl Metadata {
    /// `resource` is in normal form, so it has a path.
    pub(super) fn of(resource: &str) -> Self {
        let (scheme, rest) = resource.split_once("://").unwrap_or(("https", resource));
        let (authority, after) = rest.split_once('/').unwrap_or((rest, ""));
        let (path, query) = after.split_once('?').map_or((after, None), |(p, q)| (p, Some(q)));
        let path = match path {
            "" => WELL_KNOWN.to_owned(),
            path => format!("{WELL_KNOWN}/{path}"),
        };
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Self {
            resource: resource.to_owned(),
            url: format!("{scheme}://{authority}{path}{query}"),
            path,
        }
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
        // It is public, and clients in browsers read it too.
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
            (
                "https://a.example/mcp?t=1",
                "https://a.example/.well-known/oauth-protected-resource/mcp?t=1",
            ),
        ] {
            assert_eq!(Metadata::of(resource).url(), url);
        }
    }
}

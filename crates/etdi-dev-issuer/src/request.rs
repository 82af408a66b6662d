//! Token requests and their refusals.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{Form, FromRequest};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::KeyError;
use crate::registration::IssuerLayout;

/// The parameters of a request, which is a form or JSON.
pub(crate) struct Parameters {
    values: BTreeMap<String, String>,
    pub(crate) headers: HeaderMap,
}

impl Parameters {
    pub(crate) async fn read(request: Request<Body>) -> Result<Self, Denial> {
        let headers = request.headers().clone();
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|value| value.starts_with("application/json"));
        let values = if is_json {
            Json::from_request(request, &()).await.map(|Json(values)| values).ok()
        } else {
            Form::from_request(request, &()).await.map(|Form(values)| values).ok()
        };
        match values {
            Some(values) => Ok(Self { values, headers }),
            None => Err(Denial::new(400, "invalid_request", "the body is neither a form nor JSON")),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns the API that the token is for.
    pub(crate) fn audience(&self, layout: IssuerLayout) -> Option<&str> {
        match layout {
            IssuerLayout::Auth0 => self.get("audience"),
            IssuerLayout::Plain => self.get("resource"),
        }
    }
}

/// A refusal (RFC 6749, section 5.2).
#[derive(Debug)]
pub(crate) struct Denial {
    status: StatusCode,
    code: &'static str,
    description: String,
    nonce: Option<String>,
}

impl Denial {
    pub(crate) fn new(status: u16, code: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST),
            code,
            description: description.into(),
            nonce: None,
        }
    }

    /// Returns the refusal for the layout. The tuples have the status, the code and, for Auth0, the
    /// description.
    pub(crate) fn in_layout(
        layout: IssuerLayout,
        auth0: (u16, &'static str, String),
        plain: (u16, &'static str),
    ) -> Self {
        let (status, code, description) = match layout {
            IssuerLayout::Auth0 => auth0,
            IssuerLayout::Plain => (plain.0, plain.1, String::new()),
        };
        Self::new(status, code, description)
    }

    /// Asks for a proof with this nonce (RFC 9449, section 8).
    pub(crate) fn use_nonce(nonce: &str) -> Self {
        let description = "the DPoP proof needs the nonce of the DPoP-Nonce header";
        Self { nonce: Some(nonce.to_owned()), ..Self::new(400, "use_dpop_nonce", description) }
    }
}

impl From<KeyError> for Denial {
    fn from(error: KeyError) -> Self {
        Self::new(500, "server_error", error.to_string())
    }
}

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let body = json!({"error": self.code, "error_description": self.description});
        let headers = [(CACHE_CONTROL, "no-store")];
        let mut response = (self.status, headers, Json(body)).into_response();
        if let Some(nonce) = self.nonce.and_then(|nonce| HeaderValue::from_str(&nonce).ok()) {
            response.headers_mut().insert(HeaderName::from_static("dpop-nonce"), nonce);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(content_type: &str, body: &str) -> Result<Parameters, Denial> {
        let request = Request::post("/").header(CONTENT_TYPE, content_type);
        Parameters::read(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    #[tokio::test]
    async fn a_form_and_json_are_read_alike() {
        let form = read("application/x-www-form-urlencoded", "audience=https%3A%2F%2Fa%2F").await;
        let json = read("application/json", r#"{"audience": "https://a/"}"#).await;
        for parameters in [form.unwrap(), json.unwrap()] {
            assert_eq!(parameters.audience(IssuerLayout::Auth0), Some("https://a/"));
            assert_eq!(parameters.audience(IssuerLayout::Plain), None);
        }
    }

    #[tokio::test]
    async fn anything_else_is_an_invalid_request() {
        for (content_type, body) in [("text/plain", "a=b"), ("application/json", "[1]")] {
            let denial = read(content_type, body).await.err().unwrap();
            assert_eq!((denial.status.as_u16(), denial.code), (400, "invalid_request"));
        }
    }
}

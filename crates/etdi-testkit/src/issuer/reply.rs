//! Requests to an issuer, and its answers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode};
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::keys::FIRST;

/// A request that an endpoint received.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub form: BTreeMap<String, String>,
}

/// The answer of an endpoint.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(value: &Value) -> Self {
        Self::text(200, value.to_string())
    }

    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into().into_bytes() }
    }

    pub fn error(status: u16, error: &str, description: &str) -> Self {
        let body = json!({ "error": error, "error_description": description });
        Self { status, ..Self::json(&body) }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn response(self) -> Response<Body> {
        let mut response = Response::builder().status(StatusCode::from_u16(self.status).unwrap());
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(self.body)).unwrap()
    }
}

/// The issuer's answer to a request for its keys.
#[derive(Clone, Debug)]
pub enum Jwks {
    /// These keys.
    Keys(Vec<Value>),
    /// The status 503.
    Down,
    /// A body of `count` bytes. `told` is whether the header has the length.
    Bytes { count: usize, told: bool },
    /// A body that never ends.
    Endless,
    /// The beginning of a body that never continues.
    Stuck,
    /// A redirect.
    Redirect(String),
    /// The key [`FIRST`]. Each answer waits for a permit from the test.
    Held(Arc<Semaphore>),
}

impl Jwks {
    pub(super) async fn response(self) -> Response<Body> {
        let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[b' '; 1 << 14]));
        let body = match self {
            Self::Keys(keys) => json!({"keys": keys}).to_string().into(),
            Self::Down => return Reply::text(503, "").response(),
            Self::Bytes { count, told: true } => vec![b' '; count].into(),
            Self::Bytes { count, told: false } => {
                Body::from_stream(stream::repeat_with(chunk).take(count / (1 << 14)))
            }
            Self::Endless => Body::from_stream(stream::repeat_with(chunk)),
            Self::Stuck => {
                let start = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{\"keys\":["))]);
                Body::from_stream(start.chain(stream::pending()))
            }
            Self::Redirect(to) => {
                return Reply::text(302, "").header("location", to).response();
            }
            Self::Held(gate) => {
                gate.acquire().await.unwrap().forget();
                json!({"keys": [FIRST.jwk()]}).to_string().into()
            }
        };
        Response::builder().header("content-type", "application/json").body(body).unwrap()
    }
}

//! Checks that no log of a run holds a secret or a token.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use etdi_events::{Emitter, JsonLinesSink};
use etdi_oauth::{
    AttestationConfig, AttestationRequest, Auth0Provider, BearerToken, Expectations, OAuthProvider,
    TokenRequest,
};
use etdi_testkit::issuer::{API, ATTESTATIONS, CLAIM, Issuer, Reply, SECRET};
use etdi_testkit::keys::{FIRST, SECOND};
use etdi_types::{Digest, SigningKey};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::keys::with;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn a_full_run_at_trace_shows_no_secret_and_no_token() {
    let logs = Captured::default();
    // This subscriber is for the whole process. If tests share a process, the logs of the other
    // tests are searched too. `httpmock`, which some tests use, logs the requests that it receives,
    // so its logs are off.
    tracing_subscriber::fmt()
        .with_env_filter("trace,httpmock=off")
        .with_ansi(false)
        .with_writer(logs.clone())
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let secrets = runtime.block_on(run(&logs));
    let text = String::from_utf8(logs.0.lock().unwrap().clone()).unwrap();
    for step in ["fetching keys", "asking for an access token", "got a token", "a token is valid"] {
        assert!(text.contains(step), "`{step}` is not logged");
    }
    assert!(secrets.len() > 8);
    for secret in secrets {
        assert!(secret.len() > 8);
        assert!(!text.contains(&secret), "a log shows {secret}");
    }
}

/// Uses the operations of a provider, and returns every secret and token of the run.
async fn run(logs: &Captured) -> Vec<String> {
    let issuer = Issuer::start().await;
    let emitter = Emitter::new(Arc::clone(&issuer.clock), "test");
    emitter.attach(JsonLinesSink::new(logs.clone())).unwrap();
    let attestations = AttestationConfig::audience(ATTESTATIONS).claim(CLAIM);
    let config = issuer.config().attestations(attestations).events(emitter.clone());
    let mut secrets = vec![SECRET.to_owned(), urlencoded(SECRET)];
    tracing::debug!(?config, "the configuration");
    let auth0 = Auth0Provider::initialize(config).await.unwrap();
    let expected = Expectations::audience(API).scope("execute:tools");
    let request = TokenRequest::for_tool("trustedsoft.example/scan").scope("execute:tools");
    for _ in 0..2 {
        let token = auth0.token(&request).await.unwrap();
        auth0.validate(&token, &expected).await.unwrap();
        tracing::debug!(?token, ?auth0, "a token");
        keep(&mut secrets, token.expose());
        issuer.clock.advance(Duration::from_secs(3600 - 149));
    }
    let key = SigningKey::generate().unwrap();
    let pem = key.to_pem().unwrap();
    secrets.extend(pem.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
    let attested = AttestationRequest::new()
        .definition("a.example/b".parse().unwrap(), "1.0.0".parse().unwrap(), Digest::of(b"x"))
        .key(key);
    let attestation = auth0.attestation(&attested).await.unwrap();
    tracing::debug!(?attestation, ?attested, "an attestation");
    keep(&mut secrets, attestation.as_str());
    let changes = [
        json!({ "exp": 1 }),
        json!({ "aud": "other" }),
        json!({ "iss": "other" }),
        json!({ "azp": 7 }),
        json!({ "cnf": { "jkt": "x" } }),
    ];
    let mut bad: Vec<_> =
        changes.iter().map(|change| FIRST.sign(&with(issuer.claims(), change))).collect();
    bad.push(SECOND.sign(&issuer.claims()));
    bad.push("an-opaque-token-that-is-secret".to_owned());
    for token in bad {
        let error = auth0.validate(&BearerToken::new(token.clone()), &expected).await.unwrap_err();
        tracing::debug!(%error, ?error, "refused");
        keep(&mut secrets, &token);
    }
    let token = auth0.token(&request).await.unwrap();
    issuer.reply("/oauth/revoke", Reply::text(200, ""));
    auth0.revoke(&token).await.unwrap();
    for reply in [
        Reply::error(401, "invalid_client", SECRET),
        Reply::error(400, SECRET, SECRET),
        Reply::text(503, SECRET),
        Reply::text(200, SECRET),
    ] {
        issuer.reply("/oauth/token", reply);
        let error = auth0.token(&request).await.unwrap_err();
        tracing::debug!(%error, ?error, "refused");
    }
    for seen in issuer.seen("/oauth/token") {
        if let Some(proof) = seen.headers.get("dpop") {
            keep(&mut secrets, proof.to_str().unwrap());
        }
    }
    assert!(emitter.flush(Duration::from_secs(60)));
    secrets
}

/// Remembers a token, and the signature, which is the part that must stay secret.
fn keep(secrets: &mut Vec<String>, token: &str) {
    secrets.push(token.to_owned());
    if let Some((_, signature)) = token.rsplit_once('.') {
        secrets.push(signature.to_owned());
    }
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

//! Tests that no input makes a parser panic, and that the parts of an accepted text agree with each
//! other.

use etdi_types::json::{Limits, parse, parse_canonical, strings_named};
use etdi_types::jws::DetachedJws;
use etdi_types::{
    Diff, Instructions, Jwk, Listing, Page, ResourceUri, ServerIdentity, SigningKey,
    ToolDefinition, TrustConfig,
};
use proptest::prelude::*;

const TOOL: &str = r#"{"name":"scan","description":"a\u00e9\ud83d\ude00\n","inputSchema":{"maximum":1.5e3},"_meta":{"dev.etdi/definition":{"schema":1,"id":"a.example/scan","name":"scan","version":"1.2.0-rc.1","provider":{"id":"https://a.example","name":"A"},"servers":["stdio"],"permissions":[{"scope":"x","description":"","required":true}],"require_call_proof":true,"signature":"e30..AA","attestation":"a.b.c"}}}"#;
const JWK: &str = r#"{"kty":"EC","crv":"P-256","kid":"k","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const JWS: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImsiLCJ0eXAiOiJldGRpLWRlZmluaXRpb24randzIn0..hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const TRUST: &str = "[[provider]]\nid = 'https://a.example'\nauthorities = ['a.example']\nrevoked = ['kid:k', 'a.example/x@<1.0.0']\n[[provider.keys]]\nkty = 'OKP'\ncrv = 'Ed25519'\nkid = 'k'\nx = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'\n";
const URI: &str = "https://user@Docs.Example:8443/a/./b?c=%2f#d";

/// Changes a valid text: bytes are replaced, removed and inserted.
fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0..3u8, any::<u8>());
    proptest::collection::vec(edit, 0..6).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (index, kind, byte) in edits {
            let at = index.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at.min(bytes.len()), byte),
            }
        }
        bytes
    })
}

fn bytes_like(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        mutated(text),
        proptest::collection::vec(any::<u8>(), 0..64),
        // The characters that have a meaning for a JSON reader.
        proptest::collection::vec(
            proptest::sample::select(br#"{}[]",:\u0dDeE+-.19 tfn"#.to_vec()),
            0..64
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn definitions(bytes in bytes_like(TOOL)) {
        if let Ok(definition) = ToolDefinition::parse(&bytes) {
            prop_assert_eq!(definition.raw().as_bytes(), &bytes[..]);
            prop_assert_eq!(etdi_types::Digest::of(definition.canonical().as_bytes()), definition.digest());
            prop_assert!(parse_canonical(definition.canonical()).is_ok());
            // Every other reader accepts a text that the strict reader accepts.
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
            let _ = definition.description();
            Diff::between(definition.canonical(), "{}").to_string();
        }
    }

    #[test]
    fn texts(bytes in bytes_like(TOOL)) {
        if parse(&bytes, Limits::TOOL).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            parse_canonical(text).ok();
            let _ = strings_named(text, "name");
        }
        Instructions::from_response(&bytes).ok();
    }

    #[test]
    fn pages(tools in proptest::collection::vec(bytes_like(TOOL), 0..4), envelope in mutated(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[@],"nextCursor":"c"}}"#)) {
        let tools = tools.join(&b',');
        let message = match envelope.iter().position(|b| *b == b'@') {
            Some(at) => [&envelope[..at], &tools, &envelope[at + 1..]].concat(),
            None => envelope,
        };
        if let Ok(page) = Page::parse(&message) {
            let mut listing = Listing::default();
            listing.add(page).unwrap();
            let listed = listing.tools();
            // Every text that is judged is in the message, unchanged.
            for tool in &listed {
                prop_assert!(message.windows(tool.raw.len().max(1)).any(|w| w == tool.raw.as_bytes()));
            }
            // If all are accepted, every other reader sees the same tools.
            if listed.iter().all(|tool| tool.definition.is_ok()) {
                let value: serde_json::Value = serde_json::from_slice(&message).unwrap();
                let names: Vec<_> = value["result"]["tools"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap().to_owned()).collect();
                let ours: Vec<_> = listed.iter().map(|t| t.definition.as_ref().unwrap().served_name().to_owned()).collect();
                prop_assert_eq!(names, ours);
            }
        }
    }

    #[test]
    fn signatures(bytes in bytes_like(JWS)) {
        if let Ok(text) = std::str::from_utf8(&bytes)
            && let Ok(jws) = DetachedJws::parse(text)
        {
            let keys = [Jwk::from_json(JWK).unwrap()];
            jws.select(&keys).ok();
        }
    }

    #[test]
    fn keys(bytes in bytes_like(JWK)) {
        if let Ok(text) = std::str::from_utf8(&bytes) {
            if let Ok(jwk) = Jwk::from_json(text) {
                prop_assert!(jwk.verifying_key().is_ok());
                prop_assert_eq!(jwk.thumbprint().len(), 43);
            }
            SigningKey::from_pem(text).ok();
        }
    }

    #[test]
    fn trust_configurations(bytes in bytes_like(TRUST)) {
        if let Ok(text) = std::str::from_utf8(&bytes) {
            TrustConfig::parse(text).ok();
        }
    }

    #[test]
    fn resource_uris(bytes in bytes_like(URI)) {
        if let Ok(text) = std::str::from_utf8(&bytes) {
            if let Ok(uri) = ResourceUri::parse(text) {
                // A token goes to the URL and an approval belongs to the identity, so both must be
                // equal.
                let url = url::Url::parse(text).unwrap();
                prop_assert_eq!(url.as_str(), uri.as_str());
                prop_assert_eq!(ResourceUri::parse(uri.as_str()), Ok(uri));
            }
            text.parse::<ServerIdentity>().ok();
        }
    }
}

#[test]
fn the_samples_that_are_mutated_are_valid() {
    assert!(ToolDefinition::parse(TOOL.as_bytes()).is_ok());
    assert!(Jwk::from_json(JWK).is_ok());
    assert!(DetachedJws::parse(JWS).is_ok());
    assert!(TrustConfig::parse(TRUST).is_ok());
    assert!(ResourceUri::parse("https://docs.example:8443/a/b?c=%2f").is_ok());
}

//! Vectors of servers and instructions.

use etdi_types::identity::ResourceUriError;
use etdi_types::{Instructions, ResourceUri, ServerIdentity, StdioCommand};
use serde::Deserialize;

use crate::files::{Head, json_refusal, run, same};

#[derive(Deserialize)]
struct Identity {
    #[serde(flatten)]
    head: Head,
    resource_uri: Option<String>,
    normal: Option<String>,
    command: Option<StdioCommand>,
    identity: Option<String>,
    response: Option<String>,
    text: Option<String>,
    canonical: Option<String>,
    digest: Option<String>,
    refused: Option<String>,
}

#[test]
fn servers_and_instructions_have_their_identity() {
    run::<Identity>(
        "identities.json",
        |v| &v.head,
        |v| {
            if let Some(text) = &v.resource_uri {
                resource_uri(v, text)
            } else if let Some(command) = &v.command {
                same(&Some(command.digest().to_string()), &v.digest)?;
                let server = ServerIdentity::from(command);
                same(&Some(server.to_string()), &v.identity)?;
                same(&server.to_string().parse(), &Ok(server))
            } else {
                instructions(v, v.response.as_ref().unwrap())
            }
        },
    );
}

fn resource_uri(v: &Identity, text: &str) -> Result<(), String> {
    match ResourceUri::parse(text) {
        Ok(uri) => {
            same(&Some(uri.as_str()), &v.normal.as_deref())?;
            // The normal form of a normal form is itself.
            same(&ResourceUri::parse(uri.as_str()), &Ok(uri))
        }
        Err(error) => {
            let refused = match error {
                ResourceUriError::NotAbsolute(_) => "not_absolute",
                ResourceUriError::Fragment(_) => "fragment",
                ResourceUriError::Credentials => "credentials",
                ResourceUriError::NotNormal(..) => "not_normal",
                _ => "?",
            };
            same(&Some(refused), &v.refused.as_deref())
        }
    }
}

fn instructions(v: &Identity, response: &str) -> Result<(), String> {
    match Instructions::from_response(response.as_bytes()) {
        Ok(found) => {
            let found = found.as_ref();
            same(&found.map(Instructions::text), &v.text.as_deref())?;
            let canonical = found.map(|i| i.canonical().to_string());
            same(&canonical, &v.canonical)?;
            same(&found.map(|i| i.digest().to_string()), &v.digest)
        }
        Err(error) => same(&Some(json_refusal(&error.kind)), &v.refused.as_deref()),
    }
}

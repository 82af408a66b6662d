//! The token endpoint: client credentials (RFC 6749, section 4.4).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use etdi_types::ToolId;
use serde_json::{Map, Value, json};

use crate::DEFINITIONS_CLAIM;
use crate::error::KeyError;
use crate::key::{random_text, sign_with_secret};
use crate::registration::{Api, IssuerLayout, RegisteredClient, TokenAlgorithm};
use crate::request::{Denial, Parameters};
use crate::tenant::Tenant;

pub(crate) async fn answer(State(tenant): State<Arc<Tenant>>, request: Request<Body>) -> Response {
    let granted = match Parameters::read(request).await {
        Ok(parameters) => tenant.grant(&parameters),
        Err(denial) => Err(denial),
    };
    match granted {
        Ok(token) => ([(CACHE_CONTROL, "no-store")], Json(token)).into_response(),
        Err(denial) => denial.into_response(),
    }
}

impl Tenant {
    fn grant(&self, asked: &Parameters) -> Result<Value, Denial> {
        let client = self.authenticate(asked)?;
        if asked.get("grant_type") != Some("client_credentials") {
            return Err(Denial::new(403, "unsupported_grant_type", "Unsupported grant type"));
        }
        let (api, granted) = self.authorize(client, asked)?;
        let scopes: Vec<&str> = match asked.get("scope") {
            // Scopes that were not granted are dropped without an error, as in Auth0.
            Some(scopes) => {
                scopes.split(' ').filter(|scope| granted.iter().any(|one| one == scope)).collect()
            }
            None => granted.clone(),
        };
        let now = self.clock.now().unix_timestamp();
        let key = self.proofs.check(&asked.headers, &self.urls.token_endpoint, now)?;
        let mut claims = self.claims(client, api, now)?;
        if !scopes.is_empty() {
            claims.insert("scope".to_owned(), scopes.join(" ").into());
        }
        if let Some(thumbprint) = &key {
            claims.insert("cnf".to_owned(), json!({"jkt": thumbprint}));
        }
        if let Some(definitions) = asked.get("etdi_definitions").filter(|_| api.attests) {
            claims.insert(DEFINITIONS_CLAIM.to_owned(), attestable(client, definitions)?);
        }
        let token = self.sign(api, &claims.into())?;
        let mut answer = json!({
            "access_token": token,
            "token_type": if key.is_some() { "DPoP" } else { "Bearer" },
            "expires_in": api.seconds(),
        });
        if let Some(answer) = answer.as_object_mut().filter(|_| !scopes.is_empty()) {
            answer.insert("scope".to_owned(), scopes.join(" ").into());
        }
        Ok(answer)
    }

    /// Returns the client with the id and the secret in the request. Counts requests that name a
    /// known client.
    fn authenticate(&self, asked: &Parameters) -> Result<&RegisteredClient, Denial> {
        let unauthorized = || {
            let auth0 = (401, "access_denied", "Unauthorized".to_owned());
            Denial::in_layout(self.layout, auth0, (401, "invalid_client"))
        };
        let mut known = self.clients.iter();
        let client = known
            .find(|known| asked.get("client_id") == Some(known.id()))
            .ok_or_else(unauthorized)?;
        self.requests.count(client);
        if asked.get("client_secret") == Some(client.expose_secret()) {
            Ok(client)
        } else {
            Err(unauthorized())
        }
    }

    /// Returns the API that the token is for, and the client's scopes there.
    fn authorize<'a>(
        &'a self,
        client: &'a RegisteredClient,
        asked: &Parameters,
    ) -> Result<(&'a Api, Vec<&'a str>), Denial> {
        let layout = self.layout;
        let audience = asked.audience(layout).unwrap_or_default();
        let api = self.apis.iter().find(|api| api.identifier == audience);
        let api = api.ok_or_else(|| {
            let auth0 = (403, "access_denied", format!("Service not found: {audience}"));
            Denial::in_layout(layout, auth0, (400, "invalid_target"))
        })?;
        let granted = client.scopes_of(audience).ok_or_else(|| {
            let words = format!("Client is not authorized to access \"{audience}\".");
            let auth0 = (403, "access_denied", words);
            Denial::in_layout(layout, auth0, (400, "unauthorized_client"))
        })?;
        let granted = granted.iter().filter(|scope| api.scopes.contains(scope));
        Ok((api, granted.map(String::as_str).collect()))
    }

    fn claims(
        &self,
        client: &RegisteredClient,
        api: &Api,
        now: i64,
    ) -> Result<Map<String, Value>, Denial> {
        let id = client.id();
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.urls.issuer.clone().into());
        set("aud", api.identifier.clone().into());
        set("iat", now.into());
        set("exp", now.saturating_add(api.seconds()).into());
        match self.layout {
            IssuerLayout::Auth0 => {
                set("sub", format!("{id}@clients").into());
                set("azp", id.into());
                set("gty", "client-credentials".into());
            }
            // The claims of RFC 9068, section 2.2.
            IssuerLayout::Plain => {
                set("sub", id.into());
                set("client_id", id.into());
                set("jti", random_text()?.into());
            }
        }
        Ok(claims)
    }

    fn sign(&self, api: &Api, claims: &Value) -> Result<String, KeyError> {
        let typ = match self.layout {
            IssuerLayout::Auth0 => "JWT",
            IssuerLayout::Plain => "at+jwt",
        };
        match api.algorithm {
            TokenAlgorithm::HS256 => Ok(sign_with_secret(&random_text()?, claims)),
            TokenAlgorithm::RS256 => self.keys.signing().sign(typ, claims),
        }
    }
}

/// Returns the definitions of the request, as an Action in an Auth0 tenant does. Fails if a
/// definition is malformed, or if the client is not registered for the authority of a tool id.
fn attestable(client: &RegisteredClient, definitions: &str) -> Result<Value, Denial> {
    let deny = |why: &str| Denial::new(403, "access_denied", why);
    let listed: Vec<Map<String, Value>> = serde_json::from_str(definitions)
        .map_err(|_| deny("etdi_definitions is not an array of objects"))?;
    let mut attested = Vec::with_capacity(listed.len());
    for definition in &listed {
        let text = |name: &str| definition.get(name).and_then(Value::as_str);
        let (Some(id), Some(version), Some(digest)) = (text("id"), text("version"), text("digest"))
        else {
            return Err(deny("a definition lacks id, version or digest"));
        };
        let id: ToolId = id.parse().map_err(|_| deny("a tool id is malformed"))?;
        if !client.speaks_for(id.authority()) {
            return Err(deny("this client may not have these tool ids attested"));
        }
        attested.push(json!({"id": id, "version": version, "digest": digest}));
    }
    Ok(attested.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(id: &str) -> String {
        json!([{"id": id, "version": "1.0.0", "digest": "sha256:00", "more": 1}]).to_string()
    }

    #[test]
    fn only_tool_ids_of_own_authorities_are_attested() {
        let client = RegisteredClient::generate("a").unwrap().authority("own.example");
        let claim = attestable(&client, &definitions("own.example/scan")).unwrap();
        let expected =
            json!([{"id": "own.example/scan", "version": "1.0.0", "digest": "sha256:00"}]);
        assert_eq!(claim, expected);
        for foreign in
            ["other.example/scan", "sub.own.example/scan", "own.example", "OWN.example/x"]
        {
            assert!(attestable(&client, &definitions(foreign)).is_err(), "{foreign}");
        }
        assert!(attestable(&client, "{}").is_err());
    }
}

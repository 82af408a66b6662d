//! The token endpoint: client credentials (RFC 6749, section 4.4).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use etdi::{Clock, ToolId};
use serde_json::{Map, Value, json};

use super::registration::{Algorithm, Api, Application, Layout, random_text};
use super::request::{Denial, Parameters};
use super::{CLAIM, Tenant, keys};

pub(super) async fn answer(State(tenant): State<Arc<Tenant>>, request: Request<Body>) -> Response {
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
        let application = self.authenticate(asked)?;
        if asked.get("grant_type") != Some("client_credentials") {
            return Err(Denial::new(403, "unsupported_grant_type", "Unsupported grant type"));
        }
        let (api, granted) = self.authorize(application, asked)?;
        let scopes: Vec<&str> = match asked.get("scope") {
            // What was not granted is dropped without a word, as Auth0 does.
            Some(scopes) => {
                scopes.split(' ').filter(|scope| granted.iter().any(|one| one == scope)).collect()
            }
            None => granted.clone(),
        };
        let now = self.clock.now().unix_timestamp();
        let key = self.proofs.check(&asked.headers, &self.token_endpoint(), now)?;
        let mut claims = self.claims(application, api, now)?;
        if !scopes.is_empty() {
            claims.insert("scope".to_owned(), scopes.join(" ").into());
        }
        if let Some(thumbprint) = &key {
            claims.insert("cnf".to_owned(), json!({"jkt": thumbprint}));
        }
        if let Some(definitions) = asked.get("etdi_definitions").filter(|_| api.attests) {
            claims.insert(CLAIM.to_owned(), attestable(application, definitions)?);
        }
        let token = self.sign(api, &claims.into()).map_err(|error| broken(&error))?;
        let mut answer = json!({
            "access_token": token,
            "token_type": if key.is_some() { "DPoP" } else { "Bearer" },
            "expires_in": api.lifetime,
        });
        if let Some(answer) = answer.as_object_mut().filter(|_| !scopes.is_empty()) {
            answer.insert("scope".to_owned(), scopes.join(" ").into());
        }
        Ok(answer)
    }

    /// The application whose id and secret the request has. Requests of known ones are counted.
    fn authenticate(&self, asked: &Parameters) -> Result<&Application, Denial> {
        let unauthorized = || {
            let auth0 = (401, "access_denied", "Unauthorized".to_owned());
            Denial::in_layout(self.registration.layout, auth0, (401, "invalid_client"))
        };
        let mut known = self.registration.applications.iter();
        let application = known
            .find(|known| asked.get("client_id") == Some(&known.client_id))
            .ok_or_else(unauthorized)?;
        self.state.count(&application.client_id).map_err(|error| broken(&error.into()))?;
        if asked.get("client_secret") == Some(&application.client_secret) {
            Ok(application)
        } else {
            Err(unauthorized())
        }
    }

    /// The API that the token is to be for, and the application's scopes there.
    fn authorize<'a>(
        &'a self,
        application: &'a Application,
        asked: &Parameters,
    ) -> Result<(&'a Api, Vec<&'a str>), Denial> {
        let layout = self.registration.layout;
        let audience = asked.audience(layout).unwrap_or_default();
        let api = self.registration.apis.iter().find(|api| api.identifier == audience);
        let api = api.ok_or_else(|| {
            let auth0 = (403, "access_denied", format!("Service not found: {audience}"));
            Denial::in_layout(layout, auth0, (400, "invalid_target"))
        })?;
        let granted = application.grants.get(audience).ok_or_else(|| {
            let words = format!("Client is not authorized to access \"{audience}\".");
            let auth0 = (403, "access_denied", words);
            Denial::in_layout(layout, auth0, (400, "unauthorized_client"))
        })?;
        let granted = granted.iter().filter(|scope| api.scopes.contains(scope));
        Ok((api, granted.map(String::as_str).collect()))
    }

    fn claims(
        &self,
        application: &Application,
        api: &Api,
        now: i64,
    ) -> Result<Map<String, Value>, Denial> {
        let id = &application.client_id;
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.issuer.clone().into());
        set("aud", api.identifier.clone().into());
        set("iat", now.into());
        set("exp", (now + api.lifetime).into());
        match self.registration.layout {
            Layout::Auth0 => {
                set("sub", format!("{id}@clients").into());
                set("azp", id.clone().into());
                set("gty", "client-credentials".into());
            }
            // RFC 9068, section 2.2.
            Layout::Plain => {
                set("sub", id.clone().into());
                set("client_id", id.clone().into());
                set("jti", random_text().map_err(|error| broken(&error))?.into());
            }
        }
        Ok(claims)
    }

    fn sign(&self, api: &Api, claims: &Value) -> anyhow::Result<String> {
        let typ = match self.registration.layout {
            Layout::Auth0 => "JWT",
            Layout::Plain => "at+jwt",
        };
        match (api.algorithm, self.published_keys()?.last()) {
            (Algorithm::HS256, _) => Ok(keys::sign_with_secret(&random_text()?, claims)),
            (Algorithm::RS256, Some(key)) => key.sign(typ, claims),
            (Algorithm::RS256, None) => anyhow::bail!("no key is published"),
        }
    }
}

/// What the Action of an Auth0 tenant does: the definitions of the request, if each tool id is of an
/// authority that the application's metadata has.
fn attestable(application: &Application, definitions: &str) -> Result<Value, Denial> {
    let deny = |why: &str| Denial::new(403, "access_denied", why);
    let listed: Vec<Map<String, Value>> = serde_json::from_str(definitions)
        .map_err(|_| deny("etdi_definitions is no array of objects"))?;
    let mut attested = Vec::with_capacity(listed.len());
    for definition in &listed {
        let text = |name: &str| definition.get(name).and_then(Value::as_str);
        let (Some(id), Some(version), Some(digest)) = (text("id"), text("version"), text("digest"))
        else {
            return Err(deny("a definition lacks id, version or digest"));
        };
        let id: ToolId = id.parse().map_err(|_| deny("a tool id is malformed"))?;
        if !application.authorities.iter().any(|own| own == id.authority()) {
            return Err(deny("this client may not have these tool ids attested"));
        }
        attested.push(json!({"id": id, "version": version, "digest": digest}));
    }
    Ok(attested.into())
}

fn broken(error: &anyhow::Error) -> Denial {
    Denial::new(500, "server_error", error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions(id: &str) -> String {
        json!([{"id": id, "version": "1.0.0", "digest": "sha256:00", "more": 1}]).to_string()
    }

    #[test]
    fn only_tool_ids_of_own_authorities_are_attested() {
        let application = Application::new("a", "a").unwrap().authority("own.example");
        let claim = attestable(&application, &definitions("own.example/scan")).unwrap();
        let expected =
            json!([{"id": "own.example/scan", "version": "1.0.0", "digest": "sha256:00"}]);
        assert_eq!(claim, expected);
        for foreign in
            ["other.example/scan", "sub.own.example/scan", "own.example", "OWN.example/x"]
        {
            assert!(attestable(&application, &definitions(foreign)).is_err(), "{foreign}");
        }
        assert!(attestable(&application, "{}").is_err());
    }
}

//! Obtains tokens as a host does with rmcp: discovery, registration and the authorization code
//! grant, with a user who consents at once.

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use rmcp::transport::auth::{
    AuthorizationCallback, AuthorizationManager, AuthorizationRequest, ClientCredentialsConfig,
    OAuthState, WWWAuthenticateParams,
};
use serde::Deserialize;

use super::session::Failure;

/// The number of challenges that a host answers before it gives up.
const MAX_ROUNDS: usize = 3;

/// The address at which the suite expects this client's metadata document (SEP-991). It is not fetched.
const CLIENT_METADATA: &str = "https://conformance-test.local/client-metadata.json";

const REDIRECT: &str = "http://localhost:3000/callback";

/// The values that a scenario gives its client in `MCP_CONFORMANCE_CONTEXT`.
#[derive(Debug, Default, Deserialize)]
pub struct Context {
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// Answers the challenges of one server.
pub struct Authorizer {
    url: String,
    context: Context,
    credentials_grant: bool,
    manager: Option<AuthorizationManager>,
    token: Option<String>,
    rounds: usize,
}

impl Authorizer {
    /// Makes an authorizer for the server at `url`. With `credentials_grant`, no user takes part.
    pub fn new(url: &str, context: Context, credentials_grant: bool) -> Self {
        let url = url.to_owned();
        Self { url, context, credentials_grant, manager: None, token: None, rounds: 0 }
    }

    /// Returns the token that was obtained last.
    pub fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Obtains the token that a challenge asks for.
    ///
    /// # Errors
    /// A [`Failure`], if no token can be obtained.
    pub async fn answer(&mut self, challenge: &str) -> Result<(), Failure> {
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(other("the server refuses every token"));
        }
        let base = reqwest::Url::parse(&self.url).map_err(other)?;
        let asked = WWWAuthenticateParams::parse(challenge, &base);
        let manager = match (self.manager.take(), asked.scope) {
            (Some(manager), Some(scope))
                if asked.error.as_deref() == Some("insufficient_scope") =>
            {
                step_up(manager, &scope).await?
            }
            _ => self.authorize(challenge).await?,
        };
        self.token = Some(manager.get_access_token().await.map_err(other)?);
        self.manager = Some(manager);
        Ok(())
    }

    async fn authorize(&self, challenge: &str) -> Result<AuthorizationManager, Failure> {
        let manager = AuthorizationManager::new(&*self.url).await.map_err(other)?;
        let mut state = OAuthState::Unauthorized(manager);
        let (id, secret) = (self.context.client_id.clone(), self.context.client_secret.clone());
        if self.credentials_grant {
            let config = ClientCredentialsConfig::ClientSecret {
                client_id: id.ok_or_else(|| other("the scenario names no client"))?,
                client_secret: secret.ok_or_else(|| other("the scenario gives no secret"))?,
                scopes: Vec::new(),
                resource: Some(self.url.clone()),
            };
            state.authenticate_client_credentials(config).await.map_err(other)?;
        } else {
            let mut request = AuthorizationRequest::new(REDIRECT)
                .with_challenge(challenge)
                .with_initial_scope_selection()
                .with_client_name("etdi-conformance-client")
                .with_client_metadata_url(CLIENT_METADATA);
            if let Some(id) = id {
                request = request.with_preregistered_client(id);
                if let Some(secret) = secret {
                    request = request.with_client_secret(secret);
                }
            }
            state.start_authorization(request).await.map_err(other)?;
            let url = state.get_authorization_url().await.map_err(other)?;
            state.handle_callback_url(&consent(&url).await?).await.map_err(other)?;
        }
        state.into_authorization_manager().ok_or_else(|| other("no token was given"))
    }
}

/// Asks for one more scope in addition to those that were granted.
async fn step_up(
    manager: AuthorizationManager,
    scope: &str,
) -> Result<AuthorizationManager, Failure> {
    let url = manager.request_scope_upgrade(scope).await.map_err(other)?;
    let callback =
        AuthorizationCallback::from_redirect_url(&consent(&url).await?).map_err(other)?;
    let AuthorizationCallback { code, csrf_token, issuer, .. } = callback;
    manager
        .exchange_code_for_token_with_issuer(&code, &csrf_token, issuer.as_deref())
        .await
        .map_err(other)?;
    Ok(manager)
}

/// Consents as the user, and returns the address to which the authorization server redirects.
async fn consent(url: &str) -> Result<String, Failure> {
    let browser = reqwest::Client::builder().redirect(Policy::none()).build().map_err(other)?;
    let response = browser.get(url).send().await.map_err(other)?;
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    location.map(str::to_owned).ok_or_else(|| other("the authorization server does not redirect"))
}

fn other(error: impl ToString) -> Failure {
    Failure::Other(error.to_string())
}

//! The contract of every identity provider, as a test that its author can run.

use crate::error::OAuthError;
use crate::provider::OAuthProvider;
use crate::request::TokenRequest;
use crate::token::BearerToken;
use crate::token_error::TokenError;
use crate::validation::Expectations;

/// The audience and scopes that the issuer of the provider under test is set up with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fixture {
    /// An audience that the client may ask for.
    pub audience: String,
    /// A scope of this audience that the client was granted.
    pub granted: String,
    /// A scope that the client was not granted.
    pub ungranted: String,
}

impl Fixture {
    /// Returns a fixture with an audience, a scope that the client was granted, and a scope that
    /// the client was not granted.
    #[must_use]
    pub fn new(
        audience: impl Into<String>,
        granted: impl Into<String>,
        ungranted: impl Into<String>,
    ) -> Self {
        Self { audience: audience.into(), granted: granted.into(), ungranted: ungranted.into() }
    }
}

/// The rule of the contract that a provider broke.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderViolation {
    /// An operation that must work has failed.
    #[error("{what} must work")]
    Failed {
        /// The operation.
        what: &'static str,
        /// The failure.
        source: OAuthError,
    },
    /// An operation that must fail has worked, or has failed in another way.
    #[error("{0}")]
    Wrong(&'static str),
}

/// Checks that a provider grants all scopes that were asked for, gives one token to all equal
/// requests, validates its own tokens, refuses all other tokens, and does not show a token in its
/// `Debug` text.
///
/// # Errors
/// The first [`ProviderViolation`].
pub async fn provider_keeps_its_contract(
    provider: &dyn OAuthProvider,
    fixture: &Fixture,
) -> Result<(), ProviderViolation> {
    let request = TokenRequest::new().audience(&fixture.audience).scope(&fixture.granted);
    let token = must_work("asking for a granted scope", provider.token(&request).await)?;
    let again = must_work("asking for it again", provider.token(&request).await)?;
    holds(token.has_scope(&fixture.granted), "a token must hold the scopes that were asked for")?;
    holds(token.expose() == again.expose(), "a token must be cached and returned again")?;
    holds(
        !format!("{token:?}{provider:?}").contains(token.expose()),
        "`Debug` must not show a token",
    )?;
    holds(
        token.issuer() == provider.issuer() && Some(token.client()) == provider.client_id(),
        "a token must name the provider's issuer and client",
    )?;
    validates_its_own(provider, fixture, &token).await?;
    refuses_others(provider, fixture, &token).await?;
    let ungranted = request.scope(&fixture.ungranted);
    match provider.token(&ungranted).await {
        Err(OAuthError::InsufficientScope { missing, .. })
            if missing == [fixture.ungranted.as_str()] =>
        {
            Ok(())
        }
        Err(OAuthError::InvalidScope { .. }) => Ok(()),
        _ => Err(ProviderViolation::Wrong(
            "a scope that is not granted must be an error that names it",
        )),
    }
}

async fn validates_its_own(
    provider: &dyn OAuthProvider,
    fixture: &Fixture,
    token: &BearerToken,
) -> Result<(), ProviderViolation> {
    let expected = Expectations::audience(&fixture.audience).scope(&fixture.granted);
    for _round in 0..2 {
        let validated = provider.validate(token, &expected).await;
        let principal = must_work("validating a token of its own", validated)?;
        holds(principal.issuer() == provider.issuer(), "a principal must name the issuer")?;
        holds(
            principal.scopes().contains(&fixture.granted),
            "a principal must have the token's scopes",
        )?;
    }
    let demanding = expected.scope(&fixture.ungranted);
    match provider.validate(token, &demanding).await {
        Err(OAuthError::Token(TokenError::InsufficientScope { missing }))
            if missing == [fixture.ungranted.as_str()] =>
        {
            Ok(())
        }
        _ => Err(ProviderViolation::Wrong("validation must name the scope that a token lacks")),
    }
}

async fn refuses_others(
    provider: &dyn OAuthProvider,
    fixture: &Fixture,
    token: &BearerToken,
) -> Result<(), ProviderViolation> {
    let elsewhere = Expectations::audience(format!("{}/", fixture.audience));
    holds(
        matches!(
            provider.validate(token, &elsewhere).await,
            Err(OAuthError::Token(TokenError::WrongAudience { .. }))
        ),
        "an audience that differs by a slash must be refused",
    )?;
    let expected = Expectations::audience(&fixture.audience);
    let (signed, _) = token.expose().rsplit_once('.').unwrap_or_default();
    for forged in [
        format!("{signed}."),
        format!("{signed}.AAAA"),
        String::new(),
        "..".to_owned(),
        "opaque".to_owned(),
    ] {
        holds(
            matches!(
                provider.validate(&BearerToken::new(forged), &expected).await,
                Err(OAuthError::Token(_))
            ),
            "a token without the issuer's signature must be refused",
        )?;
    }
    Ok(())
}

fn must_work<T>(what: &'static str, result: Result<T, OAuthError>) -> Result<T, ProviderViolation> {
    result.map_err(|source| ProviderViolation::Failed { what, source })
}

fn holds(condition: bool, what: &'static str) -> Result<(), ProviderViolation> {
    if condition { Ok(()) } else { Err(ProviderViolation::Wrong(what)) }
}

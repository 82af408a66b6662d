//! `etdi doctor`.

use clap::Args;
use etdi::oauth::{
    DiscoveryError, Expectations, HttpError, IssuerProvider, OAuthError, TokenError, TokenRequest,
};
use etdi::text::escaped;
use serde::Serialize;
use serde_json::json;

use crate::context::Context;
use crate::exit::{Ending, Exit};
use crate::files;
use crate::files::trust_file;
use crate::publisher::identity_provider::{IdentityOptions, ProviderConfig};
use crate::servers::network::in_words;
use crate::terminal::line::Line;

/// Check the trust configuration and the identity provider: one line for each check, with the fix.
///
/// The identity provider is the Auth0 tenant of AUTH0_DOMAIN, AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET
/// and AUTH0_AUDIENCE, or the identity provider of --issuer. With a client, this command asks for a
/// token and validates it. Exit code 1 if a check fails.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  etdi doctor
  etdi doctor --issuer https://login.example/ --audience https://api.example
  ETDI_CLIENT_SECRET=… etdi doctor --issuer https://login.example/ --client-id my-client \\
      --audience https://api.example --scope execute:tools")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    identity: IdentityOptions,
    /// Ask for a token as the client with this id. Its secret must be in ETDI_CLIENT_SECRET.
    #[arg(long, value_name = "CLIENT", requires = "issuer")]
    client_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Ok,
    Fail,
    Skipped,
}

#[derive(Serialize)]
struct ChartLine {
    check: &'static str,
    result: Mark,
    says: String,
}

/// The checks so far.
#[derive(Default)]
struct Chart(Vec<ChartLine>);

impl Chart {
    fn ok(&mut self, check: &'static str, says: impl ToString) {
        self.0.push(ChartLine { check, result: Mark::Ok, says: says.to_string() });
    }

    fn fail(&mut self, check: &'static str, says: impl ToString) {
        self.0.push(ChartLine { check, result: Mark::Fail, says: says.to_string() });
    }

    fn skip(&mut self, checks: &[&'static str], why: &str) {
        let why = why.to_owned();
        self.0.extend(checks.iter().map(|check| ChartLine {
            check,
            result: Mark::Skipped,
            says: why.clone(),
        }));
    }
}

impl DoctorArgs {
    pub(crate) async fn run(self, context: &Context) -> Ending {
        let mut chart = Chart::default();
        trust(&mut chart, context);
        match self.identity.configured(self.client_id.as_deref(), context) {
            Ok(Some(configured)) => self.identity_provider(configured, &mut chart, context).await,
            Ok(None) => chart.skip(
                &["provider"],
                "not configured: set AUTH0_DOMAIN and the other AUTH0_ variables, or give --issuer",
            ),
            Err(error) => {
                let next = error.next_step().map(|next| format!("; {next}")).unwrap_or_default();
                chart.fail("provider", format!("{}{next}", error.what()));
            }
        }
        let failed = chart.0.iter().filter(|check| check.result == Mark::Fail).count();
        context.out.json(&json!({ "checks": chart.0, "failed": failed }));
        for check in &chart.0 {
            let mark = match check.result {
                Mark::Ok => Line::new().good("ok    "),
                Mark::Fail => Line::new().bad("FAIL  "),
                Mark::Skipped => Line::new().dim("-     "),
            };
            let line = mark.bold(format!("{:10} ", check.check)).text(&check.says);
            context.out.indented(line, 17);
        }
        Ok(if failed == 0 { Exit::Ok } else { Exit::No })
    }

    async fn identity_provider(
        &self,
        configured: ProviderConfig,
        chart: &mut Chart,
        context: &Context,
    ) {
        let issuer = escaped(configured.config.issuer()).to_string();
        let provider = format!("{issuer}, from {}", configured.from);
        let has_client = configured.config.client_id().is_some();
        let algorithms = configured.config.allowed_algorithms().to_vec();
        let audience = configured.audience.clone();
        let progress = context.out.progress("asking the identity provider");
        let identity = match configured.reach().await {
            Ok(identity) => identity,
            Err(error) => return unusable(&error, provider, chart),
        };
        chart.ok("provider", provider);
        chart.ok("reachable", "it answers");
        chart.ok("discovery", format!("keys at {}", escaped(identity.jwks().uri())));
        keys(&identity, &algorithms, chart);
        match (has_client, &audience) {
            (true, Some(audience)) => self.token(&identity, audience, chart).await,
            // With a client from variables, AUTH0_AUDIENCE is set too.
            (true, None) => {
                chart.fail("audience", "not configured: give --audience");
                chart.skip(&["scopes"], "needs an audience");
            }
            (false, _) => chart.skip(&["audience", "scopes"], &self.without_client(context)),
        }
        drop(progress);
    }

    /// Returns how to name a client. Flags and variables are not mixed, and a variable that is set is
    /// not asked for.
    fn without_client(&self, context: &Context) -> String {
        let needed = "a client is needed to ask for a token";
        if self.identity.issuer.is_some() {
            return format!("{needed}: give --client-id");
        }
        let variables = ["AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "AUTH0_AUDIENCE"];
        let is_given = |name: &str| {
            let by_flag = name == "AUTH0_AUDIENCE" && self.identity.audience.is_some();
            by_flag || context.environment.get(name).is_some()
        };
        let unset: Vec<_> = variables.into_iter().filter(|name| !is_given(name)).collect();
        format!("{needed}: set {}", unset.join(", "))
    }

    /// Asks for a token as the client, and validates it as a server would.
    async fn token(&self, identity: &IssuerProvider, audience: &str, chart: &mut Chart) {
        let request = TokenRequest::new().audience(audience).scopes(&self.identity.scope);
        let token = match identity.token(&request).await {
            Ok(token) => token,
            Err(error) => {
                let check = match &error {
                    OAuthError::InvalidScope { .. } | OAuthError::InsufficientScope { .. } => {
                        chart.ok("audience", escaped(audience));
                        return chart.fail("scopes", error);
                    }
                    OAuthError::InvalidClient { .. } | OAuthError::UnauthorizedClient { .. } => {
                        "client"
                    }
                    _ => "audience",
                };
                chart.fail(check, error);
                return chart.skip(&["scopes"], "needs a token");
            }
        };
        let expected = Expectations::audience(audience).scopes(&self.identity.scope);
        match identity.validate(&token, &expected).await {
            Ok(principal) => {
                chart.ok("audience", escaped(audience));
                let granted: Vec<_> = principal.scopes().iter().map(String::as_str).collect();
                let granted = match granted.is_empty() {
                    true => "the token has no scopes".to_owned(),
                    false => escaped(&granted.join(" ")).to_string(),
                };
                chart.ok("scopes", granted);
            }
            Err(OAuthError::Token(error @ TokenError::InsufficientScope { .. })) => {
                chart.ok("audience", escaped(audience));
                chart.fail("scopes", error);
            }
            Err(OAuthError::Token(error @ TokenError::WrongAlgorithm { .. })) => {
                chart.fail("algorithm", error);
            }
            Err(error) => chart.fail("audience", error),
        }
    }
}

/// Adds the checks of an identity provider that cannot be used. Says that the provider answers only if
/// the error proves an answer: many errors come before a connection.
fn unusable(error: &OAuthError, provider: String, chart: &mut Chart) {
    let why = in_words(error);
    let rest = ["keys", "algorithm", "audience", "scopes"];
    let refused = match error {
        OAuthError::Config(_) => true,
        OAuthError::Discovery { source: DiscoveryError::Http { source, .. }, .. } => {
            matches!(
                source,
                HttpError::InvalidUrl { .. }
                    | HttpError::NotHttps { .. }
                    | HttpError::PrivateAddress { .. }
                    | HttpError::Tls(_)
            )
        }
        _ => false,
    };
    if refused {
        chart.fail("provider", why);
        chart.skip(&["reachable", "discovery"], "not contacted");
        return chart.skip(&rest, "needs an answer");
    }
    chart.ok("provider", provider);
    match error {
        // The endpoints of some kinds of issuers are known before any connection.
        OAuthError::Discovery { source: DiscoveryError::Endpoint { .. }, .. } => {
            chart.fail("discovery", why);
            chart.skip(&rest, "needs discovery");
        }
        OAuthError::Discovery { .. } => {
            chart.ok("reachable", "it answers");
            chart.fail("discovery", why);
            chart.skip(&rest, "needs discovery");
        }
        OAuthError::Jwks { .. } => {
            chart.fail("keys", why);
            chart.skip(&["algorithm", "audience", "scopes"], "needs keys");
        }
        _ => {
            chart.fail("reachable", why);
            chart.skip(&["discovery"], "needs an answer");
            chart.skip(&rest, "needs an answer");
        }
    }
}

fn trust(chart: &mut Chart, context: &Context) {
    match trust_file::read(context) {
        Ok(_) if files::is_open_to_others(&context.config) => chart.fail(
            "trust",
            format!(
                "other users can read or change the file: run chmod 600 {}",
                context.config.display()
            ),
        ),
        Ok(trust) => chart.ok(
            "trust",
            format!("{} provider(s) in {}", trust.providers().len(), context.config.display()),
        ),
        Err(error) => {
            let next = error.next_step().unwrap_or_default();
            let place = error.place().unwrap_or_default();
            chart.fail("trust", format!("{} ({place}); {next}", error.what()));
        }
    }
}

fn keys(identity: &IssuerProvider, algorithms: &[etdi::SigAlg], chart: &mut Chart) {
    let Some(set) = identity.jwks().current() else {
        return chart.fail("keys", "the keys are no longer fresh; run `etdi doctor` again");
    };
    let (usable, skipped) = (set.keys().len(), set.skipped().len());
    if usable == 0 {
        return chart.fail("keys", format!("0 usable, {skipped} skipped"));
    }
    chart.ok("keys", format!("{usable} usable, {skipped} skipped"));
    let wanted: Vec<_> = algorithms.iter().map(ToString::to_string).collect();
    let mut found: Vec<_> = set.keys().iter().map(|key| key.algorithm()).collect();
    found.retain(|alg| algorithms.contains(alg));
    found.sort();
    found.dedup();
    if found.is_empty() {
        chart.fail(
            "algorithm",
            format!(
                "no key has the algorithm {}; set it as the signing algorithm of the API",
                wanted.join(", ")
            ),
        );
    } else {
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        chart.ok("algorithm", found.join(", "));
    }
}

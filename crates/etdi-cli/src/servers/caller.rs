//! For whom the calls are made that approvals are for.

use clap::Args;
use etdi::AuthorizationContext;
use etdi::text::escaped;

use crate::terminal::shell::quoted;

/// For whom calls are made. A host that obtains access tokens makes them as the client that the
/// tokens are issued to, and looks for the approvals of that client only.
#[derive(Clone, Debug, Args)]
pub(crate) struct CallerOptions {
    /// Approvals for the calls of a host that obtains access tokens: its client id at the identity
    /// provider. Otherwise those for calls without authorization.
    #[arg(long, value_name = "CLIENT_ID", requires = "for_issuer")]
    for_client: Option<String>,
    /// With --for-client: the identity provider, as its tokens spell it in `iss`.
    #[arg(long, value_name = "ISSUER", requires = "for_client")]
    for_issuer: Option<String>,
    /// With --for-client: calls for this user, the `sub` of their tokens. Otherwise for the client
    /// itself.
    #[arg(long, value_name = "SUBJECT", requires = "for_client")]
    for_subject: Option<String>,
}

impl CallerOptions {
    pub(crate) fn context(&self) -> AuthorizationContext {
        match (&self.for_client, &self.for_issuer) {
            (Some(client), Some(issuer)) => AuthorizationContext::Principal {
                issuer: issuer.clone(),
                subject: self.for_subject.as_ref().unwrap_or(client).clone(),
                client: client.clone(),
            },
            // Each requires the other.
            _ => AuthorizationContext::None,
        }
    }

    /// How a command says the same, for a shell; `None` if that cannot be typed.
    pub(crate) fn words(&self) -> Option<String> {
        let flags = [
            ("--for-client", &self.for_client),
            ("--for-issuer", &self.for_issuer),
            ("--for-subject", &self.for_subject),
        ];
        let given = flags.iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        given.map(|(flag, value)| Some(format!("{flag}={} ", quoted(value)?))).collect()
    }
}

/// In words; nothing for calls without authorization.
pub(crate) fn described(context: &AuthorizationContext) -> Option<String> {
    let AuthorizationContext::Principal { issuer, subject, client } = context else { return None };
    let (issuer, by) = (escaped(issuer), escaped(client));
    Some(match subject == client {
        true => format!("calls of the client {by} of {issuer}"),
        false => format!("calls for {}, by the client {by} of {issuer}", escaped(subject)),
    })
}

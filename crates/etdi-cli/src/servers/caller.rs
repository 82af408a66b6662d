//! The caller that approvals are for.

use clap::Args;
use etdi::AuthorizationContext;
use etdi::text::escaped;

use crate::terminal::shell::flag;

/// The flags that name the caller. A host that obtains access tokens calls as the client that the tokens
/// are issued to, and uses only the approvals for that client.
#[derive(Clone, Debug, Args)]
pub(crate) struct CallerOptions {
    /// Use the approvals for calls of this client: the client id of a host that obtains access tokens.
    /// Without this flag, the approvals are for calls without authorization.
    #[arg(long, value_name = "CLIENT_ID", requires = "for_issuer")]
    for_client: Option<String>,
    /// With --for-client: the identity provider, as its tokens spell it in `iss`.
    #[arg(long, value_name = "ISSUER", requires = "for_client")]
    for_issuer: Option<String>,
    /// With --for-client: calls for this user, the `sub` of their tokens. Without this flag: calls for
    /// the client itself.
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
            // The parser requires each flag with the other.
            _ => AuthorizationContext::None,
        }
    }

    /// Returns the same flags, quoted for a shell. `None` if they cannot be typed.
    pub(crate) fn words(&self) -> Option<String> {
        let flags = [
            ("--for-client", &self.for_client),
            ("--for-issuer", &self.for_issuer),
            ("--for-subject", &self.for_subject),
        ];
        let given = flags.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        given.map(|(name, value)| Some(format!("{} ", flag(name, value)?))).collect()
    }
}

/// Returns the caller in words. `None` for calls without authorization.
pub(crate) fn described(context: &AuthorizationContext) -> Option<String> {
    let AuthorizationContext::Principal { issuer, subject, client } = context else { return None };
    let (issuer, by) = (escaped(issuer), escaped(client));
    Some(match subject == client {
        true => format!("calls of the client {by} of {issuer}"),
        false => format!("calls for {}, by the client {by} of {issuer}", escaped(subject)),
    })
}

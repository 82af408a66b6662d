//! The hosts that a command may connect to.

use std::error::Error;
use std::path::PathBuf;

use clap::Args;
use etdi::oauth::{HttpError, Network};

use crate::exit::CliError;
use crate::files;
use crate::terminal::shell::flag;

/// The flags for connections to identity providers. Without them: public addresses, over https.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkOptions {
    /// Trust this certificate authority as well (PEM).
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Let identity providers be in a private network. Their metadata can then make this command
    /// send requests into that network.
    #[arg(long)]
    pub(crate) danger_private_addresses: bool,
    /// Let identity providers be on this machine, over plain http. For tests.
    #[arg(long)]
    pub(crate) danger_loopback_http: bool,
}

/// Returns the advice for an address that was refused: the flag that allows it.
pub(crate) fn flag_for(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut at = Some(error);
    let errors = std::iter::from_fn(|| {
        let error = at?;
        at = error.source();
        Some(error)
    });
    errors.filter_map(|error| error.downcast_ref()).find_map(|error| match error {
        HttpError::NotHttps { .. } => Some("give its https address, or for tests add --danger-loopback-http"),
        HttpError::PrivateAddress { .. } => Some(
            "if it is meant to be in a private network, add --danger-private-addresses; on this machine, --danger-loopback-http",
        ),
        _ => None,
    })
}

/// Returns the error in words, followed by the advice.
pub(crate) fn in_words(error: &(impl Error + 'static)) -> String {
    match flag_for(error) {
        Some(flag) => format!("{error}; {flag}"),
        None => error.to_string(),
    }
}

/// Returns the error for an identity provider that could not be asked.
pub(crate) fn unasked(error: impl Error + 'static) -> CliError {
    let flag = flag_for(&error);
    let error = CliError::new(error);
    match flag {
        Some(flag) => error.next(flag),
        None => error,
    }
}

impl NetworkOptions {
    /// Returns the same flags, quoted for a shell. `None` if they cannot be typed.
    pub(crate) fn words(&self) -> Option<String> {
        let mut words = String::new();
        if let Some(path) = &self.ca_file {
            words.push_str(&flag("--ca-file", path.to_str()?)?);
            words.push(' ');
        }
        for (given, flag) in [
            (self.danger_private_addresses, "--danger-private-addresses "),
            (self.danger_loopback_http, "--danger-loopback-http "),
        ] {
            words.push_str(if given { flag } else { "" });
        }
        Some(words)
    }

    pub(crate) fn network(&self) -> Result<Network, CliError> {
        let mut network = Network::default();
        if let Some(path) = &self.ca_file {
            let pem = files::read(path)?;
            network = network
                .root_certificate_pem(pem.as_bytes())
                .map_err(|error| CliError::new(error).at(path.display()))?;
        }
        if self.danger_private_addresses {
            network = network.dangerous().allow_private_addresses();
        }
        if self.danger_loopback_http {
            network = network.dangerous().allow_loopback_http();
        }
        Ok(network)
    }
}

//! Which hosts a command may talk to.

use std::path::PathBuf;

use clap::Args;
use etdi::oauth::Network;

use crate::exit::CliError;
use crate::files;

/// How identity providers are reached. Without flags: public addresses, over https.
#[derive(Args, Clone, Debug, Default)]
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

impl NetworkOptions {
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

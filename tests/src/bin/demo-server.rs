//! `demo-server ROLE TRANSPORT FOLDER`: a server of the demos, as a program that tests start.

#![forbid(unsafe_code)]

use anyhow::Context;
use clap::ValueEnum;
use demos::claims::Transport;
use demos::servers::{Role, run};
use demos::state::State;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [role, transport, folder] = &*arguments else {
        anyhow::bail!("usage: demo-server ROLE TRANSPORT FOLDER")
    };
    let role = Role::from_str(role, false).map_err(anyhow::Error::msg)?;
    let transport = Transport::from_str(transport, false).map_err(anyhow::Error::msg)?;
    run(role, transport, State::at(folder)?).await.context("the server ended")
}

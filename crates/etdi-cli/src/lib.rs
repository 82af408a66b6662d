#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod ask;
mod caller;
mod cli;
mod commands;
mod context;
mod desk;
mod environment;
mod exit;
mod files;
mod findings;
mod hints;
mod hosts;
mod identity;
mod instructions;
mod keyring;
mod label;
mod line;
mod lock_file;
mod network;
mod output;
mod paths;
mod pem_file;
mod program;
mod proposal;
mod public_key;
mod question;
mod sarif;
mod server_file;
mod shell;
mod tool_file;
mod trust_file;
mod usage;
mod which;

pub use program::{command, main};

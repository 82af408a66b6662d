#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod cli;
mod commands;
mod context;
mod environment;
mod exit;
mod files;
mod program;
mod publisher;
mod servers;
mod show;
mod terminal;
mod usage;

pub use program::{command, main};

#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! The lowest module comes first. A module imports only modules that stand above it in this list:
//!
//! 1. `environment`: the variables that the command reads
//! 2. `exit`: exit codes and errors
//! 3. `terminal`: text, questions and spinners on the terminal, and words for a shell
//! 4. `context`: the values that every command gets
//! 5. `files`: trust configuration, lockfile, keys, and files of tools
//! 6. `servers`: the servers that a command line names, and connections to them
//! 7. `show`: the screens that several commands share
//! 8. `publisher`: publishers and identity providers that a person may trust
//! 9. `commands`: one module for each command
//! 10. `cli`: the command line as a whole
//! 11. `usage`: help, version and wrong usage
//! 12. `program`: the run of the program, from its arguments to its exit code

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::use_debug))]
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

//! The `etdi` command on servers that are not ours, and on ours, over stdio and HTTP: looked at,
//! approved, changed, forgotten, as a person or a pipeline does it.

#![cfg(test)]
#![cfg(unix)]

mod person;
mod program;
mod publisher;
mod sarif;
mod screens;
mod servers;
#[path = "../../crates/etdi-cli/tests/cli/terminal.rs"]
mod terminal;
#[path = "../../crates/etdi-cli/tests/cli/views.rs"]
mod views;

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

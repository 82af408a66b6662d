//! The `etdi` command, on third-party servers and on our own, over stdio and HTTP: tools are listed,
//! approved, changed and forgotten, as a person or a pipeline does it.

#![cfg(test)]
#![cfg(unix)]

mod person;
mod program;
mod publisher;
mod sarif;
mod screens;
mod servers;

//! The `etdi` command, on servers of others and on our own, over stdio and HTTP: list, approve, change
//! and forget, as a person or a pipeline does it.

#![cfg(test)]
#![cfg(unix)]

mod person;
mod program;
mod publisher;
mod sarif;
mod screens;
mod servers;

//! Runs the program as a person or a pipeline does, in a pseudo-terminal if a test looks at a screen.

#![cfg(test)]
#![cfg(unix)]

mod against;
mod approvals;
mod attacks;
mod batch;
mod behaviour;
mod bound;
mod caller;
mod changes;
mod checkpoint;
mod hostile;
mod hosts;
mod instructions;
mod issuer;
mod left_out;
mod lock_screens;
mod lockfile;
mod next;
mod odd_servers;
mod outputs;
mod pages;
mod program;
mod readme;
mod sarif;
mod screens;
mod server;
mod server_screens;
mod servers;
mod words;

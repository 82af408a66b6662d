#![cfg(test)]
//! What must hold of every input.

mod digest;
mod panics;

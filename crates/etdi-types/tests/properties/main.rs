#![cfg(test)]
//! Properties that hold for every input.

mod digest;
mod panics;

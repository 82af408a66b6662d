#![cfg(test)]
//! Tests of lockfiles: reading, printing, drift, and attacks.

mod attacks;
mod drift;
mod launch;
mod laws;
mod reading;
mod scene;
mod tree;

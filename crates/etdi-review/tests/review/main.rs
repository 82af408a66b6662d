#![cfg(test)]
//! Tests of reviews and of hygiene.

mod bounds;
mod classes;
mod disguises;
mod findings;
mod laws;
mod orders;
mod policy;
mod tool;

#![cfg(test)]
//! What a change means, and what a definition says that none needs to say.

mod bounds;
mod classes;
mod disguises;
mod findings;
mod laws;
mod orders;
mod policy;
mod tool;

#![cfg(test)]
//! Tests of the verdict and the decision (design, section 4), with records built by hand.

mod elsewhere;
mod may;
mod scene;
mod table;
mod what;
mod who;

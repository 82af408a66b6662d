#![cfg(test)]
//! The verdict and the decision (design, section 4), with the records built by hand.

mod elsewhere;
mod may;
mod scene;
mod table;
mod what;
mod who;

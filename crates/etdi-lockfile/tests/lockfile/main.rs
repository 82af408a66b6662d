#![cfg(test)]
//! Lockfiles: what is read, what is printed, what counts as drift, and what somebody would get past
//! them.

mod attacks;
mod drift;
mod laws;
mod reading;
mod scene;

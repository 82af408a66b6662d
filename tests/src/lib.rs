//! What the tests share with the processes that they start.

#![forbid(unsafe_code)]

pub mod scripted;

//! Checks that the book agrees with the code: its code blocks, its tables, its lists.

#![cfg(test)]

#[cfg(feature = "peers")]
mod action;
mod blocks;
mod pages;
mod tables;

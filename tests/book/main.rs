//! Whether the book says what is so: its code blocks, its tables, its lists.

#![cfg(test)]

#[cfg(feature = "peers")]
mod action;
mod blocks;
mod pages;
mod tables;

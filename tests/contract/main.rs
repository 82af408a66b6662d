//! Contracts, and comparisons with independent implementations.

mod canonical_oracle;
mod store;

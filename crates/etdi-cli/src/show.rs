//! The screens that several commands share: tools, instructions, changes and findings.

pub(crate) mod findings;
pub(crate) mod hints;
pub(crate) mod instructions;
pub(crate) mod review;
pub(crate) mod sarif;
pub(crate) mod summary;
pub(crate) mod tool;

//! The person at the terminal: text, questions, spinners, and commands to type.

pub(crate) mod ask;
pub(crate) mod line;
pub(crate) mod output;
pub(crate) mod shell;
pub(crate) mod spinner;

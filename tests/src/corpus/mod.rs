//! Upgrades to measure the review of changes on: benign ones and poisoned ones, made mechanically
//! from definitions that real servers list.
//!
//! Nothing is drawn at random: which tool gets which change follows from SHA-256 of their names, so
//! the same definitions give the same upgrades on every machine. Servers, templates and sentences
//! are divided into two [halves](Half) in the same way, before any rule is tuned.

pub mod benign;
pub mod listing;
pub mod poison;
mod select;
mod tool;

pub use select::benign as benign_upgrades;
pub use select::poisoned as poisoned_upgrades;
pub use tool::Tool;

use serde_json::Value;

use etdi_types::Digest;

/// One of two halves. The rules may be tuned on the one, and are measured on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// Seen by whoever writes the rules.
    Development,
    /// Put aside.
    HeldOut,
}

impl Half {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Development, Self::HeldOut];

    /// The half of a server, a template or a sentence: the lowest bit of its name's SHA-256's first
    /// byte, so that nobody chooses.
    pub fn of(name: &str) -> Self {
        if Digest::of(name.as_bytes()).as_bytes()[0] & 1 == 0 {
            Self::Development
        } else {
            Self::HeldOut
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::HeldOut => "held out",
        }
    }
}

/// A tool as it was approved, and as it is served now, under a higher version.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The half that it belongs to.
    pub half: Half,
    /// What kind of change it is.
    pub kind: &'static str,
    /// Which template or edit made it.
    pub template: &'static str,
    /// The server's package.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// The definition before.
    pub before: Value,
    /// The definition after.
    pub after: Value,
    /// Where before and after may differ, as JSON pointers' beginnings. The version differs always.
    pub touches: &'static [&'static str],
}

/// What else a host sees beside a tool: names that a text can mention.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Other tools of the same server.
    pub siblings: &'a [String],
    /// Tools of other servers.
    pub elsewhere: &'a [String],
}

/// A tool that is being edited.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The definition before. An edit may prepare it, so that there is something to change.
    pub before: Value,
    /// The definition after.
    pub after: Value,
    /// What is beside it.
    pub around: Surroundings<'a>,
    /// Which of the edit's instances this is, from 0.
    pub instance: usize,
}

/// A change of a structure. Gives `None` where a tool has nothing that it could change.
pub type Edit = fn(&mut Subject<'_>) -> Option<()>;

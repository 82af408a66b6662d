//! Upgrades on which the review of changes is measured: benign ones and poisoned ones, made
//! mechanically from the definitions of real servers.
//!
//! The SHA-256 of the names decides which tool gets which change, so the same definitions give the same
//! upgrades on every machine. Servers, templates and sentences are divided into two [halves](Half) in
//! the same way, before any rule is tuned.

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

/// One of two halves. Both are measured, and the rules may be tuned on one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// The rules may be tuned on this half, so its results can be shown in detail.
    Development,
    /// The rules are never tuned on this half.
    HeldOut,
}

impl Half {
    /// Both halves.
    pub const ALL: [Self; 2] = [Self::Development, Self::HeldOut];

    /// Returns the half of a server, a template or a sentence. The lowest bit of the first byte of the
    /// SHA-256 of its name or text decides, so that a person cannot choose the half.
    pub fn of(name: &str) -> Self {
        if Digest::of(name.as_bytes()).as_bytes()[0] & 1 == 0 {
            Self::Development
        } else {
            Self::HeldOut
        }
    }

    /// Returns the name of the half.
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::HeldOut => "held out",
        }
    }
}

/// A tool as it was approved, and as it is served now, with a higher version.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The half that the upgrade belongs to.
    pub half: Half,
    /// The kind of the change.
    pub kind: &'static str,
    /// The template or the edit that made the upgrade.
    pub template: &'static str,
    /// The server's package.
    pub server: String,
    /// The tool's name.
    pub tool: String,
    /// The definition before.
    pub before: Value,
    /// The definition after.
    pub after: Value,
    /// The places where before and after may differ, as the beginnings of JSON pointers. The version
    /// always differs.
    pub touches: &'static [&'static str],
}

/// The names of other tools that a host sees, which a text can mention.
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
    /// The tools beside it.
    pub around: Surroundings<'a>,
    /// The number of this instance of the edit, from 0.
    pub instance: usize,
}

/// A change of a structure. Returns `None` if the tool has no part that it could change.
pub type Edit = fn(&mut Subject<'_>) -> Option<()>;

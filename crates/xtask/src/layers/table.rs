//! The order of the crates, and of the modules in some of them. `docs/architecture.md` shows both.

/// A crate of the workspace, and the packages that must never be compiled into it.
pub(super) struct Crate {
    pub(super) name: &'static str,
    /// Packages that the normal dependencies of the crate must not bring in. They can be packages of
    /// this workspace, or others.
    pub(super) never: &'static [&'static str],
}

/// The crates, lowest first: a crate depends only on crates that come earlier in this list.
pub(super) const CRATES: &[Crate] = &[
    Crate { name: "etdi-types", never: &["reqwest", "rmcp", "tokio"] },
    Crate { name: "etdi-review", never: &["reqwest", "rmcp", "tokio"] },
    Crate { name: "etdi-lockfile", never: &["reqwest", "rmcp", "tokio"] },
    Crate { name: "etdi-events", never: &["reqwest", "rmcp"] },
    Crate { name: "etdi-oauth", never: &["rmcp"] },
    Crate { name: "etdi-judge", never: &["etdi-client", "etdi-server", "rmcp"] },
    Crate {
        name: "etdi-server",
        never: &["etdi-client", "etdi-judge", "etdi-lockfile", "etdi-review"],
    },
    Crate { name: "etdi-client", never: &["etdi-server"] },
    Crate { name: "etdi", never: &[] },
    Crate { name: "etdi-dev-issuer", never: &["rmcp"] },
    Crate { name: "etdi-cli", never: &[] },
    Crate { name: "etdi-testkit", never: &[] },
    Crate { name: "demos", never: &[] },
    Crate { name: "etdi-tests", never: &[] },
    Crate { name: "etdi-benches", never: &[] },
    Crate { name: "xtask", never: &[] },
];

/// The order of the modules of one crate.
pub(super) struct Modules {
    pub(super) of: &'static str,
    /// Modules of `src/`, lowest first: a module imports only modules that come earlier in this list.
    pub(super) order: &'static [&'static str],
    /// The largest number of files directly in `src/`.
    pub(super) files: usize,
}

/// The crates whose modules have an order.
pub(super) const MODULES: &[Modules] = &[
    Modules { of: "etdi-judge", order: &["store", "tool", "judge"], files: 4 },
    Modules {
        of: "etdi-client",
        order: &["wire", "error", "model_tool", "connection", "client"],
        files: 12,
    },
    Modules {
        of: "etdi-cli",
        order: &[
            "environment",
            "exit",
            "terminal",
            "context",
            "files",
            "servers",
            "show",
            "publisher",
            "commands",
            "cli",
            "usage",
            "program",
        ],
        files: 14,
    },
];

/// The crates in which no files may depend on each other in a circle.
pub(super) const WITHOUT_CIRCLES: &[&str] =
    &["etdi-client", "etdi-events", "etdi-judge", "etdi-oauth"];

/// The largest number of `impl ServerConnection` blocks in the client.
pub(super) const CONNECTION_BLOCKS: usize = 4;

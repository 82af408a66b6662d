//! Prints one line for each row of the table, for `cargo xtask peers`.

use serde_json::{Value, json};

use crate::checks::{Cell, compare};

/// The direction of a row.
#[derive(Clone, Copy, Debug)]
pub enum Direction {
    /// The client is from a third party, and the server is ours.
    Clients,
    /// The client is `EtdiClient`, and the server is from a third party.
    Servers,
}

/// Prints the row, and fails if any check of it differs.
pub fn row(direction: Direction, peer: &str, transport: &str, bare: &Value, etdi: &Value) {
    let same = |member: &str| {
        assert_eq!(bare[member], etdi[member], "{member} of {peer}");
        bare[member].as_str().unwrap_or_default().to_owned()
    };
    let (version, protocol) = (same("version"), same("protocol"));
    let cells = compare(bare, etdi);
    let shown: Vec<Value> = cells
        .iter()
        .map(|(check, cell)| match cell {
            Cell::Same => json!({"check": check, "result": "ok"}),
            Cell::None(why) => json!({"check": check, "result": "-", "why": why}),
            Cell::Differs(what) => json!({"check": check, "result": "FAILED", "why": what}),
        })
        .collect();
    let row = json!({
        "direction": format!("{direction:?}"),
        "peer": peer,
        "version": version,
        "protocol": protocol,
        "transport": transport,
        "cells": shown,
    });
    println!("\npeers-row {row}");
    let failed: Vec<_> =
        cells.iter().filter(|(_, cell)| matches!(cell, Cell::Differs(_))).collect();
    assert!(failed.is_empty(), "{peer} on {transport}: {failed:#?}");
}

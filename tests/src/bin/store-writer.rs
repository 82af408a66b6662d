//! `store-writer FILE steps FIRST`: takes one step after another, beginning with FIRST, and prints the
//! number of each step after it. Runs until it is killed.
//!
//! `store-writer FILE race NAME COUNT`: approves a definition of its own for each of COUNT tools, and
//! prints `won` or `lost` with the digest that is approved.
//!
//! If the file cannot be opened or a step fails, it prints a line `failed` with the error, and ends.

#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;

use etdi_client::{ApprovalStore, SqliteApprovals, SqliteError, StoreError};
use etdi_tests::steps;
use etdi_types::Digest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [file, what, rest @ ..] = &arguments[..] else { return Err("the file is missing".into()) };
    let store = match SqliteApprovals::open(file) {
        Ok(store) => store,
        Err(error) => return say(&failed(&error)),
    };
    match (*what, rest) {
        ("steps", [first]) => {
            for step in first.parse::<usize>()?.. {
                match steps::take(&store, step).await {
                    Ok(()) => say(&step.to_string())?,
                    Err(StoreError::Unavailable(error)) => {
                        let error = error.downcast_ref().ok_or("the error is of another store")?;
                        return say(&failed(error));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(())
        }
        ("race", [name, count]) => race(&store, name, count.parse()?).await,
        _ => Err("the mode must be steps or race".into()),
    }
}

async fn race(store: &SqliteApprovals, name: &str, count: usize) -> Result<(), Box<dyn Error>> {
    for tool in 0..count {
        let mut approval = steps::approval(tool, "1.0.0", name);
        approval.pin.definition = format!("{tool} by {name}").into();
        let digest = Digest::of(approval.pin.definition.as_bytes());
        approval.pin.digest = digest;
        match store.approve(approval, None, None).await {
            Ok(()) => say(&format!("won {digest}"))?,
            Err(StoreError::Conflict { approved: Some(winner) }) => say(&format!("lost {winner}"))?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Returns the name of the error, and its text.
fn failed(error: &SqliteError) -> String {
    let debug = format!("{error:?}");
    let name = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    format!("failed {name}: {error}")
}

fn say(line: &str) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

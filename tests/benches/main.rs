//! Speed, as ratios to the bare operation in the same run: `cargo xtask bench`.
//!
//! Prints a table and exits with 1 if a target is missed by more than a tenth, or by more than the
//! factor of `--within`. With 1.5, a measure may miss its target by half.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod calls;
mod definitions;
mod store;
mod timing;
mod tokens;

#[tokio::main]
async fn main() {
    let within = within().unwrap_or(1.1);
    let mut rows = vec![tokens::validation(), tokens::same_token_again().await];
    rows.push(definitions::digest());
    rows.push(definitions::decision().await);
    rows.push(definitions::thousand_tools());
    rows.extend(store::lookups().await);
    rows.push(tokens::ten_thousand_requests().await);
    rows.push(calls::wrapped_server().await);

    println!("{:<58} | measured | target  | ratio | ok", "name");
    println!("{:-<58}-|----------|---------|-------|---", "");
    rows.iter().for_each(|row| row.print(within));
    if rows.iter().any(|row| !row.ok(within)) {
        std::process::exit(1);
    }
}

/// Returns the value of `--within`. Skips other arguments, since cargo adds some of its own.
fn within() -> Option<f64> {
    std::env::args().skip_while(|argument| argument != "--within").nth(1)?.parse().ok()
}

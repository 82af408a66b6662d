//! `scripted-server FOLDER`: serves the script in a folder on stdio until the input ends.

#![forbid(unsafe_code)]

use std::io::{self, BufRead, Write};

use etdi_tests::scripted::{Answer, Script};

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).ok_or_else(|| io::Error::other("which folder?"))?;
    let script = Script::new(folder);
    let session = script.begin_session();
    for line in io::stdin().lock().lines() {
        if let Answer::Messages(messages) = script.answer(session, line?.as_bytes()) {
            let mut out = io::stdout().lock();
            for message in messages {
                out.write_all(&message)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
        }
    }
    Ok(())
}

//! A pseudo-terminal, and what a person sees in it.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::num::NonZeroU16;

use pty_process::Size;
use pty_process::blocking::{Command, open};
use rustix::termios::{LocalModes, tcgetattr};

use crate::program::{Folder, PROGRAM};

const ROWS: u16 = 120;

/// What a person waits for, and what they type then.
pub(crate) type Script<'s> = &'s [(&'s str, &'s str)];

/// What was on the screen when the program ended.
pub(crate) struct Screen {
    pub(crate) code: i32,
    /// Every byte that the program wrote.
    pub(crate) bytes: Vec<u8>,
    parser: vt100::Parser,
    columns: u16,
}

/// Runs the program in a terminal of so many columns.
pub(crate) fn run(folder: &Folder, columns: u16, arguments: &[&str], script: Script<'_>) -> Screen {
    run_after("", folder, columns, arguments, script)
}

/// The same, where a person has typed something before the program says anything.
pub(crate) fn run_after(
    typed: &str,
    folder: &Folder,
    columns: u16,
    arguments: &[&str],
    script: Script<'_>,
) -> Screen {
    let (mut terminal, end) = open().unwrap();
    terminal.resize(Size::new(ROWS, columns)).unwrap();
    terminal.write_all(typed.as_bytes()).unwrap();
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        .envs(folder.variables().iter().cloned())
        .env("TERM", "xterm-256color")
        .current_dir(folder.path())
        .spawn(end)
        .unwrap();
    let size = |n: u16| NonZeroU16::new(n).unwrap();
    let mut parser = vt100::Parser::new(size(ROWS), size(columns), 0);
    let (mut bytes, mut buffer, mut script) = (Vec::new(), [0; 4096], script.iter());
    let mut next = script.next();
    // A terminal whose program has ended gives an error, not an end of file.
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..read]);
        parser.process(&buffer[..read]);
        while let Some((wait, reply)) = next {
            if !parser.screen().contents().contains(wait) {
                break;
            }
            // A question is asked before the terminal is set to take its answer, and what is typed
            // in between is thrown away.
            while tcgetattr(&terminal).unwrap().local_modes.contains(LocalModes::ECHO) {
                std::thread::yield_now();
            }
            terminal.write_all(reply.as_bytes()).unwrap();
            next = script.next();
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    assert!(next.is_none(), "never asked: {next:?}\n{}", parser.screen().contents());
    Screen { code, bytes, parser, columns }
}

impl Screen {
    pub(crate) fn text(&self) -> String {
        let rows = self.parser.screen().rows(0, size(self.columns));
        let rows: Vec<_> = rows.map(|row| row.trim_end().to_owned()).collect();
        redact(rows.join("\n").trim_end())
    }

    /// The text with its styles in angle quotes.
    pub(crate) fn styled(&self) -> String {
        let mut text = String::new();
        for row in 0..ROWS {
            let (mut line, mut style) = (String::new(), String::new());
            for column in 0..self.columns {
                let Some(cell) = self.parser.screen().cell(row, column) else { continue };
                let now =
                    if cell.contents().trim().is_empty() { style.clone() } else { name(cell) };
                if now != style {
                    write!(line, "{}{}", close(&style), open_tag(&now)).unwrap();
                    style = now;
                }
                line.push_str(if cell.has_contents() { cell.contents() } else { " " });
            }
            let line = format!("{}{}", line.trim_end(), close(&style));
            text.push_str(&line);
            text.push('\n');
        }
        redact(text.trim_end())
    }
}

fn size(columns: u16) -> u16 {
    columns
}

fn open_tag(style: &str) -> String {
    if style.is_empty() { String::new() } else { format!("‹{style}:") }
}

fn close(style: &str) -> &'static str {
    if style.is_empty() { "" } else { "›" }
}

fn name(cell: &vt100::Cell) -> String {
    let color = match cell.fgcolor() {
        vt100::Color::Default => "",
        vt100::Color::Idx(1 | 9) => "red",
        vt100::Color::Idx(2 | 10) => "green",
        vt100::Color::Idx(3 | 11) => "yellow",
        vt100::Color::Idx(6 | 14) => "cyan",
        _ => "other",
    };
    let bold = if cell.bold() { "bold" } else { "" };
    let dim = if cell.dim() { "dim" } else { "" };
    let all = [color, bold, dim];
    all.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Replaces what differs from run to run by as many signs: thumbprints of new keys, ports, days, and
/// the day of an approval.
fn redact(text: &str) -> String {
    let fixed = crate::program::key().public_jwk().thumbprint();
    let mut out = String::new();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len()).max(c.len_utf8());
        let (one, more) = rest.split_at(length);
        let is_number = one.bytes().all(|b| b.is_ascii_digit());
        let is_port = is_number && out.ends_with("127.0.0.1:");
        let is_day = out.ends_with("by alice on ");
        if one.len() == 43 && one != fixed {
            out.push_str(&"K".repeat(43));
        } else if is_port || is_day || (is_number && more.starts_with(" days")) {
            out.push_str(&"#".repeat(one.len()));
        } else {
            out.push_str(one);
        }
        rest = more;
    }
    out
}

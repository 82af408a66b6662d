//! A pseudo-terminal, and what a person sees in it.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Pty, open};
use rustix::termios::{LocalModes, tcgetattr};

use crate::folder::Folder;

/// As many as the longest screen has, and some more.
const ROWS: u16 = 800;

/// Longer than any screen takes on a machine that is busy with others.
const LIMIT: Duration = Duration::from_secs(60);

/// The thumbprint of the key of RFC 8410, section 10.3: the one that is the same in every run.
const THUMBPRINT: &str = "3YZxBJ12jO3n_mXt_q-j_Z-TFP1vt-NiI3OCf-fEnHQ";

/// What a person waits for, and what they type then.
pub type Script<'s> = &'s [(&'s str, &'s str)];

/// Ctrl-C where nobody is asked.
pub const INTERRUPT: &str = "\u{3}\u{3}";

/// What was on the screen when the program ended.
pub struct Screen {
    pub code: i32,
    /// Every byte that the program wrote.
    pub bytes: Vec<u8>,
    parser: vt100::Parser,
    columns: u16,
    /// The cells, row and column, whose text is not to be kept.
    covered: Vec<(u16, u16)>,
}

/// A word on the screen, and the cells that it takes.
pub struct Word {
    pub text: String,
    pub cells: Vec<(u16, u16)>,
    /// Whether other words stand before it in what the terminal broke because it was too wide.
    pub is_torn: bool,
}

/// Runs the program in a terminal of so many columns.
pub fn run(folder: &Folder, columns: u16, arguments: &[&str], script: Script<'_>) -> Screen {
    run_after("", folder, columns, arguments, script)
}

/// The same, where a person has typed something before the program says anything.
pub fn run_after(
    typed: &str,
    folder: &Folder,
    columns: u16,
    arguments: &[&str],
    script: Script<'_>,
) -> Screen {
    let (terminal, end) = open().unwrap();
    terminal.resize(Size::new(ROWS, columns)).unwrap();
    (&terminal).write_all(typed.as_bytes()).unwrap();
    let command = folder.terminal_command(arguments).env("TERM", "xterm-256color");
    let mut child = command.spawn(end).unwrap();
    let terminal = Arc::new(terminal);
    let written = listen(&terminal);
    let ends = now() + LIMIT;
    let size = |n: u16| NonZeroU16::new(n).unwrap();
    let mut parser = vt100::Parser::new(size(ROWS), size(columns), 0);
    let (mut bytes, mut script) = (Vec::new(), script.iter());
    let mut next = script.next();
    loop {
        // Reading the screen takes longer than writing a line on it.
        for more in written.try_iter() {
            parser.process(&more);
            bytes.extend(more);
        }
        let shown = next.map(|_| parser.screen().contents()).unwrap_or_default();
        if let Some((wait, reply)) = next.filter(|(wait, _)| shown.contains(wait)) {
            // A question is asked before the terminal is set to take its answer, and what is typed
            // in between is thrown away.
            let is_asked = *reply != INTERRUPT;
            while is_asked && tcgetattr(&*terminal).unwrap().local_modes.contains(LocalModes::ECHO)
            {
                let ended = child.try_wait().unwrap().is_some();
                if ended || now() > ends {
                    let _ = child.kill();
                    panic!("nobody waited for the answer to {wait:?}:\n{shown}");
                }
                std::thread::yield_now();
            }
            (&*terminal).write_all(reply.as_bytes()).unwrap();
            next = script.next();
            continue;
        }
        let left = ends.saturating_duration_since(now());
        match written.recv_timeout(left) {
            Ok(more) => {
                parser.process(&more);
                bytes.extend(more);
            }
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                let shown = parser.screen().contents();
                panic!("no end after {LIMIT:?}; waits for {next:?}:\n{shown}");
            }
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    let modes = tcgetattr(&*terminal).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON), "what is typed is not shown");
    assert!(!parser.screen().hide_cursor(), "the cursor is hidden");
    assert!(next.is_none(), "never asked: {next:?}\n{}", parser.screen().contents());
    assert!(parser.screen().cursor_position().0 < ROWS - 1, "the screen has more than {ROWS} rows");
    Screen { code, bytes, parser, columns, covered: Vec::new() }
}

#[expect(clippy::disallowed_methods, reason = "how long a program takes is no time of a clock's")]
fn now() -> Instant {
    Instant::now()
}

/// What comes from the program, until it has ended.
fn listen(terminal: &Arc<Pty>) -> Receiver<Vec<u8>> {
    let (sender, written) = channel();
    let terminal = Arc::clone(terminal);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // A terminal whose program has ended gives an error, not an end of file.
        while let Ok(read @ 1..) = (&*terminal).read(&mut buffer) {
            if sender.send(buffer[..read].to_vec()).is_err() {
                break;
            }
        }
    });
    written
}

impl Screen {
    pub fn text(&self) -> String {
        let rows: Vec<_> = (0..ROWS).map(|row| self.row(row).trim_end().to_owned()).collect();
        redact(rows.join("\n").trim_end())
    }

    fn row(&self, row: u16) -> String {
        (0..self.columns).filter_map(|column| self.shown(row, column)).collect()
    }

    /// What stands in a cell; nothing does in the second half of a wide character.
    fn shown(&self, row: u16, column: u16) -> Option<&str> {
        let cell = self.parser.screen().cell(row, column)?;
        if cell.is_wide_continuation() {
            return None;
        }
        let is_covered = self.covered.binary_search(&(row, column)).is_ok();
        Some(match cell.has_contents() {
            true if is_covered => "░",
            true => cell.contents(),
            false => " ",
        })
    }

    /// The words from first to last. One that the terminal broke at its edge is one.
    pub fn words(&self) -> Vec<Word> {
        let (mut words, mut word) = (Vec::new(), None::<Word>);
        let (mut is_first, mut is_broken) = (true, false);
        for row in 0..ROWS {
            for column in 0..self.columns {
                let Some(shown) = self.shown(row, column) else { continue };
                if shown.trim().is_empty() {
                    is_first &= word.is_none();
                    words.extend(word.take());
                    continue;
                }
                let is_torn = column == 0 && is_broken && !is_first;
                let word = word.get_or_insert_with(|| Word {
                    text: String::new(),
                    cells: Vec::new(),
                    is_torn: false,
                });
                word.is_torn |= is_torn;
                word.text.push_str(shown);
                word.cells.push((row, column));
            }
            is_broken = self.parser.screen().row_wrapped(row);
            if !is_broken {
                words.extend(word.take());
                is_first = true;
            }
        }
        words
    }

    /// The cells whose text is not to be kept; what stands around them is.
    pub fn cover(&mut self, mut cells: Vec<(u16, u16)>) {
        cells.sort_unstable();
        self.covered = cells;
    }

    /// The text with its styles in angle quotes.
    pub fn styled(&self) -> String {
        let mut text = String::new();
        for row in 0..ROWS {
            let (mut line, mut style) = (String::new(), String::new());
            for column in 0..self.columns {
                let Some(cell) = self.parser.screen().cell(row, column) else { continue };
                let Some(shown) = self.shown(row, column) else { continue };
                let now = if shown.trim().is_empty() { style.clone() } else { name(cell) };
                if now != style {
                    write!(line, "{}{}", close(&style), open_tag(&now)).unwrap();
                    style = now;
                }
                line.push_str(shown);
            }
            let line = format!("{}{}", line.trim_end(), close(&style));
            text.push_str(&line);
            text.push('\n');
        }
        redact(text.trim_end())
    }
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
pub fn redact(text: &str) -> String {
    let mut out = String::new();
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = rest.find(|c| !word(c)).unwrap_or(rest.len()).max(c.len_utf8());
        let (one, more) = rest.split_at(length);
        let is_number = one.bytes().all(|b| b.is_ascii_digit());
        let is_port = is_number && out.ends_with("127.0.0.1:");
        let is_day = out.ends_with("by alice on ");
        if one.len() == 43 && one != THUMBPRINT {
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

//! A pseudo-terminal, and the screen that a person sees in it.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Pts, Pty, open};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::termios::{LocalModes, tcgetattr};

use crate::folder::Folder;

/// The mark that is written after the program's output. It is an application program command
/// (ECMA-48, 8.3.2), which a terminal does not show.
const END: &[u8] = b"\x1b_the program has ended\x1b\\";

/// The number of rows of the terminal, which is larger than any screen needs.
const ROWS: u16 = 800;

/// The time limit of a program: longer than any screen takes on a busy machine, and shorter than
/// the limit of a test.
const LIMIT: Duration = Duration::from_secs(150);

/// The interval between two checks whether the program has set the terminal to read an answer.
const GLANCE: Duration = Duration::from_millis(1);

/// The thumbprint of the key of RFC 8410, section 10.3. Only this key is the same in every run.
const THUMBPRINT: &str = "3YZxBJ12jO3n_mXt_q-j_Z-TFP1vt-NiI3OCf-fEnHQ";

/// The texts that a person waits for, each with the reply that the person types then.
pub type Script<'s> = &'s [(&'s str, &'s str)];

/// Ctrl-C, twice. It is typed without waiting until the program reads an answer.
pub const INTERRUPT: &str = "\u{3}\u{3}";

/// The screen at the time when the program ended.
pub struct Screen {
    pub code: i32,
    /// Every byte that the program wrote.
    pub bytes: Vec<u8>,
    /// The rows from the first to the last with visible text.
    rows: Vec<Row>,
}

struct Row {
    cells: Vec<Cell>,
    /// Whether the terminal broke the row at its edge, so that the next row continues it.
    is_wrapped: bool,
}

struct Cell {
    /// The text. A wide character is in one cell, and a blank cell is a space.
    text: String,
    style: String,
}

/// A word on the screen, with the cells that it takes.
pub struct Word {
    pub text: String,
    /// The row of each cell, and the cell's place in the row.
    pub cells: Vec<(usize, usize)>,
    /// Whether the terminal broke a line in this word or right before it, although the line has
    /// words before this word. The line is then too wide.
    pub is_torn: bool,
}

/// Runs the program in a terminal with this number of columns.
pub fn run(folder: &Folder, columns: u16, arguments: &[&str], script: Script<'_>) -> Screen {
    run_after("", folder, columns, arguments, script)
}

/// Does the same as [`run`], for a person who types `typed` before the program starts.
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
    let mut command = folder.terminal_command(arguments).env("TERM", "xterm-256color");
    let mut child = command.spawn_borrowed(&end).unwrap();
    let terminal = Arc::new(terminal);
    let written = listen(&terminal);
    mark_end(Pid::from_child(&child), end);
    let ends = now() + LIMIT;
    let mut output = Output::new(columns);
    let mut script = script.iter();
    let mut next = script.next();
    loop {
        // Take all available output at once: reading the screen takes longer than writing a line on
        // it.
        written.try_iter().for_each(|more| output.take(&more));
        let shown = next.map(|_| output.shown()).unwrap_or_default();
        if let Some((wait, reply)) = next.filter(|(wait, _)| shown.contains(wait)) {
            // The program shows the question before it sets the terminal to read the answer, and
            // text that is typed in between is lost. Wait until the terminal does not echo.
            let is_asked = *reply != INTERRUPT;
            while is_asked && tcgetattr(&*terminal).unwrap().local_modes.contains(LocalModes::ECHO)
            {
                let ended = child.try_wait().unwrap().is_some();
                if ended || now() > ends {
                    let _ = child.kill();
                    panic!("the program did not read the answer to {wait:?}:\n{shown}");
                }
                // The terminal reports output, but not a change of its modes.
                if let Ok(more) = written.recv_timeout(GLANCE) {
                    output.take(&more);
                }
            }
            (&*terminal).write_all(reply.as_bytes()).unwrap();
            next = script.next();
            continue;
        }
        if output.has_ended() {
            break;
        }
        let Ok(more) = written.recv_timeout(ends.saturating_duration_since(now())) else {
            let _ = child.kill();
            let shown = output.shown();
            panic!("the program did not end after {LIMIT:?}; waiting for {next:?}:\n{shown}");
        };
        output.take(&more);
    }
    let code = child.wait().unwrap().code().unwrap();
    let modes = tcgetattr(&*terminal).unwrap().local_modes;
    assert!(
        modes.contains(LocalModes::ECHO | LocalModes::ICANON),
        "the terminal does not show typed text"
    );
    let screen = output.parser.screen();
    assert!(!screen.hide_cursor(), "the cursor is hidden");
    assert!(next.is_none(), "never asked: {next:?}\n{}", screen.contents());
    assert!(screen.cursor_position().0 < ROWS - 1, "the screen has more than {ROWS} rows");
    let rows = rows(screen, columns);
    Screen { code, bytes: output.written(), rows }
}

/// The output up to now, and the screen that it makes.
struct Output {
    bytes: Vec<u8>,
    parser: vt100::Parser,
}

impl Output {
    fn new(columns: u16) -> Self {
        let size = |n: u16| NonZeroU16::new(n).unwrap();
        Self { bytes: Vec::new(), parser: vt100::Parser::new(size(ROWS), size(columns), 0) }
    }

    fn take(&mut self, more: &[u8]) {
        self.parser.process(more);
        self.bytes.extend(more);
    }

    fn shown(&self) -> String {
        self.parser.screen().contents()
    }

    fn end(&self) -> Option<usize> {
        self.bytes.windows(END.len()).rposition(|bytes| bytes == END)
    }

    fn has_ended(&self) -> bool {
        self.end().is_some()
    }

    /// Returns the bytes that the program wrote.
    fn written(mut self) -> Vec<u8> {
        self.bytes.truncate(self.end().unwrap_or(self.bytes.len()));
        self.bytes
    }
}

/// Writes [`END`] after the program's last output. The terminal stays open until then: when the
/// last writer closes a terminal, the kernel may report the end before it has delivered the output.
fn mark_end(program: Pid, end: Pts) {
    std::thread::spawn(move || {
        // `NOWAIT` leaves the exit code for `Child::wait`. If `Child::wait` was faster, this call
        // fails, and the program has ended too.
        let _ = waitid(WaitId::Pid(program), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let _ = rustix::io::write(&end, END);
    });
}

fn rows(screen: &vt100::Screen, columns: u16) -> Vec<Row> {
    let shown = screen.rows(0, columns).collect::<Vec<_>>();
    let height = shown.iter().rposition(|row| !row.trim().is_empty()).map_or(0, |last| last + 1);
    let rows = (0..ROWS).take(height).map(|row| {
        let cells = (0..columns).filter_map(|column| screen.cell(row, column));
        // The second half of a wide character has no text.
        let cells = cells.filter(|cell| !cell.is_wide_continuation()).map(|cell| Cell {
            text: if cell.has_contents() { cell.contents() } else { " " }.to_owned(),
            style: name(cell),
        });
        Row { cells: cells.collect(), is_wrapped: screen.row_wrapped(row) }
    });
    rows.collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's clock does not measure how long a program takes"
)]
fn now() -> Instant {
    Instant::now()
}

/// Starts a thread that reads the output until the terminal is closed. Returns the receiver of the
/// output.
fn listen(terminal: &Arc<Pty>) -> Receiver<Vec<u8>> {
    let (sender, written) = channel();
    let terminal = Arc::clone(terminal);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // A closed terminal returns an error instead of an end of file.
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
        let rows: Vec<_> = self.rows.iter().map(|row| row.text().trim_end().to_owned()).collect();
        redact(rows.join("\n").trim_end())
    }

    /// Returns the words from first to last. The two parts of a word that the terminal broke at its
    /// edge are one word.
    pub fn words(&self) -> Vec<Word> {
        let (mut words, mut word) = (Vec::new(), None::<Word>);
        let (mut is_first, mut is_broken) = (true, false);
        for (row, shown) in self.rows.iter().enumerate() {
            for (place, cell) in shown.cells.iter().enumerate() {
                if cell.is_blank() {
                    is_first &= word.is_none();
                    words.extend(word.take());
                    continue;
                }
                let is_torn = place == 0 && is_broken && !is_first;
                let word = word.get_or_insert_with(|| Word {
                    text: String::new(),
                    cells: Vec::new(),
                    is_torn: false,
                });
                word.is_torn |= is_torn;
                word.text.push_str(&cell.text);
                word.cells.push((row, place));
            }
            is_broken = shown.is_wrapped;
            if !is_broken {
                words.extend(word.take());
                is_first = true;
            }
        }
        words.extend(word);
        words
    }

    /// Replaces the text of these cells by `░`, so that a test does not store the text.
    pub fn cover(&mut self, cells: impl IntoIterator<Item = (usize, usize)>) {
        for (row, place) in cells {
            "░".clone_into(&mut self.rows[row].cells[place].text);
        }
    }

    /// Returns each text in one style, after the name of its style. A text continues over blanks
    /// and line breaks.
    pub fn marks(&self) -> Vec<(&str, String)> {
        let mut marks: Vec<(&str, String)> = Vec::new();
        for row in &self.rows {
            let mut is_apart = true;
            for cell in &row.cells {
                if cell.is_blank() {
                    is_apart = true;
                    continue;
                }
                match marks.last_mut().filter(|(style, _)| *style == cell.style) {
                    Some((_, text)) if is_apart => *text = format!("{text} {}", cell.text),
                    Some((_, text)) => text.push_str(&cell.text),
                    None => marks.push((&cell.style, cell.text.clone())),
                }
                is_apart = false;
            }
        }
        marks.iter_mut().for_each(|(_, text)| *text = redact(text));
        marks
    }
}

impl Row {
    fn text(&self) -> String {
        self.cells.iter().map(|cell| &*cell.text).collect()
    }
}

impl Cell {
    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
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

/// Replaces texts that differ between runs by the same number of signs: thumbprints of new keys,
/// ports, days, and the day of an approval.
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

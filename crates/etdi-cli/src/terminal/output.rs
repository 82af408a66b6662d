//! What a command shows: text for a person, or one JSON document for a program.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use etdi::text::json_escaped;
use parking_lot::Mutex;
use serde::Serialize;

use crate::exit::CliError;
use crate::terminal::line::{Line, visible};
use crate::terminal::spinner::{Progress, Spinners};

/// The narrowest text that is wrapped; narrower terminals break lines where they must.
const NARROWEST: usize = 40;

/// Where text and data go. Data is what another program reads: standard output, whatever the flags.
/// Text for a person goes there as well, unless `--json` or `--quiet` is given; remarks and errors go
/// to standard error.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// The columns of the terminal; `None` if standard output is none, and then nothing is wrapped.
    width: Option<usize>,
    stdout: Mutex<Box<dyn Write + Send>>,
    stderr: Mutex<Box<dyn Write + Send>>,
    progress: bool,
    spinners: Spinners,
}

impl Output {
    /// The process's own streams.
    pub(crate) fn of_process(json: bool, quiet: bool, color: ColorChoice) -> Self {
        let terminal = io::stdout().is_terminal();
        let columns = console::Term::stdout().size_checked().map(|(_, columns)| columns.into());
        Self {
            json,
            quiet,
            width: columns.filter(|_| terminal),
            stdout: Mutex::new(Box::new(AutoStream::new(io::stdout(), color))),
            stderr: Mutex::new(Box::new(AutoStream::new(io::stderr(), color))),
            progress: io::stderr().is_terminal() && !json && !quiet,
            spinners: Spinners::default(),
        }
    }

    pub(crate) fn spinners(&self) -> Spinners {
        self.spinners.clone()
    }

    /// Whether a program reads the answer.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person sees what is printed: a question about it makes sense.
    pub(crate) fn is_seen(&self) -> bool {
        !self.json && !self.quiet && io::stdout().is_terminal()
    }

    /// One line for a person.
    pub(crate) fn line(&self, line: impl Into<Line>) {
        self.indented(line, 0);
    }

    /// One line for a person, its continuations indented.
    pub(crate) fn indented(&self, line: impl Into<Line>, indent: usize) {
        if self.json || self.quiet {
            return;
        }
        for line in self.wrap(line.into(), indent) {
            write(&self.stdout, &format_args!("{line}\n"));
        }
    }

    pub(crate) fn blank(&self) {
        self.line("");
    }

    /// Labels and what belongs to them, one below the other, indented by two columns.
    pub(crate) fn fields<'l>(&self, fields: impl IntoIterator<Item = (&'l str, Line)>) {
        let fields: Vec<_> = fields.into_iter().collect();
        let widest = fields.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
        for (label, value) in fields {
            let label = Line::new().text("  ").dim(format!("{label:widest$}")).text("  ");
            self.indented(label.then(value), widest + 4);
        }
    }

    /// A text of others below its label, line by line as they broke it, each behind a bar: none can
    /// be taken for a line of this program's.
    pub(crate) fn said(&self, label: &str, text: &str) {
        if !text.contains('\n') {
            return self.fields([(label, Line::new().theirs(text))]);
        }
        self.line(Line::new().text("  ").dim(label));
        for line in text.split('\n') {
            self.indented(Line::new().dim("    | ").theirs(line), 6);
        }
    }

    /// A table without lines, as wide as the terminal. The last column is never broken: it holds what
    /// a person copies.
    pub(crate) fn table(&self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header.to_vec());
        if let Some(width) = self.width {
            let width = u16::try_from(width.max(NARROWEST)).unwrap_or(u16::MAX);
            table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        }
        for row in rows {
            table.add_row(row.iter().map(|cell| visible(cell)).collect::<Vec<_>>());
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some(last) = header.len().checked_sub(1).and_then(|last| table.column_mut(last)) {
            last.set_constraint(ColumnConstraint::ContentWidth);
        }
        if self.json || self.quiet {
            return;
        }
        for (place, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let line = if place == 0 { Line::new().bold(line) } else { Line::from(line) };
            write(&self.stdout, &format_args!("{line}\n"));
        }
    }

    /// The answer for a program, if one reads it.
    pub(crate) fn json(&self, answer: &impl Serialize) {
        if self.json {
            // What is printed has string keys and numbers, so it always serialises.
            let text = serde_json::to_string_pretty(answer).unwrap_or_default();
            write(&self.stdout, &format_args!("{}\n", shown_json(&text)));
        }
    }

    /// Data that was asked for, `--quiet` or not: a signed file, a key set. JSON with its hidden
    /// characters as JSON escapes, which changes no value.
    pub(crate) fn data(&self, json: &str) {
        write(&self.stdout, &format_args!("{}\n", shown_json(json.trim_end())));
    }

    /// A text of this program's own, as it is.
    pub(crate) fn own(&self, text: &[u8]) {
        let mut stream = self.stdout.lock();
        let _ = stream.write_all(text).and_then(|()| stream.flush());
    }

    /// A remark beside the answer, on standard error.
    pub(crate) fn remark(&self, line: impl Into<Line>) {
        if self.json || self.quiet {
            return;
        }
        for line in self.wrap(line.into(), 2) {
            write(&self.stderr, &format_args!("{line}\n"));
        }
    }

    /// What to type next, on standard error.
    pub(crate) fn next(&self, command: impl Display) {
        self.remark(Line::new().dim("next: ").command(command));
    }

    /// Why nothing came of it.
    pub(crate) fn error(&self, error: &CliError) {
        if self.json {
            self.json(error);
            return;
        }
        let mut lines = vec![Line::new().bad("error: ").text(error.what())];
        if let Some(place) = error.place() {
            lines.push(Line::new().dim("  at: ").text(place));
        }
        if let Some(next) = error.next_step() {
            lines.push(Line::new().dim("  next: ").command(next));
        }
        for line in lines.into_iter().flat_map(|line| self.wrap(line, 8)) {
            write(&self.stderr, &format_args!("{line}\n"));
        }
    }

    /// Shows that something is under way, once it has taken a second.
    pub(crate) fn progress(&self, doing: impl Display) -> Progress {
        self.spinners.start(&doing, self.progress)
    }

    fn wrap(&self, line: Line, indent: usize) -> Vec<Line> {
        match self.width {
            Some(width) if line.width() > width => line.wrapped(width.max(NARROWEST), indent),
            _ => vec![line],
        }
    }
}

/// JSON over several lines: no string of it holds a line break, so each line is taken for itself.
pub(crate) fn shown_json(json: &str) -> String {
    json.lines().map(json_escaped).collect::<Vec<_>>().join("\n")
}

/// Nobody reads any more: that is no error of the command's.
fn write(stream: &Mutex<Box<dyn Write + Send>>, text: &impl Display) {
    let mut stream = stream.lock();
    let _ = stream.write_all(text.to_string().as_bytes()).and_then(|()| stream.flush());
}

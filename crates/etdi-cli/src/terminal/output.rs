//! The output of a command: text for a person, or one JSON document for a program.

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

/// The smallest width to wrap at. A narrower terminal breaks the lines itself.
const NARROWEST: usize = 40;

/// The output streams. Data for another program goes to standard output, with any flags. Text for a
/// person goes to standard output too, unless `--json` or `--quiet` is given. Remarks and errors go to
/// standard error.
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// The columns of the terminal. `None` if standard output is not a terminal: text is not wrapped.
    width: Option<usize>,
    stdout: Mutex<Box<dyn Write + Send>>,
    stderr: Mutex<Box<dyn Write + Send>>,
    progress: bool,
    spinners: Spinners,
}

impl Output {
    /// Returns an output to the streams of the process.
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

    /// Returns whether the answer is JSON for a program.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Returns whether a person sees the printed text. Only then can a question refer to the text.
    pub(crate) fn is_seen(&self) -> bool {
        !self.json && !self.quiet && io::stdout().is_terminal()
    }

    /// Prints one line for a person.
    pub(crate) fn line(&self, line: impl Into<Line>) {
        self.indented(line, 0);
    }

    /// Prints one line for a person. Continuation lines are indented.
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

    /// Prints labels and their values, one pair on each line, indented by two columns.
    pub(crate) fn fields<'l>(&self, fields: impl IntoIterator<Item = (&'l str, Line)>) {
        let fields: Vec<_> = fields.into_iter().collect();
        let widest = fields.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
        for (label, value) in fields {
            let label = Line::new().text("  ").dim(format!("{label:widest$}")).text("  ");
            self.indented(label.then(value), widest + 4);
        }
    }

    /// Prints a label, and below it a text of a server with its own line breaks. Each line begins with a
    /// bar: without it, the server could imitate a line of this program.
    pub(crate) fn said(&self, label: &str, text: &str) {
        if !text.contains('\n') {
            return self.fields([(label, Line::new().theirs(text))]);
        }
        self.line(Line::new().text("  ").dim(label));
        for line in text.split('\n') {
            self.indented(Line::new().dim("    | ").theirs(line), 6);
        }
    }

    /// Prints a table without lines, as wide as the terminal. The last column is never broken, because
    /// people copy its values.
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

    /// Prints the answer as JSON, if `--json` is given.
    pub(crate) fn json(&self, answer: &impl Serialize) {
        if self.json {
            // Every answer has string keys and finite numbers, so it always serialises.
            let text = serde_json::to_string_pretty(answer).unwrap_or_default();
            write(&self.stdout, &format_args!("{}\n", shown_json(&text)));
        }
    }

    /// Prints requested JSON data, such as a signed file or a key set, also with `--quiet`. Hidden
    /// characters become JSON escapes, which keeps every value.
    pub(crate) fn data(&self, json: &str) {
        write(&self.stdout, &format_args!("{}\n", shown_json(json.trim_end())));
    }

    /// Prints text of this program without escaping it.
    pub(crate) fn own(&self, text: &[u8]) {
        let mut stream = self.stdout.lock();
        let _ = stream.write_all(text).and_then(|()| stream.flush());
    }

    /// Prints a remark on standard error.
    pub(crate) fn remark(&self, line: impl Into<Line>) {
        if self.json || self.quiet {
            return;
        }
        for line in self.wrap(line.into(), 2) {
            write(&self.stderr, &format_args!("{line}\n"));
        }
    }

    /// Prints the next command to type, on standard error.
    pub(crate) fn next(&self, command: impl Display) {
        self.remark(Line::new().dim("next: ").command(command));
    }

    /// Prints the error of a command.
    pub(crate) fn error(&self, error: &CliError) {
        if self.json {
            self.json(error);
            return;
        }
        let mut lines = vec![Line::new().bad("error: ").text(error.what())];
        if let Some(place) = error.place() {
            lines.push(Line::new().dim("  at: ").text(place));
        }
        if !error.last_lines().is_empty() {
            lines.push(Line::new().dim("  the last lines of its standard error:"));
        }
        // Each line begins with a bar: without it, the server could imitate a line of this program.
        let bar = |line: &String| Line::new().dim("    | ").text(line);
        lines.extend(error.last_lines().iter().map(bar));
        if let Some(next) = error.next_step() {
            lines.push(Line::new().dim("  next: ").command(next));
        }
        for line in lines.into_iter().flat_map(|line| self.wrap(line, 8)) {
            write(&self.stderr, &format_args!("{line}\n"));
        }
    }

    /// Shows a spinner if the step takes longer than a second.
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

/// Escapes hidden characters in JSON of several lines. JSON strings hold no line breaks, so each line is
/// escaped on its own.
pub(crate) fn shown_json(json: &str) -> String {
    json.lines().map(json_escaped).collect::<Vec<_>>().join("\n")
}

/// Writes to a stream. Errors are ignored: if the reader closed the pipe, the command still succeeds.
fn write(stream: &Mutex<Box<dyn Write + Send>>, text: &impl Display) {
    let mut stream = stream.lock();
    let _ = stream.write_all(text.to_string().as_bytes()).and_then(|()| stream.flush());
}

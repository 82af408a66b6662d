//! The folder through which the demo and a demo server exchange data without MCP. The demo writes the
//! server's offer there (the control channel). The server writes the effects of its work there, and the
//! demo checks its claims against them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etdi::events::EventRecord;

/// One server's folder.
#[derive(Clone, Debug)]
pub struct State(PathBuf);

impl State {
    /// Returns the folder at `path`, and makes it if it does not exist.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn at(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Sets the offer of the server from its next listing on: a version or a variant of its tool.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_offer(&self, offer: &str) -> io::Result<()> {
        self.write("offer", offer)
    }

    /// Returns the offer of the server, which is empty if it was not set.
    #[must_use]
    pub fn offer(&self) -> String {
        self.read("offer").unwrap_or_default()
    }

    /// Counts one call of the server's tool.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn count_call(&self) -> io::Result<()> {
        self.count("calls")
    }

    /// Returns how often the server's tool was called.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.counted("calls")
    }

    /// Adds one to the counter with this name.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn count(&self, what: &str) -> io::Result<()> {
        self.append(what, "x")
    }

    /// Returns the value of the counter with this name.
    #[must_use]
    pub fn counted(&self, what: &str) -> usize {
        self.read(what).unwrap_or_default().len()
    }

    /// Sets by how many seconds the server's clock is ahead of the system's clock.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn set_clock_offset(&self, seconds: i64) -> io::Result<()> {
        self.write("clock-offset", &seconds.to_string())
    }

    /// Returns by how many seconds the server's clock is ahead: 0 if it was not set.
    #[must_use]
    pub fn clock_offset(&self) -> i64 {
        self.read("clock-offset").ok().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Stores an event of the server as a line of JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn keep_event(&self, event: &EventRecord) -> io::Result<()> {
        let line = serde_json::to_string(event)?;
        self.append("events", &format!("{line}\n"))
    }

    /// Returns the events of the server so far. A line that is not complete yet is left for the next
    /// call.
    #[must_use]
    pub fn events(&self) -> Vec<EventRecord> {
        let text = self.read("events").unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Stores a document that a malicious server got.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn take_loot(&self, document: &str) -> io::Result<()> {
        self.append("loot", document)
    }

    /// Returns the documents that a malicious server got so far.
    #[must_use]
    pub fn loot(&self) -> String {
        self.read("loot").unwrap_or_default()
    }

    /// Reads a file of the folder.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.0.join(name))
    }

    /// Writes a file of the folder in one step: a reader sees the old text or the new text. Only the
    /// owner can read the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        file.write_all(text.as_bytes())?;
        file.persist(self.0.join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    fn append(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.0.join(name))?;
        file.write_all(text.as_bytes())
    }
}

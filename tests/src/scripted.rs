//! An MCP server whose answers a test writes, byte for byte.
//!
//! A server that is built on a library cannot serve texts that the library would not write: a duplicate
//! member, an integer beyond 2^53, pages without end. This server answers with the text of files in a
//! folder, which a test can change at any time. It runs as a child process on stdio, or listens on
//! HTTP.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The folder that holds the answers of the server, and the calls that it received.
#[derive(Clone, Debug)]
pub struct Script {
    folder: PathBuf,
}

/// The reaction of the server to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// No answer, because the message was a notification.
    None,
    /// Sends these JSON-RPC messages, the response last.
    Messages(Vec<Vec<u8>>),
    /// Redirects, if the transport can.
    Redirect(String),
}

impl Script {
    /// Makes a script in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Returns the folder of the script.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Sets the `result` of `initialize`.
    pub fn greeting(&self, result: &Value) {
        self.write("greeting", result.to_string());
    }

    /// Sets the `result` of `tools/list`, as text, for every session and cursor without a result of its
    /// own.
    pub fn list(&self, result: impl AsRef<[u8]>) {
        self.write("list", result);
    }

    /// Sets the `result` of `tools/list` without a cursor for one session, counted from 1.
    pub fn list_for(&self, session: usize, result: impl AsRef<[u8]>) {
        self.write(&format!("list@{session}"), result);
    }

    /// Sets the `result` of `tools/list` for this cursor, which becomes part of a file name.
    pub fn page(&self, cursor: &str, result: impl AsRef<[u8]>) {
        self.write(&format!("list+{cursor}"), result);
    }

    /// Sets the `result` of the next `tools/list` only. After several calls, the results are used in
    /// order, one for each `tools/list`.
    pub fn list_once(&self, result: impl AsRef<[u8]>) {
        let queued = self.queue().len() + self.count("lists");
        self.write(&format!("queue-{queued:06}"), result);
    }

    /// Makes every page of `tools/list` empty, with a cursor for a next page.
    pub fn list_without_end(&self) {
        self.write("endless", "");
    }

    /// Sets the number of `tools/list_changed` notifications before each list.
    pub fn storm(&self, notifications: usize) {
        self.write("storm", notifications.to_string());
    }

    /// Sets the `result` of `tools/call`, as text.
    pub fn result(&self, result: impl AsRef<[u8]>) {
        self.write("result", result);
    }

    /// Answers this method with a redirect.
    pub fn redirect(&self, method: &str, location: &str) {
        self.write(&redirect_file(method), location);
    }

    /// Returns the parameters of every call that arrived.
    pub fn calls(&self) -> Vec<Value> {
        let text = self.read("calls").unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    /// Returns how many times a list, or a page of one, was requested.
    pub fn lists(&self) -> usize {
        self.count("lists")
    }

    /// Begins a session and returns its number, from 1.
    pub fn begin_session(&self) -> usize {
        self.append("sessions", b".");
        self.count("sessions")
    }

    /// Returns the reaction of the server to `message` in a session.
    pub fn answer(&self, session: usize, message: &[u8]) -> Answer {
        let message: Value = serde_json::from_slice(message).unwrap();
        let method = message["method"].as_str().unwrap_or_default();
        let Some(id) = message.get("id").filter(|_| !method.is_empty()) else {
            return Answer::None;
        };
        if let Some(location) = self.read(&redirect_file(method)) {
            return Answer::Redirect(String::from_utf8(location).unwrap());
        }
        let params = &message["params"];
        let mut messages = Vec::new();
        let result = match method {
            "initialize" => self.read("greeting").unwrap_or_else(plain_greeting),
            "ping" => b"{}".to_vec(),
            "tools/list" => {
                messages = self.notifications();
                self.next_list(session, params["cursor"].as_str())
            }
            "tools/call" => {
                self.append("calls", format!("{params}\n").as_bytes());
                self.read("result").unwrap_or_else(plain_result)
            }
            _ => {
                let error = json!({"code": -32601, "message": "no such method"});
                messages.push(envelope(id, "error", error.to_string().as_bytes()));
                return Answer::Messages(messages);
            }
        };
        messages.push(envelope(id, "result", &result));
        Answer::Messages(messages)
    }

    fn next_list(&self, session: usize, cursor: Option<&str>) -> Vec<u8> {
        self.append("lists", b".");
        if let Some(queued) = self.queue().into_iter().next() {
            let result = fs::read(&queued).unwrap();
            fs::remove_file(queued).unwrap();
            return result;
        }
        if self.read("endless").is_some() {
            let next = self.count("lists").to_string();
            return json!({"tools": [], "nextCursor": next}).to_string().into();
        }
        let file = match cursor {
            Some(cursor) => format!("list+{cursor}"),
            None => format!("list@{session}"),
        };
        let file = self.read(&file).or_else(|| self.read("list"));
        file.unwrap_or_else(|| br#"{"tools":[]}"#.to_vec())
    }

    fn notifications(&self) -> Vec<Vec<u8>> {
        let count = self.read("storm").unwrap_or_default();
        let count = String::from_utf8(count).unwrap().parse().unwrap_or(0);
        let note = br#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        vec![note.to_vec(); count]
    }

    fn queue(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut queued: Vec<PathBuf> = paths
            .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("queue-"))
            .collect();
        queued.sort();
        queued
    }

    fn count(&self, file: &str) -> usize {
        self.read(file).map_or(0, |bytes| bytes.len())
    }

    fn read(&self, file: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.join(file)).ok()
    }

    /// Replaces the file in one step, so that a reader sees either the whole old text or the whole new
    /// text.
    fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let draft = self.folder.join("draft");
        fs::write(&draft, content).unwrap();
        fs::rename(draft, self.folder.join(file)).unwrap();
    }

    fn append(&self, file: &str, content: &[u8]) {
        let path = self.folder.join(file);
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(content).unwrap();
    }
}

fn redirect_file(method: &str) -> String {
    format!("redirect-{}", method.replace('/', "-"))
}

fn envelope(id: &Value, member: &str, text: &[u8]) -> Vec<u8> {
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"{member}":"#);
    [head.as_bytes(), text, b"}"].concat()
}

fn plain_greeting() -> Vec<u8> {
    let greeting = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {"listChanged": true}},
        "serverInfo": {"name": "scripted", "version": "1.0.0"},
    });
    greeting.to_string().into()
}

fn plain_result() -> Vec<u8> {
    br#"{"content":[{"type":"text","text":"done"}]}"#.to_vec()
}

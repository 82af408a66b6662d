//! The answers of a server, as text.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// The answers of a server. The texts of tools are sent unchanged.
#[derive(Debug, Default)]
pub struct Script {
    /// Whether the server knows `server/discover` (2026-07-28), or only `initialize` (2025-11-25).
    pub modern: bool,
    /// Whether the server says, under 2026-07-28, that its list may change. It ends every
    /// subscription.
    pub announces_changes: bool,
    /// Whether the server answers every unknown method with an empty result.
    pub acknowledges: bool,
    /// The texts of the tools, page by page.
    pub pages: Mutex<Vec<Vec<String>>>,
    /// A text in place of the whole `result` of `tools/list`.
    pub list_result: Mutex<Option<Vec<u8>>>,
    /// The cursor of every page, in place of the right one.
    pub cursor: Mutex<Option<String>>,
    pub instructions: Mutex<Option<String>>,
    /// Whether `tools/list`, or the handshake, never gets an answer.
    pub silent_list: bool,
    pub silent_start: bool,
    /// The number of listings and of calls that came.
    pub lists: AtomicUsize,
    pub calls: AtomicUsize,
    /// The parameters of the last call.
    pub called_with: Mutex<Value>,
    pub methods: Mutex<Vec<String>>,
    pub offered_version: Mutex<Option<String>>,
}

impl Script {
    pub fn of(tools: &[&str]) -> Self {
        let script = Self::default();
        script.serve(tools);
        script
    }

    /// Serves these tools from now on, on one page.
    pub fn serve(&self, tools: &[&str]) {
        *self.pages.lock().unwrap() = vec![tools.iter().map(|text| (*text).to_owned()).collect()];
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn lists(&self) -> usize {
        self.lists.load(Ordering::SeqCst)
    }

    /// Returns the whole response to `request`; `None` for a notification, or if the server does
    /// not answer.
    pub fn answer(&self, request: &Value) -> Option<Vec<u8>> {
        let method = request["method"].as_str()?;
        self.methods.lock().unwrap().push(method.to_owned());
        let id = request.get("id")?;
        let result = match method {
            "server/discover" if self.silent_start => return None,
            "initialize" if self.silent_start => return None,
            "server/discover" if self.modern => self.start(&json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {"listChanged": self.announces_changes}}, "ttlMs": 0, "cacheScope": "private",
            })),
            "initialize" if !self.modern => {
                let offered = request["params"]["protocolVersion"].as_str().map(str::to_owned);
                *self.offered_version.lock().unwrap() = offered;
                self.start(&json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {"listChanged": true}},
                    "serverInfo": {"name": "script", "version": "1"},
                }))
            }
            "tools/list" if self.silent_list => return None,
            "tools/list" => self.list(request["params"]["cursor"].as_str()),
            "tools/call" => {
                self.calls.fetch_add(1, Ordering::SeqCst);
                *self.called_with.lock().unwrap() = request["params"].clone();
                let text = request["params"]["arguments"].to_string();
                let result = json!({"resultType": "complete",
                    "content": [{"type": "text", "text": text}]});
                result.to_string().into_bytes()
            }
            _ if self.acknowledges => b"{}".to_vec(),
            _ => {
                let error = json!({"jsonrpc": "2.0", "id": id,
                    "error": {"code": -32601, "message": "no such method"}});
                return Some(error.to_string().into_bytes());
            }
        };
        let mut text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":").into_bytes();
        text.extend(result);
        text.push(b'}');
        Some(text)
    }

    fn start(&self, result: &Value) -> Vec<u8> {
        let mut result = result.clone();
        if let Some(instructions) = &*self.instructions.lock().unwrap() {
            result["instructions"] = json!(instructions);
        }
        result.to_string().into_bytes()
    }

    fn list(&self, cursor: Option<&str>) -> Vec<u8> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        if let Some(text) = &*self.list_result.lock().unwrap() {
            return text.clone();
        }
        let pages = self.pages.lock().unwrap();
        let at: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let next = match &*self.cursor.lock().unwrap() {
            Some(same) => Some(same.clone()),
            None => (at + 1 < pages.len()).then(|| (at + 1).to_string()),
        };
        let next = next.map(|next| format!(",\"nextCursor\":{}", json!(next))).unwrap_or_default();
        let tools = pages.get(at).map(|page| page.join(" , ")).unwrap_or_default();
        format!(
            "{{\"resultType\":\"complete\",\"ttlMs\":86400000,\"cacheScope\":\"public\",\
             \"tools\":[ {tools} ]{next}}}"
        )
        .into_bytes()
    }
}

//! The program in a folder of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use etdi::SigningKey;
use etdi::keys::base64url_encode;
use serde_json::{Value, json};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_etdi");

/// RFC 8410, section 10.3.
pub(crate) const PRIVATE_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

pub(crate) const TOOL: &str = r#"{"name":"scan","description":"Looks for personal data in a document.","inputSchema":{"type":"object","properties":{"document":{"type":"string"}}}}"#;

pub(crate) const SPEC: &str = r#"servers = ["https://docs.example/mcp"]
[provider]
id = "https://trustedsoft.example"
name = "TrustedSoft"
[[tool]]
name = "scan"
version = "1.2.0"
permissions = [
  { scope = "documents:read", description = "reads the document that you name" },
  { scope = "documents:write", description = "stores a report beside it", required = false },
]
"#;

/// A working folder, with what the environment says.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// How a run ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let variables =
            [("ETDI_CONFIG", "trust.toml"), ("ETDI_DATA", "data"), ("HOME", "/nowhere")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let this = Self { folder, variables: variables.to_vec() };
        this.put("publisher.pem", PRIVATE_PEM);
        this.put("tool.json", TOOL);
        this.put("spec.toml", SPEC);
        this
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another one with the same in it.
    pub(crate) fn copied(&self) -> Self {
        let copy = Self { folder: tempfile::tempdir().unwrap(), variables: self.variables.clone() };
        let all = self.path().join(".");
        let copied = Command::new("cp").arg("-a").args([&*all, copy.path()]).status().unwrap();
        assert!(copied.success());
        copy
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.file(name), text).unwrap();
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.file(name), private).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    /// Trusts the key of [`PRIVATE_PEM`].
    pub(crate) fn trusting(self) -> Self {
        let jwk = serde_json::to_string(key().public_jwk()).unwrap();
        self.put("publisher.jwk", &jwk);
        assert_eq!(self.run(&["init", "--empty"]).code, 0);
        let id = "https://trustedsoft.example";
        let confirmed = key().public_jwk().thumbprint();
        let flags = ["--key", "publisher.jwk", "--thumbprint", &confirmed];
        assert_eq!(self.run(&[&["trust", "add", id], &flags[..]].concat()).code, 0);
        self
    }

    /// Signs the tool into `signed.json`.
    pub(crate) fn signed(self) -> Self {
        let ran = self.run(&[
            "sign",
            "tool.json",
            "--key",
            "publisher.pem",
            "--spec",
            "spec.toml",
            "-o",
            "signed.json",
        ]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        self
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Where there is no trust configuration.
    pub(crate) fn run_trusting_nobody(&self, arguments: &[&str]) -> Ran {
        self.ran(arguments, "", &[("ETDI_CONFIG", "none.toml")])
    }

    /// Without a terminal.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        self.ran(arguments, input, &[])
    }

    /// The program in this folder, to be started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env_clear().envs(self.variables.iter().cloned());
        command.current_dir(self.path());
        command
    }

    fn ran(&self, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Ran {
        let mut child = self
            .command(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_pem(PRIVATE_PEM).unwrap()
}

/// A token, signed by [`key`].
pub(crate) fn token(claims: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key().kid() });
    let part = |value: &Value| base64url_encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(claims));
    let signature = base64url_encode(&key().sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// The claims of a good token of `issuer`, from 2020 to 2099.
pub(crate) fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "sub": "my-client", "client_id": "my-client", "aud": "https://api.example",
        "iat": 1_577_836_800, "exp": 4_070_908_800_i64, "scope": "documents:read execute:tools",
        "jti": "7",
    })
}

//! Writes the one text of a lockfile.

use std::fmt::{self, Display, Formatter, Write};

use etdi_types::names::Scope;
use etdi_types::text::is_hidden;

use crate::lockfile::{LOCKFILE_SCHEMA, LockedServer, LockedTool, Lockfile, Signer};

const HEAD: &str = "\
# The tools that the servers of this repository may list. Written by `etdi lock`, compared by `etdi check`.
";

/// Writes servers by name, tools by name and id, and members in a fixed order, one to a line: a
/// diff then shows exactly the changed members. Hidden characters are written as escapes.
impl Display for Lockfile {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}schema = {LOCKFILE_SCHEMA}")?;
        self.servers().iter().try_for_each(|server| write_server(f, server))
    }
}

fn write_server(f: &mut Formatter<'_>, server: &LockedServer) -> fmt::Result {
    writeln!(f, "\n[[server]]\nname = {}", quoted(&server.name))?;
    if let Some(identity) = &server.identity {
        writeln!(f, "identity = {}", quoted(&identity.to_string()))?;
    }
    if let Some(from) = &server.from {
        writeln!(f, "from = {}", quoted(from))?;
    }
    if let Some(skipped) = server.skipped {
        writeln!(f, "skipped = \"{skipped}\"")?;
    }
    if let Some(instructions) = &server.instructions {
        writeln!(f, "instructions = \"{instructions}\"")?;
    }
    if !server.packages.is_empty() {
        let packages: Vec<_> = server.packages.iter().map(|one| quoted(one.as_str())).collect();
        writeln!(f, "packages = [{}]", packages.join(", "))?;
    }
    if !server.unbound.is_empty() {
        let words: Vec<_> = server.unbound.iter().map(|word| quoted(word)).collect();
        writeln!(f, "unbound = [{}]", words.join(", "))?;
    }
    if !server.files.is_empty() {
        writeln!(f, "\n[server.files]")?;
    }
    for (path, digest) in &server.files {
        writeln!(f, "{} = \"{digest}\"", quoted(path))?;
    }
    server.tools.iter().try_for_each(|tool| write_tool(f, tool))
}

fn write_tool(f: &mut Formatter<'_>, tool: &LockedTool) -> fmt::Result {
    writeln!(f, "\n[[server.tool]]\nname = {}", quoted(&tool.name))?;
    if let Some(signed) = &tool.signed {
        writeln!(f, "id = {}", quoted(signed.id.as_str()))?;
        writeln!(f, "version = {}", quoted(&signed.version.to_string()))?;
        writeln!(f, "provider = {}", quoted(&signed.provider))?;
    }
    writeln!(f, "digest = \"{}\"", tool.digest)?;
    match tool.signed.as_ref().and_then(|signed| signed.signer.as_ref()) {
        Some(Signer::Key(thumbprint)) => {
            writeln!(f, "signer = {{ key = {} }}", quoted(thumbprint))?;
        }
        Some(Signer::Issuer { issuer, client }) => {
            let (issuer, client) = (quoted(issuer), quoted(client));
            writeln!(f, "signer = {{ issuer = {issuer}, client = {client} }}")?;
        }
        None => {}
    }
    write_scopes(f, "permissions", &tool.permissions)?;
    write_scopes(f, "optional_permissions", &tool.optional_permissions)?;
    writeln!(f, "approved_by = {}", quoted(&tool.approved_by))?;
    if !tool.parts.is_empty() {
        let part = |(name, fingerprint): (&String, &String)| {
            format!("{} = {}", quoted(name), quoted(fingerprint))
        };
        let parts: Vec<_> = tool.parts.iter().map(part).collect();
        writeln!(f, "parts = {{ {} }}", parts.join(", "))?;
    }
    Ok(())
}

fn write_scopes(f: &mut Formatter<'_>, name: &str, scopes: &[Scope]) -> fmt::Result {
    if scopes.is_empty() {
        return Ok(());
    }
    let scopes: Vec<_> = scopes.iter().map(|scope| quoted(scope.as_str())).collect();
    writeln!(f, "{name} = [{}]", scopes.join(", "))
}

/// Returns a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_hidden(c) => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

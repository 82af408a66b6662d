//! The wire format's example: `cargo run -p etdi --example definition`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use etdi::{DefinitionSpec, Permission, Provider, SigningKey};

/// The key of RFC 8037, appendix A, so that every run gives the same signature. Never use it.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tool = serde_json::json!({
        "name": "scan",
        "description": "Finds personal data in a document",
        "inputSchema": {"type": "object"}
    });
    let key = SigningKey::from_pem(KEY)?;
    let provider = Provider::new("https://trustedsoft.example", "TrustedSoft")?;
    let reads = Permission::required("documents:read".parse()?, "reads the document");
    let spec = DefinitionSpec::new("trustedsoft.example/scan".parse()?, "1.2.0".parse()?, provider)
        .on_server("https://docs.example/mcp")
        .with_permission(reads);
    let signed = spec.sign(tool.as_object().ok_or("an object")?, &key)?;
    println!("tool: {}\n", serde_json::to_string_pretty(signed.tool())?);
    println!("canonical: {}\n", signed.canonical());
    println!("digest: {}\n", signed.digest());
    println!("key: {}", serde_json::to_string(key.public_jwk())?);
    Ok(())
}

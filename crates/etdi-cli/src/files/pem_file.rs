//! Private keys as PEM text: PKCS #8 (RFC 5958), encrypted with PBES2 (RFC 8018) if there is a
//! passphrase. OpenSSL reads both.

use etdi::SigningKey;
use pkcs8::der::SecretDocument;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::CliError;

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// The variable with the passphrase. Without it, the command asks the person.
pub(crate) const PASSPHRASE_VARIABLE: &str = "ETDI_KEY_PASSPHRASE";

/// Returns the key as PEM text, encrypted with scrypt and AES-256-CBC if there is a passphrase.
pub(crate) fn write(
    key: &SigningKey,
    passphrase: Option<&str>,
) -> Result<Zeroizing<String>, CliError> {
    let plain = key.to_pem().map_err(|error| CliError::new(error).cannot("encode the key"))?;
    let Some(passphrase) = passphrase else {
        return Ok(plain);
    };
    encrypted(&plain, passphrase)
        .map_err(|error| CliError::new(format!("cannot encrypt the key: {error}")))
}

/// Reads the key from PEM text. Calls `passphrase` if the key is encrypted.
pub(crate) fn read(
    text: &str,
    passphrase: impl FnOnce() -> Result<Zeroizing<String>, CliError>,
) -> Result<SigningKey, CliError> {
    let parsed = |pem: &str| {
        SigningKey::from_pem(pem)
            .map_err(|error| CliError::new(error).cannot("read the private key"))
    };
    if !is_encrypted(text) {
        return parsed(text);
    }
    let pem = decrypted(text.trim(), &passphrase()?).map_err(|_| {
        CliError::new("cannot decrypt the key: the passphrase is wrong, or the file is damaged")
    })?;
    parsed(&pem)
}

fn encrypted(plain: &str, passphrase: &str) -> pkcs8::Result<Zeroizing<String>> {
    let (_, document) = SecretDocument::from_pem(plain)?;
    let info = PrivateKeyInfoRef::try_from(document.as_bytes())?;
    Ok(info.encrypt(passphrase)?.to_pem(ENCRYPTED, LineEnding::LF)?)
}

fn decrypted(encrypted: &str, passphrase: &str) -> pkcs8::Result<Zeroizing<String>> {
    let (_, document) = SecretDocument::from_pem(encrypted)?;
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())?;
    Ok(info.decrypt(passphrase)?.to_pem(PLAIN, LineEnding::LF)?)
}

/// Returns whether the key is encrypted.
pub(crate) fn is_encrypted(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----")
}

/// Returns the passphrase of a key, from the environment or else from the person at the terminal.
pub(crate) fn passphrase(
    context: &Context,
    question: &str,
    new: bool,
) -> Result<Zeroizing<String>, CliError> {
    match context.environment.get(PASSPHRASE_VARIABLE) {
        Some(passphrase) => Ok(Zeroizing::new(passphrase)),
        None => context.prompt.secret(question, new, &format!("set {PASSPHRASE_VARIABLE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> impl FnOnce() -> Result<Zeroizing<String>, CliError> {
        let text = Zeroizing::new(text.to_owned());
        || Ok(text)
    }

    #[test]
    fn an_encrypted_key_opens_only_with_its_passphrase() {
        let key = SigningKey::generate().unwrap();
        let pem = write(&key, Some("correct horse")).unwrap();
        assert!(is_encrypted(&pem));
        assert!(SigningKey::from_pem(&pem).is_err());
        assert_eq!(read(&pem, passphrase("correct horse")).unwrap().kid(), key.kid());
        let error = read(&pem, passphrase("battery staple")).unwrap_err();
        assert!(error.what().contains("the passphrase is wrong"), "{error:?}");
    }

    #[test]
    fn a_plain_key_needs_no_passphrase() {
        let key = SigningKey::generate().unwrap();
        let pem = write(&key, None).unwrap();
        let unasked = || Err(CliError::new("asked"));
        assert_eq!(read(&pem, unasked).unwrap().kid(), key.kid());
    }
}

//! The two constructors that read a file, so that a program can load its configuration in one line.
//! The rest of this crate reads no files.

use std::path::Path;

use zeroize::Zeroizing;

use crate::keys::{KeyError, SigningKey};
use crate::trust::{TrustConfig, TrustError};

impl TrustConfig {
    /// Reads the TOML file at `path`.
    ///
    /// # Errors
    /// [`TrustError::File`] if the file cannot be read, otherwise as [`TrustConfig::parse`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, TrustError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| TrustError::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Self::parse(&text)
    }
}

impl SigningKey {
    /// Reads the PKCS #8 PEM file at `path`.
    ///
    /// # Errors
    /// [`KeyError::File`] if the file cannot be read, otherwise as [`SigningKey::from_pem`].
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| KeyError::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Self::from_pem(&Zeroizing::new(text))
    }
}

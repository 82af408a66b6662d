//! Signature verification on aws-lc.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

use super::{KeyError, SigAlg, ed25519};

/// A parsed public key that is bound to the one algorithm of its type. Cheap to clone.
#[derive(Clone)]
pub struct VerifyingKey {
    alg: SigAlg,
    key: Arc<ParsedPublicKey>,
}

impl VerifyingKey {
    /// Returns the algorithm.
    #[must_use]
    pub fn algorithm(&self) -> SigAlg {
        self.alg
    }

    /// Returns whether this key made `signature` over `message`. An ES256 signature is the 64 bytes
    /// R‖S.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }

    pub(super) fn ed25519(x: &[u8]) -> Result<Self, KeyError> {
        let x: &[u8; 32] = x.try_into().map_err(|_| KeyError::Member("x"))?;
        ed25519::refuse_weak(x)?;
        let key = ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyError::Member("x"))?;
        Ok(Self { alg: SigAlg::EdDSA, key: Arc::new(key) })
    }

    pub(super) fn p256(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != 32 {
            return Err(KeyError::Member("x"));
        }
        if y.len() != 32 {
            return Err(KeyError::Member("y"));
        }
        // SEC 1, section 2.3.3: an uncompressed point starts with 4.
        let point: Vec<u8> = [&[4][..], x, y].concat();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .map_err(|_| KeyError::Member("y"))?;
        Ok(Self { alg: SigAlg::ES256, key: Arc::new(key) })
    }

    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let n = strip_zeros(n);
        if n.first().is_none_or(|top| (n.len() * 8) - (top.leading_zeros() as usize) < 2048)
            || n.len() > 1024
        {
            return Err(KeyError::RsaSize);
        }
        let e = strip_zeros(e);
        // RFC 8017, section 3.1: the exponent is odd and at least 3. With the exponent 1, anyone
        // could make a signature: it would be the padded text itself.
        let odd = e.last().is_some_and(|low| low % 2 == 1);
        if !odd || e == [1] || e.len() > 8 {
            return Err(KeyError::Member("e"));
        }
        let key = RsaPublicKeyComponents { n, e }
            .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            .map_err(|_| KeyError::Member("n"))?;
        Ok(Self { alg: SigAlg::RS256, key: Arc::new(key) })
    }
}

impl Debug for VerifyingKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("alg", &self.alg).finish_non_exhaustive()
    }
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

//! Ed25519 public keys that must not be used, although the verification accepts them (RFC 8032, section
//! 5.1.3; section 8.4 there names the points of small order).

use super::KeyError;

/// The y coordinates of the points of order 1, 2, 4 and 8, little-endian. The order 8 has two of them.
const SMALL_ORDER: [[u8; 32]; 5] = [
    coordinate(1, 0, 0),
    coordinate(0xec, 0xff, 0x7f),
    coordinate(0, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// The prime 2^255 - 19, little-endian. A coordinate is smaller.
const PRIME: [u8; 32] = coordinate(0xed, 0xff, 0x7f);

/// Fails for a point of small order, and for a coordinate that is not in its one normal form. For a key
/// of small order, one signature is valid for many messages, and needs no private key.
pub(super) fn refuse_weak(public: &[u8; 32]) -> Result<(), KeyError> {
    let mut y = *public;
    // The highest bit is the sign of x. Both signs of a coordinate have the same order.
    y[31] &= 0x7f;
    if y.iter().rev().ge(PRIME.iter().rev()) {
        return Err(KeyError::Member("x"));
    }
    match SMALL_ORDER.contains(&y) {
        true => Err(KeyError::SmallOrder),
        false => Ok(()),
    }
}

const fn coordinate(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{SigningKey, VerifyingKey};

    /// With the identity as the key, the signature (R, S) = (identity, 0) is valid for every message:
    /// aws-lc accepts it.
    #[test]
    fn the_library_accepts_a_forgery_under_a_weak_key() {
        let (identity, mut forged) = (coordinate(1, 0, 0), [0; 64]);
        forged[0] = 1;
        let library =
            aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, identity);
        assert!(library.verify(b"any message", &forged).is_ok());
        assert_eq!(VerifyingKey::ed25519(&identity).unwrap_err(), KeyError::SmallOrder);
    }

    #[test]
    fn every_form_of_a_weak_key_is_refused() {
        for point in SMALL_ORDER {
            let mut negative = point;
            negative[31] |= 0x80;
            assert_eq!(refuse_weak(&point), Err(KeyError::SmallOrder));
            assert_eq!(refuse_weak(&negative), Err(KeyError::SmallOrder));
        }
        // The same points with the prime added, and every other coordinate that is too large.
        for first in 0xed..=0xff {
            for last in [0x7f, 0xff] {
                let large = coordinate(first, 0xff, last);
                assert_eq!(refuse_weak(&large), Err(KeyError::Member("x")));
            }
        }
        assert_eq!(refuse_weak(&coordinate(0xeb, 0xff, 0x7f)), Ok(()), "below the prime");
    }

    #[test]
    fn keys_that_are_made_here_are_accepted() {
        for _ in 0..8 {
            assert!(SigningKey::generate().unwrap().public_jwk().verifying_key().is_ok());
        }
    }
}

//! Ed25519 keys that somebody else has written down.

use matrix_sdk::encryption::vodozemac::{Ed25519PublicKey, KeyError};

/// Characters of a key in unpadded Base64.
const LENGTH: usize = 43;

/// A public key in Base64, padded or not. vodozemac 0.10 panics where 44 characters without padding say 33 bytes.
pub(super) fn public_key(base64: &str) -> Result<Ed25519PublicKey, KeyError> {
    let bare = base64.trim_end_matches('=');
    if bare.len() == LENGTH {
        return Ed25519PublicKey::from_base64(bare);
    }
    Err(KeyError::InvalidKeyLength {
        key_type: "Ed25519",
        expected_length: Ed25519PublicKey::LENGTH,
        length: bare.len() * 3 / 4,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_33_bytes_is_none() {
        let good = "3Aq1hLPbqHZ8KTq1iGMzcKHsCzNDSrRQ9I0ZwWQdzVI";
        assert!(public_key(good).is_ok());
        assert!(public_key(&format!("{good}=")).is_ok());
        for bad in [&format!("{good}A"), "", "AA", &"é".repeat(22)] {
            assert!(public_key(bad).is_err(), "{bad}");
        }
    }
}

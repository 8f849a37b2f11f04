//! Message authentication codes and their text form.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

/// `HMAC-SHA256` with this key.
#[must_use]
pub fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(mac) => mac,
        // RFC 2104 section 3: keys of any length are hashed or padded to the block.
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

/// The 32 bytes that 64 lower-case hexadecimal digits spell, or `None`.
#[must_use]
pub fn from_hex(digits: &[u8]) -> Option<[u8; 32]> {
    HEXLOWER.decode(digits).ok()?.try_into().ok()
}

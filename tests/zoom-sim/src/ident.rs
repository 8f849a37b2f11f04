//! Random identifiers in the shapes Zoom gives them.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// URL-safe base64 without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Value of `x-zm-trackingid`: new for every answer and every webhook attempt.
pub fn tracking_id() -> String {
    format!(
        "v=2.0;clid=sim;rid=WEB_{}",
        hex(&rand::random::<[u8; 16]>())
    )
}

/// Value of `x-zm-request-id`, like `6009d653_d487_445d_8406_42b654974899`: the same over all retries.
pub fn request_id() -> String {
    grouped('_')
}

/// A random UUID-like text.
pub fn uuid() -> String {
    grouped('-')
}

/// 22 characters, like the `plainToken` of a URL validation.
pub fn plain_token() -> String {
    base64url(&rand::random::<[u8; 16]>())
}

fn grouped(separator: char) -> String {
    let mut text = hex(&rand::random::<[u8; 16]>());
    for at in [20, 16, 12, 8] {
        text.insert(at, separator);
    }
    text
}

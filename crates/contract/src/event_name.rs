//! Names of Zoom's events, such as `meeting.ended`.

/// Longest name of an event, in bytes.
pub const MAX_LENGTH: usize = 128;

/// Whether `name` can be the name of an event: `[A-Za-z0-9._-]{1,128}`.
#[must_use]
pub fn is_valid(name: &str) -> bool {
    (1..=MAX_LENGTH).contains(&name.len())
        && name
            .bytes()
            .all(|symbol| symbol.is_ascii_alphanumeric() || matches!(symbol, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        for name in [
            "meeting.ended",
            "app_deauthorized",
            "a-B.9",
            &"n".repeat(128),
        ] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "a b", "a\nb", "é", "a/b", &"n".repeat(129)] {
            assert!(!is_valid(name), "{name}");
        }
    }
}

//! Zoom's words for people, without what must not be shown to them.

/// Zoom's secrets, codes and tokens are at least this long.
const SECRET: usize = 16;

/// The words without what may be a code, a token or a secret, which Zoom quotes at times: a run of at least
/// [`SECRET`] characters of their alphabet, in which letters and digits, or both cases, are mixed as no word
/// mixes them.
pub fn redacted(words: &str) -> String {
    let is_part =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=');
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        out += if is_secret(run) { "[redacted]" } else { run };
        let next = after.find(is_part).unwrap_or(after.len());
        out += &after[..next];
        rest = &after[next..];
    }
    out
}

fn is_secret(run: &str) -> bool {
    let has = |kind: fn(&char) -> bool| run.chars().any(|c| kind(&c));
    let kinds = [
        has(char::is_ascii_digit),
        has(char::is_ascii_lowercase),
        has(char::is_ascii_uppercase),
    ];
    run.len() >= SECRET && kinds.into_iter().filter(|found| *found).count() >= 2
}

#[cfg(test)]
mod tests {
    use crate::Error;

    #[test]
    fn what_may_be_a_secret_is_not_quoted() {
        for (reason, expected) in [
            (
                "Invalid authorization code fldCode0_AbCdEf12",
                "Invalid authorization code [redacted]",
            ),
            (
                "token eyJhbGciOiJIUzUxMiJ9.eyJhdWQi.c2ln: expired",
                "token [redacted]: expired",
            ),
            (
                "id KDcuGIm1QgePTO8WbOqwIQ, zoomus_wQqKbvMQTdSgU7cNDQQsag",
                "id [redacted], [redacted]",
            ),
            ("unsupported_grant_type", "unsupported_grant_type"),
            (
                "does not contain scopes:[meeting:read:list_past_participants:admin]",
                "does not contain scopes:[meeting:read:list_past_participants:admin]",
            ),
            (
                "Invalid client_id or client_secret",
                "Invalid client_id or client_secret",
            ),
            (
                "retry at 2026-03-02T00:00:00Z",
                "retry at 2026-03-02T00:00:00Z",
            ),
        ] {
            let body =
                serde_json::json!({"error": "invalid_request", "reason": reason}).to_string();
            let error = Error::from_answer(400, body.as_bytes(), None);
            assert_eq!(
                error.detail,
                format!("HTTP 400: invalid_request: {expected}")
            );
        }
        // Nor the beginning of one that is cut off.
        let long = format!("{} {}", "x ".repeat(80), "aB3".repeat(60));
        let body = serde_json::json!({ "reason": long }).to_string();
        let error = Error::from_answer(400, body.as_bytes(), None);
        assert!(!error.detail.contains("aB3"), "{}", error.detail);
    }
}

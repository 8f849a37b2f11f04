//! Dead letters as a table.

use std::fmt::Write as _;

use serde::Serialize;

use crate::commands::terminal::table::align;
use contract::receiver::control::DeadLetter;

/// Enough of an id to distinguish it from others.
const SHORT: usize = 12;

/// A dead letter and its Pod.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The Pod that holds it.
    pub pod: String,
    /// The event.
    #[serde(flatten)]
    pub letter: DeadLetter,
}

/// The table, with one line per event.
///
/// # Errors
/// Never: it is written to memory.
pub fn render(rows: &[Row]) -> anyhow::Result<String> {
    let mut table = "ID\tEVENT\tRECEIVED\tGIVEN UP\tATTEMPTS\tBYTES\tPOD\tREASON\n".to_owned();
    for Row { pod, letter } in rows {
        writeln!(
            table,
            "{}\t{}\t{}\t{}\t{}\t{}\t{pod}\t{}",
            letter.id.get(..SHORT).unwrap_or(&letter.id),
            letter.event.as_deref().unwrap_or("-"),
            letter.received_at,
            letter.failed_at,
            letter.attempts,
            letter.bytes,
            letter.reason.replace(['\t', '\n'], " "),
        )?;
    }
    align(&table)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn columns_line_up() {
        let letter = DeadLetter {
            id: "0123456789abcdef".repeat(4),
            event: Some("meeting.ended".into()),
            received_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            failed_at: "2026-01-02T03:04:06Z".parse().unwrap(),
            reason: "sink answered 422".into(),
            attempts: 1,
            bytes: 135,
            account: None,
            connection: None,
        };
        let unread = DeadLetter {
            event: None,
            reason: "cannot\nbe read".into(),
            ..letter.clone()
        };
        let row = |pod: &str, letter| Row {
            pod: pod.into(),
            letter,
        };
        let text = render(&[row("a-0", letter), row("longer-1", unread)]).unwrap();
        insta::assert_snapshot!(text);
    }
}

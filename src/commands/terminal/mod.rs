//! What the commands share.
//!
//! | question | module |
//! |---|---|
//! | Which cluster and namespace? | [`cluster`] |
//! | Which object, and what if there is none? | [`resources`], [`nearest`] |
//! | What kind of object does a name refer to? | [`target`] |
//! | How do times and tables look? | [`time`], [`table`] |

pub mod cluster;
pub mod nearest;
pub mod resources;
pub mod table;
pub mod target;
pub mod time;

use std::{fmt::Write as _, io::Write as _};

use clap::builder::{PossibleValuesParser, TypedValueParser};

pub use self::{
    cluster::{Cluster, Session},
    target::Target,
};
use contract::Language;

/// The output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// Prints to standard output. A reader that stops early, such as `head`, is not an error.
///
/// # Errors
/// When the text cannot be written.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a note to standard error.
pub fn note(text: &str) {
    // If standard error is closed, the note is dropped.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Runs a command on a single-threaded runtime.
///
/// # Errors
/// The errors of the command, and a failure to create the runtime.
pub fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(command)
}

/// Parses a language code.
#[must_use]
pub fn language() -> impl TypedValueParser<Value = Language> {
    PossibleValuesParser::new(Language::ALL.map(Language::code))
        .map(|code| Language::parse(&code).unwrap_or(Language::English))
}

/// Text from a resource, on one line and without control characters: its author must not be able to move the
/// cursor. Invisible characters and characters that change the text direction are left out, too, because they
/// can make it look like another text.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !is_unseen(*c))
        .map(|c| if breaks(c) { ' ' } else { c })
        .collect()
}

/// JSON for programs, which a terminal may show as well: characters that [`plain`] does not let through are
/// escaped, so that the values stay what they are.
///
/// # Errors
/// When the value is no JSON.
pub fn json(value: &impl serde::Serialize) -> anyhow::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Such characters are within strings only: what is between them is white space.
        if c != '\n' && (breaks(c) || is_unseen(c)) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    Ok(out)
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a character is invisible or changes the text direction.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{061c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_neither_moves_the_cursor_nor_looks_like_another() {
        for (text, wanted) in [
            ("a\u{1b}[2J\nb", "a [2J b"),
            ("a\u{2028}b", "a b"),
            ("acme\u{202e}txt.exe\u{202c}", "acmetxt.exe"),
            ("\u{2066}a\u{2069}\u{200f}", "a"),
            ("ac\u{200b}m\u{2060}e\u{feff}", "acme"),
            ("\u{200a}設定 é\u{2010}", "\u{200a}設定 é\u{2010}"),
        ] {
            assert_eq!(plain(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn json_moves_no_cursor_and_keeps_its_values() {
        let value = serde_json::json!({
            "a": "\u{1b}[2J\u{9b}2J\u{7f}\n", "b": "acme\u{202e}txt\u{2028}\u{feff}", "c": "é 設定",
        });
        let text = json(&value).unwrap();
        let is_safe = |c: char| c == '\n' || !(c.is_control() || breaks(c) || is_unseen(c));
        assert!(text.chars().all(is_safe), "{text:?}");
        assert!(text.contains("é 設定") && text.ends_with("}\n"));
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, value);
    }
}

//! A value of Zoom's in a Secret, as controller and receiver read it: client id, client secret, account id,
//! webhook secret token.
//!
//! People copy these values from a browser through chat programs, PDFs and editors, and put more into the
//! Secret than they see. Zoom's values are ASCII without blanks. So what surrounds a value is dropped: white
//! space of any alphabet, byte order marks, invisible and control characters, pairs of quotes. A value that cannot
//! be cleaned safely is rejected, and the reason is named: such characters inside it, other encodings, double
//! base64.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Problem {
    /// Nothing is left.
    #[error("is empty")]
    Empty,
    /// Bytes that are no UTF-8, or characters that Zoom's values do not have.
    #[error("is not printable text")]
    NotText,
    /// A blank, a line end or an invisible character between others.
    #[error("has a blank or an invisible character in the middle")]
    Blank,
    /// A quote without its partner, or an escape such as `\n` that was typed as two characters.
    #[error("has a quote or a backslash in it: put in the value alone")]
    Quoted,
    /// Another base64 in the Secret's own.
    #[error(
        "is encoded in base64 twice: put the plain value into stringData, or its base64 into data"
    )]
    EncodedTwice,
}

/// Shortest text that base64 applied twice is looked for in, bytes.
const SHORTEST: usize = 8;
/// Pairs of quotes that a person may have put around a value.
const QUOTES: [(char, char); 8] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{ab}', '\u{bb}'),
    ('\u{300c}', '\u{300d}'),
];

/// The value in these bytes.
///
/// # Errors
/// See [`Problem`].
pub fn read(bytes: &[u8]) -> Result<&str, Problem> {
    let text = str::from_utf8(bytes).map_err(|_| Problem::NotText)?;
    let value = stripped(text);
    if value.is_empty() {
        return Err(Problem::Empty);
    }
    if value
        .chars()
        .any(|symbol| symbol.is_control() && !symbol.is_whitespace())
    {
        return Err(Problem::NotText);
    }
    if value.contains(is_unseen) {
        return Err(Problem::Blank);
    }
    if !value.is_ascii() {
        return Err(Problem::NotText);
    }
    if value.contains(['"', '\'', '`', '\\']) {
        return Err(Problem::Quoted);
    }
    if is_encoded(value) {
        return Err(Problem::EncodedTwice);
    }
    Ok(value)
}

/// The value of an HTTP header in these bytes, which somebody chose who is not Zoom: other blanks, quotes and letters
/// may be part of it.
///
/// # Errors
/// See [`Problem`].
pub fn read_header(bytes: &[u8]) -> Result<&[u8], Problem> {
    let Ok(text) = str::from_utf8(bytes) else {
        // Some other encoding.
        return Ok(bytes.trim_ascii());
    };
    let value = text.trim_matches(is_unseen);
    if value.is_empty() {
        return Err(Problem::Empty);
    }
    let is_wrong = |symbol: char| is_unseen(symbol) && !matches!(symbol, ' ' | '\t');
    if value.contains(is_wrong) {
        return Err(Problem::Blank);
    }
    Ok(value.as_bytes())
}

/// The text without what surrounds a value, however often.
fn stripped(text: &str) -> &str {
    let mut value = text.trim_matches(is_unseen);
    loop {
        let inner = unquoted(value).trim_matches(is_unseen);
        if inner == value {
            return value;
        }
        value = inner;
    }
}

fn unquoted(text: &str) -> &str {
    let inner = |(open, close)| text.strip_prefix(open)?.strip_suffix(close);
    QUOTES.into_iter().find_map(inner).unwrap_or(text)
}

/// Whether this character is invisible at the end of a text.
fn is_unseen(symbol: char) -> bool {
    symbol.is_whitespace()
        || symbol.is_control()
        || matches!(symbol,
            // Soft hyphen, zero width, direction, invisible operators, and the byte order mark.
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}'
            // Joiners, selectors of variants, annotations, tags.
            | '\u{34f}' | '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffc}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
            // Letters and symbols that are drawn as nothing.
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Whether the value is base64 of a text that could itself be a value. Values of Zoom's are random: that one
/// decodes to such a text by chance does not happen.
fn is_encoded(value: &str) -> bool {
    [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD]
        .iter()
        .filter_map(|encoding| encoding.decode(value.as_bytes()).ok())
        .filter_map(|decoded| String::from_utf8(decoded).ok())
        .any(|decoded| {
            let decoded = stripped(&decoded);
            decoded.len() >= SHORTEST
                && decoded
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_surrounds_a_value_is_dropped() {
        for text in [
            "value-1_A",
            "\nvalue-1_A",
            " \t value-1_A \r\n",
            "value-1_A\u{a0}",
            "\u{3000}value-1_A\u{2003}",
            "\u{feff}value-1_A\u{200b}",
            "\u{200e}value-1_A\u{202c}\u{2060}",
            "value-1_A\0",
            "\"value-1_A\"\n",
            "'value-1_A'",
            "\u{201c}value-1_A\u{201d}",
            " \u{feff}\" value-1_A \" ",
            "'\"value-1_A\"'",
            "\u{2800}value-1_A\u{3164}",
            "\u{e0020}value-1_A\u{fffc}\u{61c}",
        ] {
            assert_eq!(read(text.as_bytes()), Ok("value-1_A"), "{text:?}");
        }
    }

    #[test]
    fn a_header_keeps_what_a_value_does_not_have() {
        for text in [
            "\u{feff}Digest username=\"ä b\"\r\n",
            " \u{200b}Digest username=\"ä b\"\u{a0}",
        ] {
            let value = "Digest username=\"ä b\"";
            assert_eq!(read_header(text.as_bytes()), Ok(value.as_bytes()));
        }
        assert_eq!(read_header(b" Basic \xe4 "), Ok(&b"Basic \xe4"[..]));
        let hidden = "Bearer \u{feff}token".as_bytes();
        assert_eq!(read_header(hidden), Err(Problem::Blank));
        assert_eq!(read_header(b"Bearer a\nb"), Err(Problem::Blank));
        assert_eq!(read_header("\u{feff}".as_bytes()), Err(Problem::Empty));
    }

    #[test]
    fn what_is_no_value_is_named() {
        for (bytes, problem) in [
            (&b""[..], Problem::Empty),
            (b" \r\n", Problem::Empty),
            ("\u{feff}\u{200b}".as_bytes(), Problem::Empty),
            (b"\"\"", Problem::Empty),
            (b"\xff\xfev\0a\0", Problem::NotText),
            (b"va\0lue", Problem::NotText),
            ("välue".as_bytes(), Problem::NotText),
            (b"two words", Problem::Blank),
            (b"two\nlines", Problem::Blank),
            ("va\u{200b}lue".as_bytes(), Problem::Blank),
            ("va\u{a0}lue".as_bytes(), Problem::Blank),
            (b"dmFsdWUtMV9BCg==", Problem::EncodedTwice),
            (b"\"dmFsdWUtMV9B\"", Problem::EncodedTwice),
            // Without padding, and of a value in quotes.
            (b"dmFsdWUtMV9BCg", Problem::EncodedTwice),
            (b"InZhbHVlLTFfQSI", Problem::EncodedTwice),
            ("va\u{2800}lue".as_bytes(), Problem::Blank),
            (b"\"value-1_A", Problem::Quoted),
            (b"value-1_A\\n", Problem::Quoted),
            (b"va'lue", Problem::Quoted),
        ] {
            assert_eq!(read(bytes), Err(problem), "{bytes:?}");
        }
    }

    #[test]
    fn values_that_only_look_like_base64_are_values() {
        for value in [
            "secret12",
            "abcdefghijklmnopqrstuvwxyz012345",
            "AbCdEfGhIjKlMnOpQrStUv",
            "FLDsecretFLDsecretFLDsecret00000",
            "a.b+c/d=",
        ] {
            assert_eq!(read(value.as_bytes()), Ok(value));
        }
    }

    proptest! {
        #[test]
        fn any_value_of_zooms_form_is_itself_whatever_surrounds_it(
            value in "[A-Za-z0-9_-]{22}",
            before in "[ \\t\\r\\n\u{feff}\u{200b}\u{a0}]{0,4}",
            after in "[ \\t\\r\\n\u{feff}\u{200b}\u{a0}]{0,4}",
        ) {
            let text = format!("{before}{value}{after}");
            prop_assert_eq!(read(text.as_bytes()), Ok(value.as_str()));
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = read(&bytes) {
                prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}

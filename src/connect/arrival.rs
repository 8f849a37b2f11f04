//! What a callback's parameters mean, before anything else is checked.

use super::{outcome::PageOutcome, query::Query};
use contract::consent::Transaction;

/// Maximum length of a code, in bytes.
const MAX_CODE: usize = 2048;
/// Maximum length of `state`, in bytes; ours has 43.
const MAX_STATE: usize = 512;
/// Maximum length of an error's name, in bytes.
const MAX_ERROR: usize = 64;

/// How Zoom sends a person back.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// With a code for this `state`.
    Code(&'a str, &'a str),
    /// With an error for this `state`, and its name if that is well-formed.
    Error(&'a str, Option<&'a str>),
    /// The refusal of an earlier callback, in another language; with its transaction.
    Again(PageOutcome, Option<Transaction>, Option<&'a str>),
}

/// Reads the parameters.
///
/// # Errors
/// The outcome, if the parameters cannot lead to a connection.
pub fn arrival(query: &Query) -> Result<Arrival<'_>, PageOutcome> {
    let one = |name| match query.one(name) {
        Ok(value) => Ok(value.filter(|value| !value.is_empty())),
        Err(_) => Err(PageOutcome::Malformed),
    };
    let (state, code, error) = (one("state")?, one("code")?, one("error")?);
    let error_name = error.filter(|name| {
        name.len() <= MAX_ERROR && name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase())
    });
    let Some(state) = state else {
        return match (code, one("notice")?.and_then(refusal)) {
            (Some(_), _) => Err(PageOutcome::Marketplace),
            (None, Some(outcome)) => {
                let transaction = one("consent")?.and_then(Transaction::parse);
                Ok(Arrival::Again(outcome, transaction, error_name))
            }
            (None, None) => Err(PageOutcome::NotCarried),
        };
    };
    if state.len() > MAX_STATE {
        return Err(PageOutcome::Malformed);
    }
    if error.is_some() {
        return Ok(Arrival::Error(state, error_name));
    }
    let code = code.ok_or(PageOutcome::Malformed)?;
    if code.len() > MAX_CODE || !code.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(PageOutcome::Malformed);
    }
    Ok(Arrival::Code(state, code))
}

/// The refusal with this name.
fn refusal(label: &str) -> Option<PageOutcome> {
    [
        PageOutcome::Declined,
        PageOutcome::ZoomError,
        PageOutcome::Marketplace,
        PageOutcome::Malformed,
        PageOutcome::NotCarried,
        PageOutcome::OtherIntegration,
    ]
    .into_iter()
    .find(|outcome| outcome.label() == label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<String, PageOutcome> {
        arrival(&Query::parse(Some(query))).map(|arrival| format!("{arrival:?}"))
    }

    #[test]
    fn parameters_mean_one_thing() {
        let long = |length| format!("state=s&code={}", "c".repeat(length));
        assert_eq!(read("state=s&code=c"), Ok(r#"Code("s", "c")"#.into()));
        assert!(read(&long(2048)).is_ok());
        assert_eq!(
            read("state=s&error=access_denied&code=c"),
            Ok(r#"Error("s", Some("access_denied"))"#.into())
        );
        assert_eq!(
            read("state=s&error=%3Cb%3E"),
            Ok(r#"Error("s", None)"#.into())
        );
        for (query, outcome) in [
            ("code=c", PageOutcome::Marketplace),
            ("state=&code=c", PageOutcome::Marketplace),
            ("", PageOutcome::NotCarried),
            ("error=access_denied", PageOutcome::NotCarried),
            ("notice=begun", PageOutcome::NotCarried),
            ("state=s", PageOutcome::Malformed),
            ("state=s&code=c&code=c", PageOutcome::Malformed),
            ("state=s&state=s&code=c", PageOutcome::Malformed),
            ("state=s&code=a%0Ab", PageOutcome::Malformed),
            ("state=s&code=a%FFb", PageOutcome::Malformed),
            (&long(2049), PageOutcome::Malformed),
        ] {
            assert_eq!(read(query), Err(outcome), "{query}");
        }
        let padded = format!("state=s&code=c{}&code=d", "&x=".repeat(100));
        assert_eq!(read(&padded), Err(PageOutcome::Malformed));
    }

    #[test]
    fn only_refusals_can_be_asked_for_again() {
        assert_eq!(
            read("notice=declined&consent=x"),
            Ok("Again(Declined, None, None)".into())
        );
        for outcome in [
            PageOutcome::HandedOver,
            PageOutcome::Begun,
            PageOutcome::Unavailable,
        ] {
            assert_eq!(refusal(outcome.label()), None, "{outcome:?}");
        }
    }
}

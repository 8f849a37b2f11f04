//! What the consent pages (`connect`) and the controller agree on: links, names and the Secret by
//! which an authorization code is handed over. Pure; neither side knows the other.
//!
//! The pages may create Secrets in the operator's namespace and cannot read one. So the code travels
//! one way, under a name that its transaction alone determines: a second callback of the same
//! transaction finds the name taken, whichever replica it reaches.

mod handoff;
mod link;

pub use handoff::{Handoff, Invalid, MAX_BYTES, expose};
pub use link::{Link, Target, callback_path};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Type of the Secret by which a code is handed over.
pub const SECRET_TYPE: &str = "zoom-operator.io/consent";
/// Key in that Secret: a [`Handoff`] as JSON.
pub const SECRET_KEY: &str = "handoff";

/// How long a person may take at Zoom, in seconds.
pub const LIFETIME_SECONDS: i64 = 600;

/// A transaction as it may be told to anybody: a digest of the `state` parameter, which itself stays
/// between the browser, Zoom and the pages (RFC 6749 section 10.12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction(String);

// === impl Transaction ===

impl Transaction {
    /// The transaction of this `state`.
    #[must_use]
    pub fn of(state: &str) -> Self {
        Self(HEXLOWER.encode(&Sha256::digest(state)[..16]))
    }

    /// A transaction from its digest; `None` unless it is 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(digest: &str) -> Option<Self> {
        let valid = digest.len() == 32
            && digest
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Self(digest.to_owned()))
    }

    /// The digest: 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Name of the Secret that hands the code over.
    #[must_use]
    pub fn secret_name(&self) -> String {
        format!("zoom-consent-{}", self.0)
    }

    /// Name of the connection that self-service makes for this transaction. 52 characters at most.
    #[must_use]
    pub fn connection_name(&self, integration: &str) -> String {
        let stem: String = integration.chars().take(41).collect();
        format!("{}-{}", stem.trim_end_matches('-'), &self.0[..10])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_names_no_state() {
        let transaction = Transaction::of("the-state");
        assert_eq!(transaction, Transaction::of("the-state"));
        assert_ne!(transaction, Transaction::of("another"));
        assert_eq!(
            Transaction::parse(transaction.as_str()),
            Some(transaction.clone())
        );
        for wrong in ["", "ABCDEF", &"g".repeat(32), &"a".repeat(33)] {
            assert_eq!(Transaction::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_connection_name_fits_the_limit_and_stays_a_name() {
        let transaction = Transaction::of("s");
        let name = transaction.connection_name(&format!("{}-{}", "a".repeat(40), "b".repeat(11)));
        assert!(name.len() <= 52 && !name.contains("--"), "{name}");
        assert!(
            transaction
                .connection_name("kivicare")
                .starts_with("kivicare-")
        );
    }
}

//! The query of a request: only a few parameters, and none of them twice.

use contract::Language;
use url::form_urlencoded;

/// The decoded parameters, in order.
#[derive(Clone, Default)]
pub struct Query(Vec<(String, String)>);

/// A parameter occurs more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is repeated")]
pub struct Repeated;

// === impl Query ===

impl Query {
    /// Reads a query string.
    #[must_use]
    pub fn parse(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// If it occurs twice, because it is unclear which one counts.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        values.next().map_or(Ok(value), |_| Err(Repeated))
    }

    /// The requested language, if it is one of ours.
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        self.one("lang").ok().flatten().and_then(Language::parse)
    }
}

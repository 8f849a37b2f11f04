//! The query of a request: few parameters, none of them twice.

use contract::Language;
use url::form_urlencoded;

/// The decoded parameters in their order.
#[derive(Clone, Default)]
pub struct Query(Vec<(String, String)>);

/// A parameter stands there more than once.
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
    /// When it stands there twice, as nobody can say which one counts.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        values.next().map_or(Ok(value), |_| Err(Repeated))
    }

    /// The language asked for, if there is such a one.
    #[must_use]
    pub fn language(&self) -> Option<Language> {
        self.one("lang").ok().flatten().and_then(Language::parse)
    }
}

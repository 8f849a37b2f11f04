//! Values of flags that have a form of their own.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An integration, written `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A fact about the tenant that every event carries, written `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name of the `CloudEvents` attribute.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// The URL of a sink. Its `Debug` leaves out the query, which may hold a key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SinkUrl(pub String);

/// Zoom's further authentication, written `basic` or `header:name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `authorization: Basic …` (RFC 7617).
    Basic,
    /// A header with this name, in any case. Zoom puts `x-` in front of it; both spellings are taken.
    Header(String),
}

// === impl Integration ===

impl FromStr for Integration {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_dns = |name: &str| {
            (1..=253).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
        };
        match text.split_once('/') {
            Some((namespace, name)) if is_dns(namespace) && is_dns(name) => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("expected <namespace>/<name>"),
        }
    }
}

impl fmt::Display for Integration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

// === impl Attribute ===

impl FromStr for Attribute {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text.split_once('=').ok_or("expected <key>=<value>")?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.key, self.value)
    }
}

// === impl SinkUrl ===

impl FromStr for SinkUrl {
    type Err = Infallible;

    /// Takes any text: the receiver judges it.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SinkUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for SinkUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.split('?').next();
        formatter.write_str(shown.unwrap_or_default())
    }
}

// === impl Scheme ===

impl FromStr for Scheme {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "basic" => Ok(Self::Basic),
            Some(("header", name)) if is_header_name(name) => Ok(Self::Header(name.to_owned())),
            _ => Err("expected `basic` or `header:<name>`"),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic => formatter.write_str("basic"),
            Self::Header(name) => write!(formatter, "header:{name}"),
        }
    }
}

/// A token of RFC 9110 section 5.6.2.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_form_is_refused() {
        assert!("ns/name.with-dots".parse::<Integration>().is_ok());
        for text in ["name", "/", "ns/", "/name", "Ns/name", "ns/a/b", "ns/na me"] {
            assert!(text.parse::<Integration>().is_err(), "{text}");
        }
        for text in ["digest", "header", "header:", "header:a b", "header:ä"] {
            assert!(text.parse::<Scheme>().is_err(), "{text}");
        }
        assert!("novalue".parse::<Attribute>().is_err());
    }
}

//! Where a NATS server is, and under which subject events are published.

use std::{fmt, str::FromStr};

use url::Url;

/// The port of NATS servers.
const PORT: u16 = 4222;
/// Last part of the subject for signed events that cannot be parsed.
const UNKNOWN: &str = "unknown";
/// Longest subject that a flag may state, bytes; servers take some thousand in all.
const MAX_SUBJECT: usize = 255;

/// A `nats` or `tls` URL of one server or of the name of several.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
    tls: bool,
}

/// What the subjects of all events begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

/// The text is not the URL of a NATS server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected nats://host[:port] or tls://host[:port]")]
pub struct TargetError;

/// The text is not a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected tokens of letters, digits, - and _ with dots between them")]
pub struct PrefixError;

// === impl Target ===

impl Target {
    /// Name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether nothing is sent without TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let url = Url::parse(text).map_err(|_| TargetError)?;
        let is_plain = matches!(url.scheme(), "nats" | "tls")
            && url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && is_plain);
        let host = host.ok_or(TargetError)?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            tls: url.scheme() == "tls",
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls" } else { "nats" };
        let Self { host, port, .. } = self;
        write!(formatter, "{scheme}://{host}:{port}")
    }
}

// === impl Prefix ===

impl Prefix {
    /// The subject of the event with this name: the prefix and the name's own parts.
    #[must_use]
    pub fn subject(&self, event: Option<&str>) -> String {
        let mut subject = self.0.clone();
        for token in event.unwrap_or(UNKNOWN).split('.') {
            subject.push('.');
            // A subject has no empty parts, and stars and spaces mean something else in it.
            if token.is_empty() {
                subject.push('_');
            }
            let safe = |symbol| if is_safe(symbol) { symbol } else { '_' };
            subject.extend(token.chars().map(safe));
        }
        subject
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let is_subject = text.len() <= MAX_SUBJECT
            && text
                .split('.')
                .all(|token| !token.is_empty() && token.chars().all(is_safe));
        is_subject.then(|| Self(text.to_owned())).ok_or(PrefixError)
    }
}

fn is_safe(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || symbol == '_' || symbol == '-'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[test]
    fn servers_are_named_plainly() {
        for (text, shown) in [
            ("nats://nats.ns.svc", "nats://nats.ns.svc:4222"),
            ("tls://nats.example:4443/", "tls://nats.example:4443"),
            ("nats://[::1]:1", "nats://::1:1"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(format!("{target:?}"), shown);
        }
        for text in [
            "nats",
            "nats://",
            "nats:///",
            "http://a",
            "ws://a",
            "nats://user@a",
            "nats://u:p@a",
            "nats://:p@a",
            "nats://a/b",
            "nats://a?b",
            "nats://a#b",
            "nats://a,nats://b",
        ] {
            assert_eq!(text.parse::<Target>(), Err(TargetError), "{text}");
        }
    }

    #[test]
    fn an_event_is_published_under_its_name() {
        let prefix: Prefix = "zoom.tenant-a".parse().unwrap();
        for (name, subject) in [
            (Some("meeting.ended"), "zoom.tenant-a.meeting.ended"),
            (Some("app_deauthorized"), "zoom.tenant-a.app_deauthorized"),
            (Some("a..b."), "zoom.tenant-a.a._.b._"),
            (Some("a.*.>.é b"), "zoom.tenant-a.a._._.__b"),
            (None, "zoom.tenant-a.unknown"),
        ] {
            assert_eq!(prefix.subject(name), subject);
        }
        for text in ["", "a.", ".a", "a..b", "a.*", ">", "$JS.API", "a b", "é"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixError), "{text}");
        }
    }
}

//! Which integration owns a public host. Pure.
//!
//! A host belongs to the first integration that claimed it. Otherwise, a later one could take another
//! tenant's webhooks.

use std::str::FromStr;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::v1alpha1::ZoomIntegration;

/// Hosts that the integrations of a namespace may claim, according to the operator's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    /// `None` for every namespace.
    namespace: Option<String>,
    pattern: Pattern,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Exactly(String),
    /// Every host with this ending, which starts with a dot.
    Below(String),
}

/// An integration that claims a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claim {
    /// Whether the integration has the host according to its status, which only the operator writes.
    pub granted: bool,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The path that it claims.
    pub path: String,
    /// Whether the operator must create an Ingress or an `HTTPRoute` for it.
    pub exposed: bool,
}

/// Why a claim is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// An integration of another namespace has the host.
    Elsewhere,
    /// This integration of the same namespace has the host and the path.
    Here(String),
}

// === impl AllowedHost ===

impl FromStr for AllowedHost {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "expected NAMESPACE=PATTERN, such as team-a=*.a.example.com";
        let (namespace, pattern) = text.split_once('=').ok_or(EXPECTED)?;
        let is_host = |host: &str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        };
        let pattern = match pattern.strip_prefix('*') {
            Some(end) if end.len() > 1 && end.starts_with('.') && is_host(end) => {
                Pattern::Below(end.into())
            }
            None if is_host(pattern) => Pattern::Exactly(pattern.into()),
            _ => return Err(EXPECTED),
        };
        let namespace = match namespace {
            "*" => None,
            name if is_host(name) => Some(name.to_owned()),
            _ => return Err(EXPECTED),
        };
        Ok(Self { namespace, pattern })
    }
}

impl AllowedHost {
    fn allows(&self, namespace: &str, host: &str) -> bool {
        let here = self
            .namespace
            .as_deref()
            .is_none_or(|name| name == namespace);
        here && match &self.pattern {
            Pattern::Exactly(pattern) => host == pattern,
            Pattern::Below(end) => host.len() > end.len() && host.ends_with(end),
        }
    }
}

/// The operator's configuration of hosts.
#[derive(Clone, Copy, Debug)]
pub struct HostRules<'a> {
    /// Which namespace may claim which hosts.
    pub allowed: &'a [AllowedHost],
    /// Whether every host that the operator exposes needs a rule, even if no rule exists.
    pub required: bool,
    /// The host of the operator's own pages, which no integration may use.
    pub own: Option<&'a str>,
}

// === impl HostRules ===

impl HostRules<'_> {
    /// Whether this is, or covers, the operator's own host.
    #[must_use]
    pub fn is_own(&self, host: &str) -> bool {
        let host = normal(host);
        let own = self.own.map(normal);
        own.is_some_and(|own| {
            let below = host.strip_prefix('*');
            host == own || below.is_some_and(|end| end.starts_with('.') && own.ends_with(end))
        })
    }

    /// Whether an integration may have the host that it claims. Without rules, every host is allowed. If
    /// rules are required but missing, only hosts that the operator does not expose or that the integration
    /// already has.
    #[must_use]
    pub fn allow(&self, claim: &Claim, host: &str) -> bool {
        if self.is_own(host) {
            return false;
        }
        if self.allowed.is_empty() {
            return !self.required || !claim.exposed || claim.granted;
        }
        let host = normal(host);
        let mut allowed = self.allowed.iter();
        allowed.any(|allowed| allowed.allows(&claim.namespace, &host))
    }
}

/// Normalizes a host: lower case, without a dot at the end.
#[must_use]
pub fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

// === impl Claim ===

impl Claim {
    /// The claim of an integration, and its host; `None` if it claims none.
    #[must_use]
    pub fn of(integration: &ZoomIntegration) -> Option<(String, Self)> {
        let webhook = integration.spec.webhook.as_ref()?;
        let endpoint = webhook.endpoint.as_ref()?;
        let claim = Self {
            granted: integration
                .status
                .as_ref()
                .and_then(|status| status.webhook.as_ref()?.url.as_ref())
                .is_some_and(|url| Some(url) == webhook.url().as_ref()),
            created: integration.creation_timestamp().map(|time| time.0),
            namespace: integration.namespace().unwrap_or_default(),
            name: integration.name_any(),
            path: webhook.path().into(),
            exposed: endpoint.ingress.is_some() || endpoint.gateway.is_some(),
        };
        Some((normal(&endpoint.host), claim))
    }
}

/// Why `mine` is refused among the claims of the same host, if it is. The first claim gives the host to its
/// namespace; within the namespace, the first claim of each path gets the path. An existing owner comes
/// before any new claim, however old that object is: an object's host can change at any time.
#[must_use]
pub fn objection(mine: &Claim, others: &[Claim]) -> Option<Objection> {
    let key = |claim: &Claim| {
        (
            !claim.granted,
            claim.created,
            claim.namespace.clone(),
            claim.name.clone(),
        )
    };
    let first = others.iter().min_by_key(|other| key(other))?;
    if key(first) < key(mine) && first.namespace != mine.namespace {
        return Some(Objection::Elsewhere);
    }
    others
        .iter()
        .filter(|other| other.namespace == mine.namespace && other.path == mine.path)
        .filter(|other| key(other) < key(mine))
        // If there are several, the one that has it.
        .min_by_key(|other| key(other))
        .map(|other| Objection::Here(other.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(second: i64, namespace: &str, name: &str, path: &str) -> Claim {
        Claim {
            granted: false,
            created: Timestamp::from_second(second).ok(),
            namespace: namespace.into(),
            name: name.into(),
            path: path.into(),
            exposed: true,
        }
    }

    fn rules<'a>(allowed: &'a [AllowedHost], own: Option<&'a str>) -> HostRules<'a> {
        HostRules {
            allowed,
            required: false,
            own,
        }
    }

    #[test]
    fn the_first_of_two_namespaces_has_the_host_whatever_the_paths() {
        let (first, second) = (claim(1, "b", "x", "/1"), claim(2, "a", "y", "/2"));
        let both = [first.clone(), second.clone()];
        assert_eq!(objection(&first, &both), None);
        assert_eq!(objection(&second, &both), Some(Objection::Elsewhere));
    }

    #[test]
    fn within_a_namespace_paths_may_share_a_host() {
        let (first, second) = (claim(1, "a", "x", "/1"), claim(2, "a", "y", "/2"));
        let third = claim(3, "a", "z", "/1");
        let all = [first.clone(), second.clone(), third.clone()];
        assert_eq!(objection(&second, &all), None);
        assert_eq!(objection(&third, &all), Some(Objection::Here("x".into())));
        assert_eq!(objection(&third, &all[1..]), None);
    }

    #[test]
    fn who_is_refused_takes_nothing_from_others() {
        let first = claim(1, "a", "x", "/1");
        let refused = claim(2, "b", "y", "/2");
        let third = claim(3, "a", "z", "/3");
        let all = [first, refused.clone(), third.clone()];
        assert_eq!(objection(&refused, &all), Some(Objection::Elsewhere));
        assert_eq!(objection(&third, &all), None);
    }

    #[test]
    fn of_two_of_the_same_second_exactly_one_has_the_host() {
        let (one, other) = (claim(1, "a", "x", "/"), claim(1, "b", "a", "/"));
        let both = [one.clone(), other.clone()];
        assert_eq!(objection(&one, &both), None);
        assert_eq!(objection(&other, &both), Some(Objection::Elsewhere));
    }

    #[test]
    fn hosts_are_tied_to_namespaces() {
        let allowed: Vec<AllowedHost> = ["team-a=*.a.example.com", "*=shared.example.com"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        for (namespace, host, expected) in [
            ("team-a", "hooks.a.example.com", true),
            ("team-a", "x.y.a.example.com", true),
            ("team-a", "a.example.com", false),
            ("team-a", "evila.example.com", false),
            ("team-b", "hooks.a.example.com", false),
            ("team-b", "shared.example.com", true),
            ("team-b", "x.shared.example.com", false),
        ] {
            let claim = claim(1, namespace, "x", "/");
            assert_eq!(
                rules(&allowed, None).allow(&claim, host),
                expected,
                "{namespace} {host}"
            );
        }
        let any = claim(1, "any", "x", "/");
        assert!(rules(&[], None).allow(&any, "any.example.com"));
    }

    #[test]
    fn the_operators_own_host_is_nobodys_however_it_is_spelled() {
        let allowed =
            ["*=connect.example.com", "*=*.example.com"].map(|text| text.parse().unwrap());
        for allowed in [&[][..], &allowed[..]] {
            let rules = rules(allowed, Some("Connect.example.com"));
            for path in ["/", "/callback", "/callback/deeper"] {
                let claim = Claim {
                    granted: true,
                    ..claim(1, "any", "x", path)
                };
                for host in [
                    "connect.example.com",
                    "CONNECT.Example.com",
                    "connect.example.com.",
                    "*.example.com",
                    "*.EXAMPLE.com.",
                    "*.com",
                ] {
                    assert!(!rules.allow(&claim, host), "{host}{path}");
                }
                for host in [
                    "hooks.example.com",
                    "xconnect.example.com",
                    "a.connect.example.com",
                ] {
                    assert!(
                        rules.allow(&claim, host) || !allowed.is_empty() && host.starts_with("a."),
                        "{host}"
                    );
                }
                assert!(!rules.is_own("*.connect.example.com"));
            }
        }
    }

    #[test]
    fn where_rules_are_required_a_host_that_is_exposed_needs_one_and_claims_that_exist_stay() {
        let required = |allowed| HostRules {
            required: true,
            ..rules(allowed, None)
        };
        let new = claim(1, "team-a", "x", "/");
        let has = Claim {
            granted: true,
            ..new.clone()
        };
        let elsewhere = Claim {
            exposed: false,
            ..new.clone()
        };
        let host = "hooks.a.example.com";
        assert!(!required(&[]).allow(&new, host));
        assert!(required(&[]).allow(&has, host));
        assert!(
            required(&[]).allow(&elsewhere, host),
            "the operator exposes nothing"
        );
        let allowed = ["team-a=*.a.example.com".parse().unwrap()];
        assert!(required(&allowed).allow(&new, host));
        assert!(required(&allowed).allow(&new, "Hooks.A.example.com."));
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for text in [
            "a",
            "=x.example",
            "a=",
            "a=*",
            "a=*x.example",
            "a=x.*.example",
            "a=X.example",
            "a=*.",
        ] {
            assert!(text.parse::<AllowedHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn who_has_a_host_keeps_it_from_an_older_object_that_is_given_it_later() {
        let has = Claim {
            granted: true,
            ..claim(20, "clinics", "new", "/")
        };
        let wants = claim(10, "others", "old", "/");
        assert_eq!(objection(&has, std::slice::from_ref(&wants)), None);
        assert_eq!(objection(&wants, &[has]), Some(Objection::Elsewhere));
    }
}

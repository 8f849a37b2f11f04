//! Public host names: what DNS, and TLS in front of an endpoint, are in the real world.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use reqwest::Url;

use crate::webhooks;

/// Where the requests for a host really go.
#[derive(Default)]
pub struct Names(Mutex<BTreeMap<String, Url>>);

/// Where to send a request, and which host it is meant for if that is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub url: Url,
    pub host: Option<String>,
}

// === impl Names ===

impl Names {
    /// Lets a host's requests go to what `base` names: scheme, host and port.
    pub fn put(&self, host: &str, base: &str) -> Result<(), String> {
        let base = Url::parse(base).map_err(|error| error.to_string())?;
        if !base.has_host() || base.path() != "/" || base.query().is_some() {
            return Err("give scheme, host and port only".to_owned());
        }
        self.lock().insert(host.to_lowercase(), base);
        Ok(())
    }

    /// The way to an endpoint, whose address is checked as Zoom does unless `relaxed`.
    pub fn way(&self, url: &str, relaxed: bool) -> Result<Way, String> {
        let url = webhooks::endpoint(url, relaxed)?;
        let names = self.lock();
        let known = url.host_str().and_then(|host| names.get(host));
        Ok(match known {
            None => Way { url, host: None },
            Some(base) => {
                let mut way = base.clone();
                way.set_path(url.path());
                way.set_query(url.query());
                Way {
                    url: way,
                    host: url.host_str().map(str::to_owned),
                }
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Url>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_name_leads_elsewhere_and_stays_the_host() {
        let names = Names::default();
        assert_eq!(names.put("Hooks.Example.com", "http://there:81"), Ok(()));
        let way = names.way("https://hooks.example.com/zoom/event?a=b", false);
        let way = way.map(|way| (way.url.to_string(), way.host));
        let there = "http://there:81/zoom/event?a=b".to_owned();
        assert_eq!(way, Ok((there, Some("hooks.example.com".to_owned()))));
    }

    #[test]
    fn an_unknown_name_leads_to_itself() {
        let names = Names::default();
        let way = names.way("https://hooks.example.com/", false);
        let way = way.map(|way| (way.url.to_string(), way.host));
        assert_eq!(way, Ok(("https://hooks.example.com/".to_owned(), None)));
        assert!(names.way("http://hooks.example.com/", false).is_err());
    }

    #[test]
    fn a_way_has_no_path_of_its_own() {
        let names = Names::default();
        for base in ["http://there/path", "there", "http://there/?a=b"] {
            assert!(names.put("hooks.example.com", base).is_err(), "{base}");
        }
    }
}

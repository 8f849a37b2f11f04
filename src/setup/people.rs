//! What the connections of an app say of its setup, in total: kept while they change, so that nobody has to read all
//! of thousands for a list of steps. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{counts::Counts, facts::PeopleFacts};
use crate::api::{
    condition::Type,
    reason::Reason,
    v1alpha1::{Phase, ZoomConnection},
};
use zoom::Fault;

/// The part of a connection's status that the list depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    is_connected: bool,
    /// Since when it is connected.
    since: Option<Timestamp>,
    /// Whether its grant is lost.
    is_lost: bool,
    /// Its link, while it is not connected.
    link: Option<String>,
    granted: Option<Vec<String>>,
    /// Why its last consent failed, while it is not connected.
    consent: Option<Fault>,
    /// Why its token currently fails.
    token: Option<Fault>,
}

/// What the connections of an app say in total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    total: usize,
    connected: usize,
    since: Counts<Timestamp>,
    lost: BTreeSet<Place>,
    links: BTreeMap<Place, String>,
    consents: Counts<Fault>,
    tokens: Counts<Fault>,
    /// By what was granted: usually the same to all.
    granted: BTreeMap<Arc<[String]>, BTreeSet<Place>>,
}

/// Name and namespace of a connection: people look for a name.
pub type Place = (Arc<str>, Arc<str>);

/// What the list needs of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// How many connections there are, and those to name.
    pub people: PeopleFacts,
    /// Why some fail, unless it was refuted since.
    pub faults: Vec<Fault>,
    /// What was granted to people, each once.
    pub granted: Vec<Arc<[String]>>,
}

/// Reads the part of a connection's status that the list depends on.
#[must_use]
pub fn read(found: &ZoomConnection) -> Read {
    let status = found.status.as_ref();
    let scopes = status.and_then(|status| status.scopes.as_ref());
    let grant = status.and_then(|status| status.grant.as_ref());
    let is_connected = status.and_then(|status| status.phase) == Some(Phase::Connected);
    let since = grant.and_then(|grant| grant.since.as_ref());
    let link = status.and_then(|status| status.install_url.clone());
    Read {
        is_connected,
        since: since.map(|since| since.0).filter(|_| is_connected),
        is_lost: grant.is_some_and(|grant| grant.lost.is_some()),
        link: link.filter(|_| !is_connected),
        granted: scopes.map(|scopes| scopes.granted.clone()),
        consent: consent_fault(found).filter(|_| !is_connected),
        token: token_fault(found).filter(|_| !is_connected),
    }
}

// === impl People ===

impl People {
    /// Adds a connection.
    pub fn add(&mut self, place: &Place, connection: &ZoomConnection) {
        let read = read(connection);
        self.total += 1;
        self.connected += usize::from(read.is_connected);
        if let Some(since) = read.since {
            self.since.insert(since);
        }
        if let Some(fault) = read.consent {
            self.consents.insert(fault);
        }
        if let Some(fault) = read.token {
            self.tokens.insert(fault);
        }
        if read.is_lost {
            self.lost.insert(place.clone());
        }
        if let Some(link) = read.link {
            self.links.insert(place.clone(), link);
        }
        if let Some(granted) = read.granted {
            let places = self.granted.entry(granted.into()).or_default();
            places.insert(place.clone());
        }
    }

    /// Removes a connection that was added as it is here.
    pub fn remove(&mut self, place: &Place, connection: &ZoomConnection) {
        let read = read(connection);
        self.total -= 1;
        self.connected -= usize::from(read.is_connected);
        if let Some(since) = read.since {
            self.since.remove(&since);
        }
        if let Some(fault) = read.consent {
            self.consents.remove(&fault);
        }
        if let Some(fault) = read.token {
            self.tokens.remove(&fault);
        }
        self.lost.remove(place);
        self.links.remove(place);
        if let Some(granted) = read.granted
            && let Some(places) = self.granted.get_mut(&*granted)
        {
            places.remove(place);
            if places.is_empty() {
                self.granted.remove(&*granted);
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// How many are connected.
    #[must_use]
    pub const fn connected(&self) -> usize {
        self.connected
    }

    /// What the list needs, with so many names of those that lost their grant, and so many links: the first ones by
    /// name.
    #[must_use]
    pub fn excerpt(&self, most_lost: usize, most_links: usize) -> Excerpt {
        let lost = self.lost.iter().take(most_lost);
        let links = self.links.iter().take(most_links);
        // Of equal ones, the one of the last name comes last.
        let mut granted: Vec<_> = self.granted.iter().collect();
        granted.sort_unstable_by_key(|(_, places)| places.last());
        Excerpt {
            people: PeopleFacts {
                total: self.total,
                connected: self.connected,
                since: self.since.values().next().copied(),
                lost: lost.map(|(name, _)| (**name).to_owned()).collect(),
                links: links
                    .map(|((name, _), link)| ((**name).to_owned(), link.clone()))
                    .collect(),
            },
            faults: self.faults(),
            granted: granted
                .into_iter()
                .map(|(granted, _)| granted.clone())
                .collect(),
        }
    }

    /// The whole of it.
    #[must_use]
    pub fn all(&self) -> Excerpt {
        self.excerpt(usize::MAX, usize::MAX)
    }

    /// Why connections fail that are not connected. A consent's failure may have been fixed since, and certainly has
    /// if another one succeeded.
    fn faults(&self) -> Vec<Fault> {
        let consents = (self.connected == 0).then(|| self.consents.values());
        let mut faults: Vec<Fault> = consents.into_iter().flatten().copied().collect();
        let tokens = self.tokens.values().copied();
        let more: Vec<Fault> = tokens.filter(|fault| !faults.contains(fault)).collect();
        faults.extend(more);
        faults
    }
}

impl<'a> FromIterator<&'a ZoomConnection> for People {
    fn from_iter<I: IntoIterator<Item = &'a ZoomConnection>>(connections: I) -> Self {
        let mut people = Self::default();
        for connection in connections {
            let namespace = connection.namespace().unwrap_or_default();
            people.add(
                &(connection.name_any().into(), namespace.into()),
                connection,
            );
        }
        people
    }
}

fn consent_fault(connection: &ZoomConnection) -> Option<Fault> {
    let consent = connection.status.as_ref()?.consent.as_ref()?;
    consent
        .has_failed()
        .then(|| consent.reason.fault())
        .flatten()
}

fn token_fault(connection: &ZoomConnection) -> Option<Fault> {
    let conditions = &connection.status.as_ref()?.conditions;
    let ready = Type::Ready.find(conditions)?;
    (ready.status == "False")
        .then(|| Reason::of(ready)?.fault())
        .flatten()
}

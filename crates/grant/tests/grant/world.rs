//! What outlives every process: Zoom, the API server, the journals of the Pods, and the record of
//! everything that must not happen.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use grant::{Client, Code, Credential, Entry, Grant, Holder, Lost};
use jiff::Timestamp;

use crate::store::Api;
use crate::zoom::{Answer, Zoom};

/// What can be spent at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Code,
    RefreshToken,
    /// A refresh token that Zoom refused to another app. The credentials are the right ones again.
    Sealed,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Code, Self::RefreshToken, Self::Sealed];
}

/// What somebody else does in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A person authorized again: a new grant is stored, and Zoom invalidates the old one.
    NewConsent,
    /// The connection was deleted, and the grant with it.
    Deleted,
    /// Somebody deleted the grant, and the connection still wants it.
    DeletedByHand,
    /// Somebody wrote a label.
    Touched,
    /// The person removed the app: the tokens were erased.
    Deauthorized,
    /// Somebody put the credentials of another app into the Secret.
    WrongPair,
}

pub struct World(Mutex<State>);

pub struct State {
    pub zoom: Zoom,
    pub api: Api,
    /// What the Secret with the app's credentials holds.
    pub client: Client,
    /// By Pod.
    pub journals: BTreeMap<String, Vec<Entry>>,
    /// A Pod that nobody reaches: what its journal holds is known to no one.
    pub cut_off: Option<String>,
    /// Credentials that a living process knows of: fingerprint and who knows.
    pub received: Vec<(String, Holder)>,
    /// Whether an attempt of another Pod is over.
    pub settled: bool,
    /// What is to happen at which point of which Pod's process.
    pub planned: Option<(u32, &'static str, Event)>,
    /// Whether a reply was stored when the event happened.
    pub stored_at_event: bool,
    /// Nothing can be written to any journal.
    pub journal_full: bool,
    /// What must not happen and did.
    pub broken: Vec<String>,
}

impl World {
    pub fn new(kind: Kind, first: Answer) -> Arc<Self> {
        let mut grant = Grant {
            id: "consent-1".into(),
            generation: if kind == Kind::Code { 0 } else { 7 },
            since: Timestamp::UNIX_EPOCH,
            client_id: (kind != Kind::Sealed).then(|| right().id),
            credential: match kind {
                Kind::Code => code("code-1"),
                Kind::RefreshToken | Kind::Sealed => {
                    Credential::RefreshToken(String::from("token-7").into())
                }
            },
            access: None,
            intent: None,
            loss: None,
        };
        if kind == Kind::Sealed {
            grant = grant.refused(Lost::GrantLost, &wrong(), Timestamp::UNIX_EPOCH);
        }
        Self::holding(grant, first)
    }

    /// A world in which this grant is stored.
    pub fn holding(grant: Grant, first: Answer) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            zoom: Zoom::new(&grant.credential, first),
            api: Api::new(grant),
            client: right(),
            journals: BTreeMap::new(),
            cut_off: None,
            received: Vec::new(),
            settled: false,
            planned: None,
            stored_at_event: false,
            journal_full: false,
            broken: Vec::new(),
        })))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process came to a point.
    pub fn reached(&self, number: u32, holder: &Holder) {
        let mut state = self.state();
        if let Some((at, pod, event)) = &state.planned
            && (*at, *pod) == (number, holder.pod.as_str())
        {
            let event = *event;
            state.planned = None;
            state.happen(event);
        }
    }

    /// The memory of a process is gone.
    pub fn forgotten(&self, holder: &Holder) {
        self.state().received.retain(|(_, who)| who != holder);
    }
}

impl State {
    pub fn happen(&mut self, event: Event) {
        let stored = self.api.stored();
        self.stored_at_event = stored.is_some_and(|grant| grant.access.is_some());
        match event {
            Event::NewConsent => {
                let credential = code("code-2");
                self.zoom.consent(&credential);
                self.api.replace(|stored| {
                    Some(Grant {
                        id: "consent-2".into(),
                        generation: 0,
                        since: Timestamp::UNIX_EPOCH,
                        client_id: Some(right().id),
                        credential,
                        access: None,
                        intent: None,
                        loss: stored.and(None),
                    })
                });
            }
            Event::Deleted => {
                self.api.wanted = false;
                self.api.replace(|_| None);
            }
            Event::DeletedByHand => self.api.replace(|_| None),
            Event::Touched => self.api.replace(|stored| stored),
            Event::Deauthorized => {
                self.zoom.revoke_all();
                self.api
                    .replace(|stored| stored.map(|grant| grant.removed(Timestamp::UNIX_EPOCH)));
            }
            Event::WrongPair => self.client = wrong(),
        }
    }

    /// Whether anybody can still come by this credential.
    pub fn known(&self, fingerprint: &str) -> bool {
        self.api.stored_ever(fingerprint)
            || self.received.iter().any(|(known, _)| known == fingerprint)
            || self
                .journals
                .iter()
                .filter(|(pod, _)| Some(*pod) != self.cut_off.as_ref())
                .flat_map(|(_, entries)| entries)
                .any(|entry| entry.next.credential.fingerprint() == fingerprint)
    }
}

/// The app that the grant was given to.
pub fn right() -> Client {
    client("app")
}

/// Another app.
pub fn wrong() -> Client {
    client("other")
}

pub fn client(id: &str) -> Client {
    Client::new(id, &String::from("secret").into())
}

pub fn code(code: &str) -> Credential {
    Credential::Code(Code {
        code: code.to_owned().into(),
        verifier: String::from("verifier").into(),
        redirect_url: "https://connect.example.com/callback".into(),
    })
}

//! Zoom without any grace: what is spent is spent when the request is processed, and its successor
//! exists only in the reply.

use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed, time::Duration};

use grant::{Access, Client, Credential, Grant, Issuer, Lost, Pair, Refusal, Revoker, Standing};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::{
    process::{Call, Point, Process},
    world::{State, right},
};

type Refused = Refusal<&'static str>;

/// What Zoom does with the first request that reaches it. The next ones are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Answers,
    ReplyLost,
    Broken,
    Processed500,
    Unprocessed503,
    Garbage200,
    ConnectRefused,
    RateLimited,
    Revoked,
    AppDisabled,
    OwnerGone,
}

impl Answer {
    pub const ALL: [Self; 11] = [
        Self::Answers,
        Self::ReplyLost,
        Self::Broken,
        Self::Processed500,
        Self::Unprocessed503,
        Self::Garbage200,
        Self::ConnectRefused,
        Self::RateLimited,
        Self::Revoked,
        Self::AppDisabled,
        Self::OwnerGone,
    ];

    /// Zoom replaces the credential and nobody learns by what.
    pub const fn loses_the_reply(self) -> bool {
        matches!(
            self,
            Self::ReplyLost | Self::Processed500 | Self::Garbage200
        )
    }

    const fn processes(self) -> bool {
        matches!(self, Self::Answers) || self.loses_the_reply()
    }
}

pub struct Zoom {
    /// The only credential that is worth something.
    live: Option<String>,
    owner: bool,
    first: Option<Answer>,
    issued: u64,
    /// What was spent, and for what.
    successors: BTreeMap<String, String>,
    /// Every request that was sent: the credential.
    pub sends: Vec<String>,
    in_flight: BTreeMap<String, u32>,
    /// The most at the same time, of one credential.
    pub most_in_flight: u32,
    /// Sends whose outcome no process knows for certain, by credential.
    unknown: BTreeMap<String, u32>,
    pub revoked: Vec<String>,
}

impl Zoom {
    pub fn new(credential: &Credential, first: Answer) -> Self {
        Self {
            live: (first != Answer::Revoked).then(|| credential.fingerprint()),
            owner: first != Answer::OwnerGone,
            first: Some(first),
            issued: 100,
            successors: BTreeMap::new(),
            sends: Vec::new(),
            in_flight: BTreeMap::new(),
            most_in_flight: 0,
            unknown: BTreeMap::new(),
            revoked: Vec::new(),
        }
    }

    pub fn consent(&mut self, credential: &Credential) {
        self.live = Some(credential.fingerprint());
    }

    pub fn revoke_all(&mut self) {
        self.live = None;
    }

    pub fn is_live(&self, credential: &Credential) -> bool {
        self.live.as_ref() == Some(&credential.fingerprint())
    }

    /// What the credential that was sent last was spent for.
    pub fn last_successor(&self) -> Option<&String> {
        self.successors.get(self.sends.last()?)
    }

    pub fn live(&self) -> Option<&String> {
        self.live.as_ref()
    }

    fn process(&mut self, credential: &Credential, client: &Client) -> Result<Pair, Refused> {
        let spent = credential.fingerprint();
        if client.id != right().id {
            return Err(Refusal {
                error: "HTTP 400: invalid_grant",
                ambiguous: false,
                ends: Some(Lost::GrantLost),
            });
        }
        let answer = self.first.take().unwrap_or(Answer::Answers);
        let refusal = |ends| {
            Err(Refusal {
                error: "HTTP 400",
                ambiguous: false,
                ends,
            })
        };
        if !self.owner {
            return refusal(Some(Lost::OwnerGone));
        }
        if answer == Answer::AppDisabled {
            return refusal(None);
        }
        if answer == Answer::RateLimited {
            return refusal(None);
        }
        if answer == Answer::ConnectRefused {
            return refusal(None);
        }
        if answer.processes() && self.live.as_ref() != Some(&spent) {
            return refusal(Some(Lost::GrantLost));
        }
        let pair = answer.processes().then(|| self.rotate(spent));
        let lost = || {
            Err(Refusal {
                error: "no answer",
                ambiguous: true,
                ends: None,
            })
        };
        match (answer, pair) {
            (Answer::Answers, Some(pair)) => Ok(pair),
            (
                Answer::Processed500
                | Answer::Unprocessed503
                | Answer::Garbage200
                | Answer::ReplyLost
                | Answer::Broken,
                _,
            ) => lost(),
            _ => refusal(Some(Lost::GrantLost)),
        }
    }

    fn rotate(&mut self, spent: String) -> Pair {
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        let next = Credential::RefreshToken(token.clone().into());
        self.live = Some(next.fingerprint());
        self.successors.insert(spent, next.fingerprint());
        Pair {
            refresh_token: token.into(),
            access: Access {
                token: format!("access-{}", self.issued).into(),
                token_type: "bearer".into(),
                issued_at: Timestamp::UNIX_EPOCH,
                expires_at: Timestamp::UNIX_EPOCH,
                scope: "user:read".into(),
                api_url: "https://api.zoom.us".into(),
            },
        }
    }
}

/// A request on its way: it leaves the wire also when its sender dies.
struct OnItsWay<'p>(&'p Process, String);

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0.world.state().zoom.in_flight.get_mut(&self.1) {
            *count -= 1;
        }
    }
}

impl<'p> OnItsWay<'p> {
    fn send(process: &'p Process, credential: &Credential) -> Self {
        let mut state = process.world.state();
        let fingerprint = credential.fingerprint();
        let broken = unlawful(&state, process, &fingerprint);
        state.broken.extend(broken);
        let zoom = &mut state.zoom;
        zoom.sends.push(fingerprint.clone());
        // Until a definite answer arrives.
        *zoom.unknown.entry(fingerprint.clone()).or_default() += 1;
        let flying = zoom.in_flight.entry(fingerprint.clone()).or_default();
        *flying += 1;
        zoom.most_in_flight = zoom.most_in_flight.max(*flying);
        Self(process, fingerprint)
    }
}

/// What (I1), (I2) and (I3) forbid about this send.
fn unlawful(state: &State, process: &Process, fingerprint: &str) -> Vec<String> {
    let zoom = &state.zoom;
    let mut broken = Vec::new();
    if zoom.in_flight.get(fingerprint).is_some_and(|n| *n > 0) {
        broken.push("I1: sent while it was in flight".into());
    }
    if let Some(next) = zoom.successors.get(fingerprint)
        && state.known(next)
    {
        broken.push("I2: sent although its successor is known".into());
    }
    let count = |list: &mut dyn Iterator<Item = bool>| list.filter(|found| *found).count();
    let sent = count(&mut zoom.sends.iter().map(|sent| sent == fingerprint));
    let mut recorded = state
        .api
        .intents
        .iter()
        .filter(|(credential, _)| credential == fingerprint)
        .map(|(_, intent)| intent);
    if sent >= recorded.clone().count() || recorded.all(|intent| intent.holder != process.holder) {
        broken.push("I3: sent without an intent of its own on record".into());
    }
    let unknown = zoom.unknown.get(fingerprint).copied().unwrap_or(0);
    let stored = state.api.stored();
    if unknown > 0
        && stored.is_some_and(|grant| {
            grant.credential.fingerprint() == fingerprint
                && grant
                    .intent
                    .as_ref()
                    .is_none_or(|intent| intent.attempt <= unknown)
        })
    {
        broken.push("I3: sent again and the earlier attempt is not on record".into());
    }
    if let Some(grant) = stored
        && grant.credential.fingerprint() == fingerprint
        && grant.standing(&process.credentials()) != Standing::Usable
    {
        broken.push("sent although this client may not".into());
    }
    if !process.leads.load(Relaxed) {
        broken.push("sent by a process that does not lead".into());
    }
    broken
}

impl Issuer for Process {
    type Error = &'static str;

    fn client(&self) -> Client {
        self.credentials()
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn exchange(&self, credential: &Credential) -> Result<Pair, Refused> {
        let client = self.credentials();
        // Nothing lies between the caller's check of its term and the wire.
        let on_its_way = OnItsWay::send(self, credential);
        self.pass(Point::Before(Call::Exchange)).await;
        let answer = self.world.state().zoom.process(credential, &client);
        self.pass(Point::After(Call::Exchange)).await;
        let mut state = self.world.state();
        state.api.away += std::mem::take(&mut state.api.away_at_commit);
        match &answer {
            Ok(pair) => {
                let next = Credential::RefreshToken(pair.refresh_token.expose_secret().into());
                state
                    .received
                    .push((next.fingerprint(), self.holder.clone()));
            }
            Err(error) if !error.ambiguous => {
                if let Some(unknown) = state.zoom.unknown.get_mut(&on_its_way.1) {
                    *unknown -= 1;
                }
            }
            Err(_) => {}
        }
        drop(state);
        drop(on_its_way);
        answer
    }
}

impl Revoker for Process {
    async fn revoke(&self, grant: &Grant) {
        self.pass(Point::Before(Call::Revoke)).await;
        {
            let zoom = &mut self.world.state().zoom;
            zoom.revoked.push(grant.credential.fingerprint());
            if zoom.is_live(&grant.credential) {
                zoom.live = None;
            }
        }
        self.pass(Point::After(Call::Revoke)).await;
    }
}

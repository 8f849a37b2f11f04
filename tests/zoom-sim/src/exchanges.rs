//! Token requests from their arrival until the answer is on the wire or lost: who sends the same refresh token or code
//! twice at once, and who sends one again after it was spent.

use std::{io, sync::Arc, task::Poll};

use crate::{apps::Inner, server::Sim};

/// Identifies a token request to the handler.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ExchangeId(pub u64);

/// What can be spent once.
#[derive(Clone)]
pub enum Spendable {
    RefreshToken(String),
    Code(String),
}

/// What has happened to something that can be spent once.
#[derive(Default)]
pub struct Sent {
    open: Vec<ExchangeId>,
    spent: Option<(ExchangeId, Fate)>,
}

/// What an arrival means.
#[derive(Clone, Copy)]
pub struct Arrival {
    /// Requests with the same refresh token or code at this moment, this one included.
    pub in_flight: u64,
    /// Spent before, and the answer is no longer under way.
    pub again: Option<Again>,
}

/// What had become of the answer when something spent was sent again.
#[derive(Clone, Copy)]
pub enum Again {
    AfterWrittenReply,
    AfterLostReply,
}

/// A token request under way. Dropped, its answer is lost.
pub struct Exchange {
    sim: Arc<Sim>,
    id: ExchangeId,
    client_id: String,
    spendable: Option<Spendable>,
    has_ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    UnderWay,
    Written,
    Lost,
}

// === impl Sent ===

impl Sent {
    pub fn is_spent(&self) -> bool {
        self.spent.is_some()
    }

    /// Notes that a request spends this. If its client is gone already, the answer is lost already.
    pub fn spend(&mut self, by: ExchangeId) {
        let fate = if self.open.contains(&by) {
            Fate::UnderWay
        } else {
            Fate::Lost
        };
        self.spent = Some((by, fate));
    }

    fn begins(&mut self, id: ExchangeId) -> Arrival {
        self.open.push(id);
        Arrival {
            in_flight: self.open.len() as u64,
            again: self.spent.and_then(|(_, fate)| match fate {
                Fate::UnderWay => None,
                Fate::Written => Some(Again::AfterWrittenReply),
                Fate::Lost => Some(Again::AfterLostReply),
            }),
        }
    }

    fn ends(&mut self, id: ExchangeId, fate: Fate) {
        self.open.retain(|open| *open != id);
        if let Some((by, old)) = &mut self.spent
            && *by == id
        {
            *old = fate;
        }
    }
}

// === impl Exchange ===

impl Exchange {
    /// Counts a request of an app; nothing is counted for an unknown one.
    pub fn begin(sim: &Arc<Sim>, client_id: String, spendable: Option<Spendable>) -> Self {
        let mut inner = sim.apps.lock();
        let id = ExchangeId(inner.next_id());
        if let Some(app) = inner.apps.get_mut(&client_id) {
            app.traffic.token_request_begins();
        }
        let spendable = spendable.filter(|spendable| inner.arrives(&client_id, spendable, id));
        drop(inner);
        Self {
            sim: Arc::clone(sim),
            id,
            client_id,
            spendable,
            has_ended: false,
        }
    }

    pub fn id(&self) -> ExchangeId {
        self.id
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Writes a part of the answer. If that was the last, this is known before the client can act on it.
    pub fn write(
        &mut self,
        write: impl FnOnce() -> Poll<io::Result<usize>>,
        is_last: impl FnOnce(usize) -> bool,
    ) -> Poll<io::Result<usize>> {
        let sim = Arc::clone(&self.sim);
        let mut inner = sim.apps.lock();
        let result = write();
        if let Poll::Ready(Ok(count)) = result
            && is_last(count)
        {
            self.end(&mut inner, Fate::Written);
        }
        result
    }

    fn end(&mut self, inner: &mut Inner, fate: Fate) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        if let Some(app) = inner.apps.get_mut(&self.client_id) {
            app.traffic.token_request_ends();
        }
        let sent = self
            .spendable
            .as_ref()
            .and_then(|spendable| inner.sent(&self.client_id, spendable));
        if let Some(sent) = sent {
            sent.ends(self.id, fate);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let sim = Arc::clone(&self.sim);
        self.end(&mut sim.apps.lock(), Fate::Lost);
    }
}

// === impl Inner ===

impl Inner {
    /// Counts what is sent; false if it is not the app's.
    fn arrives(&mut self, client_id: &str, spendable: &Spendable, id: ExchangeId) -> bool {
        let Some(arrival) = self.sent(client_id, spendable).map(|sent| sent.begins(id)) else {
            if let (Spendable::RefreshToken(_), Some(app)) =
                (spendable, self.apps.get_mut(client_id))
            {
                app.traffic.counters.unknown_refresh_tokens += 1;
            }
            return false;
        };
        if let Some(grant) = self.grant_of(spendable) {
            grant.counters.arrives(arrival);
        }
        if let Some(app) = self.apps.get_mut(client_id) {
            let counters = &mut app.traffic.counters;
            match spendable {
                Spendable::RefreshToken(_) => counters.refresh.arrives(arrival),
                Spendable::Code(_) => counters.codes.arrives(arrival),
            }
        }
        true
    }

    fn sent(&mut self, client_id: &str, spendable: &Spendable) -> Option<&mut Sent> {
        match spendable {
            Spendable::RefreshToken(token) => self
                .refresh_tokens
                .get_mut(token)
                .filter(|token| token.client_id == client_id)
                .map(|token| &mut token.sent),
            Spendable::Code(code) => self
                .codes
                .get_mut(code)
                .filter(|code| code.client_id == client_id)
                .map(|code| &mut code.sent),
        }
    }
}

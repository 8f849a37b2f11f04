//! The result page of a consent, shown only to the browser that started it.

use axum::http::{StatusCode, header};

use super::{
    answer::Answer,
    cluster::Unavailable,
    keys::Keys,
    outcome::PageOutcome,
    pages::{Frame, Next, result as page},
    site::{Site, Visit},
    ticket::{self, Ticket},
    verdict::{self, ConsentResult},
};
use contract::consent::Transaction;
use jiff::Timestamp;

// === impl Site ===

impl Site {
    /// The result of a consent.
    pub async fn result(&self, visit: &Visit, transaction: &Transaction) -> Answer {
        let Ok(keys) = self.keys() else {
            return self.unavailable(visit);
        };
        let Some(ticket) = visit.carried.ticket(&keys, transaction, visit.now) else {
            let frame = self.frame(visit);
            let page = frame.message(&frame.texts().result.unknown, &Next::Nothing);
            return Answer::ended(PageOutcome::NotCarried, page);
        };
        if !self.limiter.admits_for(transaction.as_str()) {
            return self.rate_limited(visit);
        }
        let found = self
            .cluster
            .connection(&ticket.namespace, &ticket.connection)
            .await;
        let connection = match found {
            Ok(connection) => connection,
            Err(Unavailable) => return self.unavailable(visit),
        };
        let verdict = verdict::judge(&ticket, connection.as_ref(), visit.now);
        let next = match verdict {
            ConsentResult::Failed { .. } => self.start_again(&ticket).await,
            _ => Next::Nothing,
        };
        let frame = Frame::new(&self.base, visit.language(Some(ticket.language)));
        let self_service = ticket.connection_uid.is_none() && connection.is_none();
        let page = page::page(frame, &verdict, self_service, &next);
        let answer = Answer::page(StatusCode::OK, page);
        match awaiting(&verdict, &ticket, &keys, visit.now) {
            Some(cookie) => answer.with(header::SET_COOKIE, cookie),
            None => answer,
        }
    }
}

/// The cookie with a new deadline, for a person who waits for the result.
fn awaiting(
    verdict: &ConsentResult,
    ticket: &Ticket,
    keys: &Keys,
    now: Timestamp,
) -> Option<String> {
    let waits = matches!(
        verdict,
        ConsentResult::Pending { .. } | ConsentResult::Waiting
    );
    let awaiting = Ticket {
        expires: ticket::expiry(now),
        ..ticket.clone()
    };
    // Before the code is handed over, the time at Zoom is limited.
    let is_handed_over = ticket.authorized.is_some();
    (waits && is_handed_over)
        .then(|| awaiting.seal(keys).ok())
        .flatten()
}

//! The callback: checks how Zoom sends a person back, and hands over the code.
//!
//! ```text
//! parameters -> state? -> cookie -> its integration -> Zoom's error? -> Secret -> result page
//! ```

use axum::http::header;
use jiff::Timestamp;
use runtime::audit::{self, Action};
use secrecy::ExposeSecret as _;

use super::{
    answer::Answer,
    arrival::{Arrival, arrival},
    cluster::{Delivered, Parcel, Unavailable},
    outcome::PageOutcome,
    pages::{Frame, Next},
    refusal::About,
    site::{Site, Step, Visit},
    ticket::{self, Ticket},
};
use contract::consent::{Handoff, Transaction};

// === impl Site ===

impl Site {
    /// The callback of an integration.
    pub async fn callback(&self, visit: &Visit, namespace: &str, integration: &str) -> Answer {
        let arrival = arrival(&visit.query);
        let transaction = match &arrival {
            Ok(Arrival::Code(state, _) | Arrival::Error(state, _)) => Some(Transaction::of(state)),
            Ok(Arrival::Again(_, transaction, _)) => transaction.clone(),
            Err(_) => None,
        };
        let Ok(keys) = self.keys() else {
            return self.unavailable_code(visit, None);
        };
        let ticket = transaction
            .as_ref()
            .and_then(|transaction| visit.carried.ticket(&keys, transaction, visit.now));
        // Requests with a ticket are counted by ticket, so that nobody else can use up their limit.
        let counted = match (&ticket, &transaction) {
            (Some(_), Some(transaction)) => transaction.as_str().to_owned(),
            _ => format!("{namespace}/{integration}"),
        };
        if !self.limiter.admits_for(&counted) {
            return self.rate_limited(visit);
        }
        let own = ticket.as_ref().filter(|ticket| {
            ticket.integration_namespace() == namespace && ticket.integration == integration
        });
        let mut about = About {
            ticket: own,
            error: None,
        };
        let outcome = match (arrival, &ticket, own) {
            (Err(outcome), _, _) => outcome,
            (Ok(Arrival::Again(outcome, _, error)), _, _) => {
                about.error = error;
                return self
                    .refuse(visit, namespace, integration, outcome, about)
                    .await
                    .uncounted();
            }
            (Ok(_), None, _) => PageOutcome::NotCarried,
            (Ok(_), Some(_), None) => PageOutcome::OtherIntegration,
            (Ok(Arrival::Error(_, Some("access_denied"))), _, Some(_)) => PageOutcome::Declined,
            (Ok(Arrival::Error(_, error)), _, Some(_)) => {
                about.error = error;
                PageOutcome::ZoomError
            }
            (Ok(Arrival::Code(_, code)), _, Some(ticket)) => {
                return self.hand_over(visit, ticket, code).await;
            }
        };
        let step = match (own, &transaction) {
            (Some(ticket), Some(transaction)) => Step::of_ticket(ticket, transaction),
            _ => Step {
                kind: audit::Kind::Integration,
                namespace,
                name: integration,
                transaction: transaction.as_ref(),
            },
        };
        self.note(visit, Action::ConsentReturn, &step, outcome);
        let answer = self.refuse(visit, namespace, integration, outcome, about);
        answer.await
    }

    async fn hand_over(&self, visit: &Visit, ticket: &Ticket, code: &str) -> Answer {
        let outcome = match self.deliver(visit, ticket, code).await {
            Ok(Delivered::Created) => PageOutcome::HandedOver,
            Ok(Delivered::AlreadyExists) => PageOutcome::Replayed,
            Err(Unavailable) => PageOutcome::Unavailable,
        };
        let transaction = ticket.transaction();
        let step = Step::of_ticket(ticket, &transaction);
        self.note(visit, Action::ConsentReturn, &step, outcome);
        if outcome == PageOutcome::Unavailable {
            return self.unavailable_code(visit, Some(ticket));
        }
        let path = self
            .base
            .path(&format!("/consents/{}", transaction.as_str()));
        let answer = Answer::onward(outcome, path);
        if ticket.authorized.is_some() {
            return answer;
        }
        // From here on, the cookie only waits for the result, with a new deadline even after a long time at
        // Zoom. The verifier is no longer needed.
        let awaiting = Ticket {
            verifier: "".into(),
            authorized: Some(visit.now),
            expires: ticket::expiry(visit.now),
            ..ticket.clone()
        };
        match self.keys().map(|keys| awaiting.seal(&keys)) {
            Ok(Ok(cookie)) => answer.with(header::SET_COOKIE, cookie),
            _ => answer,
        }
    }

    async fn deliver(
        &self,
        visit: &Visit,
        ticket: &Ticket,
        code: &str,
    ) -> Result<Delivered, Unavailable> {
        if ticket.authorized.is_some() {
            return Ok(Delivered::AlreadyExists);
        }
        let name = ticket.transaction().secret_name();
        let parcel =
            Parcel::new(name, &handoff(ticket, code, visit.now)).map_err(|_| Unavailable)?;
        self.cluster.hand_over(parcel).await
    }

    /// Kubernetes is unavailable: a reload in the browser sends the same code again.
    pub(super) fn unavailable_code(&self, visit: &Visit, ticket: Option<&Ticket>) -> Answer {
        let language = visit.language(ticket.map(|ticket| ticket.language));
        let mut frame = Frame::new(&self.base, language);
        // A link to the other language would contain the code.
        frame.same = None;
        let page = frame.message(&frame.texts().unavailable_callback, &Next::Reload);
        Answer::ended(PageOutcome::Unavailable, page)
    }
}

fn handoff(ticket: &Ticket, code: &str, now: Timestamp) -> Handoff {
    Handoff {
        namespace: ticket.namespace.clone(),
        integration_namespace: ticket.integration_namespace.clone(),
        integration: ticket.integration.clone(),
        integration_uid: ticket.integration_uid.clone(),
        connection: ticket.connection.clone(),
        connection_uid: ticket.connection_uid.clone(),
        client_id: ticket.client_id.clone(),
        redirect_url: ticket.redirect_url.clone(),
        code: code.into(),
        code_verifier: ticket.verifier.expose_secret().into(),
        begun: ticket.begun,
        authorized: now,
    }
}

//! The start page, and the POST that starts a consent.

use axum::http::{HeaderMap, StatusCode, header};
use runtime::audit::Action;
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use super::{
    answer::Answer,
    authorize,
    base::Base,
    cluster::Unavailable,
    outcome::PageOutcome,
    pages::{Next, start as page},
    site::{Site, Step, Visit},
    ticket::{self, Ticket},
};
use crate::api::{
    condition::{Status, Type},
    v1alpha1::{ConsentMode, SelfService, ZoomConnection, ZoomIntegration},
};
use contract::consent::{Link, Target};

/// What a valid link leads to.
struct Opening {
    /// `None` when a connection refers to an integration that does not exist.
    integration: Option<ZoomIntegration>,
    /// `None` with self-service.
    connection: Option<ZoomConnection>,
}

/// An integration that people can connect to now.
#[derive(Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The app's client id.
    pub client_id: String,
    /// Its redirect URL.
    pub redirect_url: String,
}

/// Checks whether people can connect to the integration now.
///
/// # Errors
/// [`PageOutcome::NotReady`], or [`PageOutcome::Full`] with self-service.
pub fn prepared(
    base: &Base,
    integration: &ZoomIntegration,
    target: Target,
) -> Result<Prepared, PageOutcome> {
    let spec = &integration.spec;
    let metadata = &integration.metadata;
    let (Some(status), Some(namespace), Some(name), Some(_)) = (
        &integration.status,
        &metadata.namespace,
        &metadata.name,
        &metadata.uid,
    ) else {
        return Err(PageOutcome::NotReady);
    };
    let stopped = spec.suspend
        || metadata.deletion_timestamp.is_some()
        || spec.consent_mode() != Some(ConsentMode::Operator);
    let ours = base.redirect_url(namespace, name);
    let prepared = match (&status.client_id, &status.redirect_url) {
        (Some(client_id), Some(url)) if !stopped && !client_id.is_empty() && *url == ours => {
            Prepared {
                client_id: client_id.clone(),
                redirect_url: ours,
            }
        }
        _ => return Err(PageOutcome::NotReady),
    };
    let made = status.connections.as_ref();
    let made = made.and_then(|count| count.self_service).unwrap_or(0);
    if target == Target::Integration
        && made
            >= integration
                .spec
                .self_service()
                .map_or(0, SelfService::limit)
    {
        return Err(PageOutcome::Full);
    }
    Ok(prepared)
}

/// Whether the controller found that the connection, in this namespace, may use its integration. It says so
/// again before a code is redeemed.
fn may_use(connection: &ZoomConnection, namespace: &str) -> bool {
    let status = connection.status.as_ref();
    let stated = status.and_then(|status| Type::NamespaceAllowed.find(&status.conditions));
    !connection.spec.integration_ref.is_foreign(namespace)
        || stated.is_some_and(|condition| condition.status == Status::True.as_str())
}

/// Whether a form was sent from our own pages.
#[must_use]
pub fn is_from_here(headers: &HeaderMap, base: &Base) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    match text("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => text(header::ORIGIN.as_str()) == Some(base.origin().as_str()),
    }
}

// === impl Site ===

impl Site {
    /// The start page.
    pub async fn start(&self, visit: &Visit, link: &Link) -> Answer {
        let opening = match self.opening(visit, link).await {
            Ok(opening) => opening,
            Err(answer) => return answer,
        };
        let integration = match self.ready(&opening, link.target) {
            Ok((integration, _)) => integration,
            Err(outcome) => return self.refused(visit, outcome),
        };
        let subject = page::Subject {
            integration,
            connection: opening.connection.as_ref(),
        };
        Answer::page(StatusCode::OK, page::page(&self.frame(visit), &subject))
    }

    /// Starts a consent: sets a cookie and redirects to Zoom.
    pub async fn begin(&self, visit: &Visit, link: &Link) -> Answer {
        let refused = |outcome| {
            self.note(visit, Action::ConsentBegin, &Step::of_link(link), outcome);
            self.refused(visit, outcome)
        };
        if !is_from_here(&visit.headers, &self.base) {
            return refused(PageOutcome::CrossSite);
        }
        let opening = match self.opening(visit, link).await {
            Ok(opening) => opening,
            Err(answer) if answer.outcome == Some(PageOutcome::UnknownLink) => {
                return refused(PageOutcome::UnknownLink);
            }
            Err(answer) => return answer,
        };
        let (integration, prepared) = match self.ready(&opening, link.target) {
            Ok(ready) => ready,
            Err(outcome) => return refused(outcome),
        };
        // A link with self-service is for many people. Only a valid link has something to use up.
        let is_for_one = link.target == Target::Connection;
        if is_for_one && !self.limiter.admits_consent(&link.to_string()) {
            return self.rate_limited(visit);
        }
        let ticket = ticket(
            visit,
            link,
            integration,
            opening.connection.as_ref(),
            prepared,
        );
        let (Ok(keys), Some(ticket)) = (self.keys(), ticket) else {
            return self.unavailable(visit);
        };
        let Ok(cookie) = ticket.seal(&keys) else {
            return self.refused(visit, PageOutcome::NotReady);
        };
        let url = authorize::url(
            &self.endpoint,
            &ticket.client_id,
            &ticket.redirect_url,
            ticket.state.expose_secret(),
            ticket.verifier.expose_secret(),
        );
        let outcome = PageOutcome::Begun;
        let transaction = ticket.transaction();
        let step = Step::of_ticket(&ticket, &transaction);
        self.note(visit, Action::ConsentBegin, &step, outcome);
        let crowded_out = visit.carried.crowded_out(&keys, cookie.len());
        crowded_out
            .iter()
            .map(|name| ticket::forget(name))
            .chain([cookie])
            .fold(Answer::onward(outcome, url), |answer, cookie| {
                answer.with(header::SET_COOKIE, cookie)
            })
    }

    /// What the link leads to. Any invalid link gets the same page, whatever is wrong with it.
    async fn opening(&self, visit: &Visit, link: &Link) -> Result<Opening, Answer> {
        if !self.limiter.admits_for(&link.to_string()) {
            return Err(self.rate_limited(visit));
        }
        match self.find(link).await {
            Ok(Some(opening)) => Ok(opening),
            Ok(None) => Err(self.refused(visit, PageOutcome::UnknownLink)),
            Err(Unavailable) => Err(self.unavailable(visit)),
        }
    }

    async fn find(&self, link: &Link) -> Result<Option<Opening>, Unavailable> {
        let Link {
            namespace, name, ..
        } = link;
        let right = |shown: Option<&str>| -> bool {
            let asked = self.base.link(link);
            asked
                .as_bytes()
                .ct_eq(shown.unwrap_or_default().as_bytes())
                .into()
        };
        match link.target {
            Target::Integration => {
                let integration = self.cluster.integration(namespace, name).await?;
                Ok(integration
                    .filter(|integration| integration.metadata.deletion_timestamp.is_none())
                    .filter(|integration| integration.spec.self_service().is_some())
                    .filter(|integration| {
                        let status = integration.status.as_ref();
                        right(status.and_then(|status| status.install_url.as_deref()))
                    })
                    .map(|integration| Opening {
                        integration: Some(integration),
                        connection: None,
                    }))
            }
            Target::Connection => {
                let connection = self.cluster.connection(namespace, name).await?;
                let connection = connection
                    .filter(|connection| connection.metadata.deletion_timestamp.is_none())
                    .filter(|connection| connection.metadata.uid.is_some())
                    .filter(|connection| {
                        let status = connection.status.as_ref();
                        right(status.and_then(|status| status.install_url.as_deref()))
                    });
                let Some(connection) = connection else {
                    return Ok(None);
                };
                let reference = &connection.spec.integration_ref;
                let integration = if may_use(&connection, namespace) {
                    let namespace = reference.namespace(namespace);
                    self.cluster.integration(namespace, &reference.name).await?
                } else {
                    None
                };
                Ok(Some(Opening {
                    integration,
                    connection: Some(connection),
                }))
            }
        }
    }

    fn ready<'a>(
        &self,
        opening: &'a Opening,
        target: Target,
    ) -> Result<(&'a ZoomIntegration, Prepared), PageOutcome> {
        let integration = opening.integration.as_ref().ok_or(PageOutcome::NotReady)?;
        let prepared = prepared(&self.base, integration, target)?;
        Ok((integration, prepared))
    }

    fn refused(&self, visit: &Visit, outcome: PageOutcome) -> Answer {
        let frame = self.frame(visit);
        let texts = frame.texts();
        let message = match outcome {
            PageOutcome::CrossSite => &texts.cross_site,
            PageOutcome::NotReady => &texts.not_ready,
            PageOutcome::Full => &texts.full,
            _ => &texts.unknown,
        };
        Answer::ended(outcome, frame.message(message, &Next::Nothing))
    }
}

/// A new ticket; `None` without randomness.
fn ticket(
    visit: &Visit,
    link: &Link,
    integration: &ZoomIntegration,
    connection: Option<&ZoomConnection>,
    prepared: Prepared,
) -> Option<Ticket> {
    let name = integration.metadata.name.clone()?;
    let home = integration.metadata.namespace.clone()?;
    let namespace = match link.target {
        Target::Connection => link.namespace.clone(),
        Target::Integration => {
            let policy = integration.spec.self_service();
            let target = policy.and_then(SelfService::namespace);
            target.map_or_else(|| home.clone(), ToOwned::to_owned)
        }
    };
    let mut ticket = Ticket {
        state: authorize::random().ok()?.into(),
        verifier: authorize::random().ok()?.into(),
        start: link.to_string(),
        integration_namespace: (home != namespace).then_some(home),
        namespace,
        integration_uid: integration.metadata.uid.clone()?,
        connection: link.name.clone(),
        connection_uid: connection.and_then(|connection| connection.metadata.uid.clone()),
        client_id: prepared.client_id,
        redirect_url: prepared.redirect_url,
        begun: visit.now,
        authorized: None,
        expires: ticket::expiry(visit.now),
        language: visit.language(None),
        integration: name,
    };
    if link.target == Target::Integration {
        ticket.connection = ticket.transaction().connection_name(&ticket.integration);
    }
    Some(ticket)
}

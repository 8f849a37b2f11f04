//! Handles a request: method, rate, page, headers. Everything that the pages share.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use contract::Language;
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use runtime::{
    admin::Readiness,
    audit::{self, Action, Record},
};
use tokio::time;
use url::Url;

use super::{
    answer::Answer,
    base::Base,
    client,
    cluster::{Cluster, Unavailable},
    headers::Guard,
    keys::{Keys, Live},
    limits::Limiter,
    metrics::Metrics,
    outcome::PageOutcome,
    pages::{self, Frame, Next},
    query::Query,
    route::Route,
    ticket::{Carried, Ticket},
};
use contract::{
    consent::{Link, Target, Transaction},
    domain_validation,
    receiver::ports::HEALTH,
};

/// What all pages need.
pub struct Site {
    /// Public address.
    pub base: Base,
    /// Zoom's authorization endpoint.
    pub endpoint: Url,
    /// Whether the Pod is ready.
    pub readiness: Readiness,
    /// Kubernetes.
    pub cluster: Arc<dyn Cluster>,
    /// The keys of the cookies.
    pub keys: Live,
    /// Limits the rate of requests.
    pub limiter: Limiter,
    /// Proxies in front whose `X-Forwarded-For` is trusted.
    pub trusted_proxy_hops: u8,
    /// The content of Zoom's domain validation file, which Zoom reads at the host's root, whatever the base.
    pub domain_validation: Option<String>,
    /// The headers of all answers.
    pub guard: Guard,
    /// Counts requests and steps.
    pub metrics: Metrics,
    /// Time limit for a request, from its head to the answer.
    pub deadline: Duration,
    /// Maximum size of a body in bytes.
    pub max_body: usize,
}

/// A request as the pages see it.
pub struct Visit {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its parameters.
    pub query: Query,
    /// The cookies that may be ours.
    pub carried: Carried,
    /// When it arrived.
    pub now: Timestamp,
    accepted: Language,
}

/// The subject of a consent's step.
pub struct Step<'a> {
    /// The kind of the resource.
    pub kind: audit::Kind,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The consent, once it has started.
    pub transaction: Option<&'a Transaction>,
}

/// The router of the public port.
pub fn router(site: Arc<Site>) -> Router {
    Router::new().fallback(answer).with_state(site)
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if path == HEALTH && is_read(&head.method) {
        return site.health();
    }
    let route = if path == domain_validation::PATH && site.domain_validation.is_some() {
        Route::DomainValidation
    } else {
        site.base.strip(path).map_or(Route::Unknown, Route::of)
    };
    let label = route.label();
    let visit = Visit::new(head.headers, head.uri.query());
    let taken = time::timeout(site.deadline, async {
        // Our forms have no fields; a body is read only so that the connection can be reused.
        if Limited::new(body, site.max_body).collect().await.is_err() {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(site.serve(&head.method, route, &visit).await)
    });
    let late = || Err(StatusCode::SERVICE_UNAVAILABLE);
    let (answer, broken) = match taken.await.unwrap_or_else(|_| late()) {
        Ok(answer) => (answer, false),
        Err(status) => (site.broken(status, label, &visit), true),
    };
    if let Some(outcome) = answer.outcome {
        site.metrics.stepped(outcome);
    }
    site.metrics.answered(label, answer.status);
    let mut response = answer.into_response();
    site.guard.apply(response.headers_mut());
    if broken {
        // Do not wait for the rest of the body.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

// === impl Step ===

impl<'a> Step<'a> {
    /// A step by means of a link.
    #[must_use]
    pub fn of_link(link: &'a Link) -> Self {
        let kind = match link.target {
            Target::Connection => audit::Kind::Connection,
            Target::Integration => audit::Kind::Integration,
        };
        Self {
            kind,
            namespace: &link.namespace,
            name: &link.name,
            transaction: None,
        }
    }

    /// A step of a consent that has started.
    #[must_use]
    pub fn of_ticket(ticket: &'a Ticket, transaction: &'a Transaction) -> Self {
        Self {
            kind: audit::Kind::Connection,
            namespace: &ticket.namespace,
            name: &ticket.connection,
            transaction: Some(transaction),
        }
    }
}

// === impl Visit ===

impl Visit {
    fn new(headers: HeaderMap, query: Option<&str>) -> Self {
        let accepted = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .map_or(Language::English, Language::accepted);
        Self {
            query: Query::parse(query),
            carried: Carried::of(&headers),
            now: Timestamp::now(),
            accepted,
            headers,
        }
    }

    /// The language: the requested one, else that of the consent, else the browser's.
    #[must_use]
    pub fn language(&self, begun: Option<Language>) -> Language {
        self.query.language().or(begun).unwrap_or(self.accepted)
    }
}

// === impl Site ===

impl Site {
    async fn serve(&self, method: &Method, route: Route, visit: &Visit) -> Answer {
        let reads = is_read(method);
        let begins = *method == Method::POST && matches!(route, Route::Start(_));
        if !reads && !begins {
            return self.method_not_allowed(&route, visit);
        }
        match &route {
            Route::Style => return Answer::asset("text/css; charset=utf-8", pages::STYLE),
            Route::Robots => {
                return Answer::asset("text/plain; charset=utf-8", "User-agent: *\nDisallow: /\n");
            }
            Route::Icon => return Answer::asset("image/svg+xml", pages::ICON),
            Route::DomainValidation => {
                let file = self.domain_validation.as_deref().unwrap_or_default();
                return Answer::page(StatusCode::OK, file.to_owned());
            }
            route if !self.admits(route, visit) => return self.rate_limited(visit),
            _ => {}
        }
        match route {
            Route::Start(link) if begins => self.begin(visit, &link).await,
            Route::Start(link) => self.start(visit, &link).await,
            Route::Callback {
                namespace,
                integration,
            } => self.callback(visit, &namespace, &integration).await,
            Route::Consent(transaction) => self.result(visit, &transaction).await,
            Route::Index => {
                let frame = self.frame(visit);
                let page = frame.message(&frame.texts().index, &Next::Nothing);
                Answer::page(StatusCode::OK, page)
            }
            Route::Unknown
            | Route::Style
            | Route::Robots
            | Route::Icon
            | Route::DomainValidation => {
                let frame = self.frame(visit);
                let page = frame.message(&frame.texts().unknown, &Next::Nothing);
                Answer::page(StatusCode::NOT_FOUND, page)
            }
        }
    }

    /// What a load balancer is told, which asks at the host's root, whatever the base, and often: neither
    /// limited nor counted.
    fn health(&self) -> Response {
        let is_ready = self.readiness.closed().is_empty();
        let status = if is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let mut response = status.into_response();
        self.guard.apply(response.headers_mut());
        response
    }

    /// Whether a request may be served. Requests for pages that do not exist, or from elsewhere, do not use
    /// up the limit of a person who comes back from Zoom.
    fn admits(&self, route: &Route, visit: &Visit) -> bool {
        let client = client::counted(&visit.headers, self.trusted_proxy_hops);
        if client.is_some_and(|client| !self.limiter.admits_client(client)) {
            return false;
        }
        match route {
            Route::Unknown => self.limiter.admits_stranger(),
            // Counted per consent, see `callback`.
            Route::Callback { .. } if self.is_expected(visit) => true,
            _ => self.limiter.admits(),
        }
    }

    /// Whether the browser has the ticket of the consent that it comes back from.
    fn is_expected(&self, visit: &Visit) -> bool {
        let (Ok(Some(state)), Ok(keys)) = (visit.query.one("state"), self.keys()) else {
            return false;
        };
        let transaction = Transaction::of(state);
        let ticket = visit.carried.ticket(&keys, &transaction, visit.now);
        ticket.is_some()
    }

    /// The frame of a page in the visitor's language.
    #[must_use]
    pub fn frame(&self, visit: &Visit) -> Frame<'_> {
        let mut frame = Frame::new(&self.base, visit.language(None));
        if visit.query.one("code") != Ok(None) {
            // A link to the other language would contain the code.
            frame.same = None;
        }
        frame
    }

    /// The keys.
    ///
    /// # Errors
    /// If there is no key yet.
    pub fn keys(&self) -> Result<Arc<Keys>, Unavailable> {
        self.keys.borrow().clone().ok_or(Unavailable)
    }

    /// The page for too many requests.
    #[must_use]
    pub fn rate_limited(&self, visit: &Visit) -> Answer {
        let frame = self.frame(visit);
        let page = frame.message(&frame.texts().rate_limited, &Next::Reload);
        Answer::ended(PageOutcome::RateLimited, page)
    }

    /// The page if Kubernetes does not answer.
    #[must_use]
    pub fn unavailable(&self, visit: &Visit) -> Answer {
        let frame = self.frame(visit);
        let page = frame.message(&frame.texts().unavailable, &Next::Reload);
        Answer::ended(PageOutcome::Unavailable, page)
    }

    /// Records a step in the audit trail: only names and digests.
    pub fn note(&self, visit: &Visit, step: Action, about: &Step<'_>, outcome: PageOutcome) {
        let record = Record::done(step, about.kind, about.namespace, about.name);
        let record = match outcome {
            PageOutcome::Begun | PageOutcome::HandedOver => record.because(outcome.label()),
            PageOutcome::Unavailable => record.but(audit::Outcome::Failed, outcome.label()),
            _ => record.but(audit::Outcome::Refused, outcome.label()),
        };
        let record = match about.transaction {
            Some(transaction) => record.item(transaction.as_str()),
            None => record,
        };
        let client = client::of(&visit.headers, self.trusted_proxy_hops);
        record.by(client).write();
    }

    fn broken(&self, status: StatusCode, route: &str, visit: &Visit) -> Answer {
        match (status, route) {
            (StatusCode::SERVICE_UNAVAILABLE, "callback") => {
                return self.unavailable_code(visit, None);
            }
            (StatusCode::SERVICE_UNAVAILABLE, _) => return self.unavailable(visit),
            _ => {}
        }
        let frame = self.frame(visit);
        Answer::page(
            status,
            frame.message(&frame.texts().malformed, &Next::Nothing),
        )
    }

    fn method_not_allowed(&self, route: &Route, visit: &Visit) -> Answer {
        let allow = match route {
            Route::Start(_) => "GET, HEAD, POST",
            _ => "GET, HEAD",
        };
        let frame = self.frame(visit);
        let page = frame.message(&frame.texts().method, &Next::Nothing);
        Answer::page(StatusCode::METHOD_NOT_ALLOWED, page).with(header::ALLOW, allow.to_owned())
    }
}

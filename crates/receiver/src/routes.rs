//! The receiver's route: one path, and for every request one of the [`RequestOutcome`]s.
//!
//! ```text
//! GET with a question of ours -> its answer (see reach::proof)
//! GET of the file of Zoom's domain validation -> the file
//! GET of the health path -> whether the Pod is ready
//! head -> secret? -> body (bounded) -> signature -> authentication? -> URL validation? -> answered, whatever else is
//!                                                \-> declared? suspended without buffer? -> intake -> its 2xx
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use contract::{
    facts::{REMOVED, SecretRole},
    receiver::ports::HEALTH,
};
use jiff::Timestamp;
use memchr::memmem;
use runtime::{admin::Readiness, http::Connection};
use tokio::time;
use tracing::{debug, warn};

use super::{
    authentication::{Authentication, AuthenticationResult},
    body::{self, Budget, Raw, ReadError},
    challenge, domain_validation,
    envelope::Envelope,
    event::Event,
    filter::Filter,
    intake::Intake,
    metrics::Metrics,
    outcome::{Proof, Reply, RequestOutcome},
    recorder::{Recorder, Urgency},
    secrets::{Secrets, SigningSecrets},
    signature::{self, Presented, Verification},
};
use contract::proof;

/// Wrong signatures that a connection survives: another connection costs several times a refusal, and a proxy may
/// have mixed what is forged with Zoom's events.
const MOST_REFUSALS: usize = 8;

/// What the route needs.
#[derive(Debug)]
pub struct Webhook {
    /// The only path that takes webhooks.
    pub path: String,
    /// Time for a request from its head to the answer. Zoom waits three seconds.
    pub deadline: Duration,
    /// Most bytes of one body.
    pub max_body: usize,
    /// Longest pause within a body on a connection that has not proven itself.
    pub body_idle: Duration,
    /// Most bytes of all bodies in memory.
    pub budget: Budget,
    /// Extra authentication beside the signature.
    pub authentication: Option<Authentication>,
    /// The file of Zoom's domain validation.
    pub domain_validation: Option<domain_validation::Live>,
    /// Whether the Pod is ready.
    pub readiness: Readiness,
    /// The live secrets.
    pub secrets: Secrets,
    /// Largest difference between the signed time and ours.
    pub tolerance: Duration,
    /// Answer URL validations only, unless events can be buffered.
    pub suspended: bool,
    /// Which events go on.
    pub filter: Filter,
    /// Accepts the events.
    pub intake: Intake,
    /// Records the facts.
    pub recorder: Recorder,
    /// The metrics.
    pub metrics: Metrics,
}

/// The router of the webhook port.
pub fn router(webhook: Arc<Webhook>) -> Router {
    Router::new().fallback(answer).with_state(webhook)
}

async fn answer(State(webhook): State<Arc<Webhook>>, request: Request) -> Response {
    let started = Instant::now();
    let connection = request.extensions().get::<Connection>().cloned();
    let is_signed = AtomicBool::new(false);
    let judged = time::timeout(webhook.deadline, webhook.judge(request, &is_signed)).await;
    let reply = judged.unwrap_or_else(|_| RequestOutcome::Deadline.into());
    let outcome = reply.outcome;
    webhook.note(outcome, is_signed.into_inner(), connection.as_ref());
    webhook.metrics.answered(outcome, started.elapsed());
    debug!(outcome = outcome.label(), "answered");
    let mut response = reply.into_response();
    let is_kept = outcome.keeps_connection()
        || outcome.is_wrong_signature()
            && connection.is_some_and(|connection| connection.refuse() <= MOST_REFUSALS);
    if !is_kept {
        // Also because the rest of the body is not read.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

// === impl Webhook ===

impl Webhook {
    /// Records whether an event of Zoom's was taken. The signature of a body that there is no memory for is not known:
    /// a connection that has proven itself is taken for Zoom's.
    fn note(&self, outcome: RequestOutcome, is_signed: bool, connection: Option<&Connection>) {
        let is_busy = outcome == RequestOutcome::Busy;
        let is_zooms = is_signed || is_busy && connection.is_some_and(Connection::is_proven);
        let trouble = outcome.own_trouble().filter(|_| is_zooms);
        if trouble.is_some() || outcome.is_taken() {
            self.recorder.took(trouble);
        }
    }

    /// Tells by `is_signed` that the signature is right.
    async fn judge(&self, request: Request, is_signed: &AtomicBool) -> Reply {
        let (head, body) = request.into_parts();
        if let Some(reply) = self.reached(&head) {
            body::discard(body);
            return reply;
        }
        if let Some(file) = self.file(&head) {
            body::discard(body);
            return Reply {
                file: Some(file),
                ..RequestOutcome::DomainValidated.into()
            };
        }
        if let Some(outcome) = self.health(&head) {
            body::discard(body);
            return outcome.into();
        }
        if head.method != Method::POST || head.uri.path() != self.path {
            body::discard(body);
            return RequestOutcome::NotFound.into();
        }
        if self.secrets.borrow().is_empty() {
            body::discard(body);
            return RequestOutcome::NoSecret.into();
        }
        let presented = match Presented::from_headers(&head.headers) {
            Ok(presented) => presented,
            Err(reason) => {
                // Check before the body takes memory that Zoom's events need.
                debug!(%reason, "unsigned request");
                if is_json(&head.headers) {
                    let now = Timestamp::now();
                    self.recorder
                        .record_health(Urgency::Soon, |health| health.unsigned(now));
                }
                body::discard(body);
                return RequestOutcome::Unsigned.into();
            }
        };
        let connection = head.extensions.get::<Connection>();
        let is_proven = connection.is_some_and(Connection::is_proven);
        let idle = (!is_proven).then_some(self.body_idle);
        let raw = match self.budget.read(body, self.max_body, idle).await {
            Ok(raw) => raw,
            Err(ReadError::TooLarge) => {
                // Its headers are those of Zoom; who sent it, only the whole body could tell.
                let now = Timestamp::now();
                self.recorder
                    .record_health(Urgency::Soon, |health| health.too_large(now));
                return RequestOutcome::TooLarge.into();
            }
            Err(ReadError::NoBudget) => return RequestOutcome::Busy.into(),
            // Perhaps a slow network: let Zoom retry.
            Err(ReadError::Slow) => return RequestOutcome::Deadline.into(),
            Err(ReadError::Incomplete) => return RequestOutcome::Incomplete.into(),
        };
        self.metrics.read(raw.bytes.len());
        self.judge_body(&head, &presented, raw, is_signed).await
    }

    /// The file of Zoom's domain validation, if that is asked for.
    fn file(&self, head: &Parts) -> Option<Bytes> {
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        let live = self.domain_validation.as_ref();
        let live = live.filter(|_| reads && head.uri.path() == contract::domain_validation::PATH);
        live.and_then(|live| live.borrow().as_ref().clone())
    }

    /// What a load balancer asks. Never a POST, so that the webhook's path may be the same.
    fn health(&self, head: &Parts) -> Option<RequestOutcome> {
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        (reads && head.uri.path() == HEALTH).then(|| {
            if self.readiness.closed().is_empty() {
                RequestOutcome::Healthy
            } else {
                RequestOutcome::Unready
            }
        })
    }

    /// Answers the reachability check of a caller who has the secret, whatever else is wrong. Everybody
    /// else gets 404.
    fn reached(&self, head: &Parts) -> Option<Reply> {
        let post = match head.method {
            Method::GET => proof::POST_ANSWERED,
            Method::POST if has_zoom_headers(&head.headers) => proof::POST_COMPLETE,
            Method::POST => proof::POST_INCOMPLETE,
            _ => return None,
        };
        if head.uri.path() != self.path {
            return None;
        }
        let mut questions = head.headers.get_all(proof::HEADER).iter();
        let question = questions.next()?.to_str().ok()?;
        if questions.next().is_some() {
            return None;
        }
        let secrets = Arc::clone(&self.secrets.borrow());
        let keys = secrets.iter().map(|(_, secret)| secret);
        let answer = proof::answer(keys, question, Timestamp::now())?;
        Some(Reply {
            proof: Some(Proof {
                answer: HeaderValue::from_str(&answer).ok()?,
                post,
            }),
            ..RequestOutcome::Reached.into()
        })
    }

    fn authenticated(&self, headers: &HeaderMap) -> AuthenticationResult {
        let authentication = self.authentication.as_ref();
        authentication.map_or(AuthenticationResult::Accepted, |it| it.judge(headers))
    }

    async fn judge_body(
        &self,
        head: &Parts,
        presented: &Presented<'_>,
        raw: Raw,
        is_signed: &AtomicBool,
    ) -> Reply {
        // The same secrets for the whole check, even if they change meanwhile.
        let secrets = Arc::clone(&self.secrets.borrow());
        let now = Timestamp::now();
        let verdict = signature::verify(&secrets, presented, &raw.bytes, now, self.tolerance);
        let (role, skew, is_timely) = match verdict {
            Verification::Verified { role, skew } => (role, skew, true),
            Verification::OutsideWindow { role, skew } => (role, skew, false),
            Verification::Unknown => {
                return self.rejected(&secrets, &raw, now).into();
            }
        };
        self.metrics.signed(skew);
        is_signed.store(true, Ordering::Relaxed);
        if let Some(connection) = head.extensions.get::<Connection>() {
            connection.prove();
        }
        let read = Envelope::parse(&raw.bytes)
            .inspect_err(|error| warn!(%error, "signed body cannot be parsed"))
            .ok();
        let envelope = read.as_ref();
        let name = envelope.and_then(Envelope::name);
        let is_challenge = name == Some(challenge::EVENT);
        // Judged after the signature: a signed request is Zoom's, and is neither refused for good nor unrecorded.
        let authentication = self.authenticated(&head.headers);
        let refusal = match authentication {
            AuthenticationResult::Accepted => None,
            AuthenticationResult::Missing | AuthenticationResult::Refused => {
                Some(RequestOutcome::Unauthenticated)
            }
            AuthenticationResult::NotSetUp => Some(RequestOutcome::NoSecret),
        };
        if !is_timely || refusal == Some(RequestOutcome::Unauthenticated) {
            let is_missing = authentication == AuthenticationResult::Missing;
            self.refused(envelope, is_timely, is_missing, now);
        }
        if let Some(refusal) = refusal {
            return refusal.into();
        }
        if is_timely {
            // An old replay proves nothing.
            self.metrics.verified(role);
            self.recorder.record(Urgency::Soon, |facts| {
                facts.verified(now, role);
                facts.health.get_or_insert_default().accepted();
                if let Some(name) = name.filter(|_| !is_challenge) {
                    facts.seen(name);
                }
            });
            if name == Some(REMOVED) {
                self.removed(envelope, now);
            }
        }
        if let Some(envelope) = envelope.filter(|_| is_challenge) {
            return self.validate(&secrets, role, envelope, is_timely.then_some(now));
        }
        if !is_timely {
            warn!(skew, "valid signature outside the time window");
            return RequestOutcome::OutsideWindow.into();
        }
        if let Some(name) = name.filter(|name| !self.filter.passes(name)) {
            self.recorder
                .record_health(Urgency::Soon, |health| health.undeclared(now, name));
            return RequestOutcome::Ignored.into();
        }
        if self.suspended && !self.intake.is_buffered() {
            return RequestOutcome::Suspended.into();
        }
        let zoom = (&head.headers).into();
        let event = Event::with_envelope(now, zoom, read, raw.bytes.clone());
        self.intake.take(event, raw).await.into()
    }

    /// Records a signature that matches no live secret. It is rejected for good, with two exceptions in
    /// which the secret may be at fault and 4xx would lose the event: a rotation is announced by a previous
    /// secret, and Zoom may already sign with a new one that is not mounted here yet; or a signature was right
    /// before. For how long wrong ones have come does not count: strangers can send them at any time, before
    /// Zoom signs with a new secret.
    fn rejected(&self, secrets: &SigningSecrets, raw: &Raw, now: Timestamp) -> RequestOutcome {
        // What is forged is not parsed unless it may say something of interest.
        let may_be_removal = memmem::find(&raw.bytes, REMOVED.as_bytes()).is_some();
        let envelope = may_be_removal.then(|| Envelope::parse(&raw.bytes).ok());
        let envelope = envelope.flatten();
        let removal = envelope.as_ref().and_then(removal);
        let was_right = self.recorder.was_verified();
        self.recorder.record(Urgency::Soon, |facts| {
            facts.rejected(now);
            let health = facts.health.get_or_insert_default();
            health.rejected(now, was_right);
            if let Some((user, account)) = removal {
                health.removed(now, user, account);
            }
        });
        if removal.is_some() {
            warn!("removal of the app with a wrong signature, not trusted");
        }
        if secrets.get(SecretRole::Previous).is_some() {
            RequestOutcome::RotationAnnounced
        } else if was_right {
            RequestOutcome::SignatureChanged
        } else {
            RequestOutcome::UnknownSignature
        }
    }

    /// Records that a request with a right signature is refused, for its time or for its authentication. A removal
    /// among them is not believed, and not lost either.
    fn refused(
        &self,
        envelope: Option<&Envelope>,
        is_timely: bool,
        is_missing: bool,
        now: Timestamp,
    ) {
        let removal = envelope.and_then(removal);
        self.recorder.record_health(Urgency::Soon, |health| {
            if is_timely {
                health.unauthenticated(now, is_missing);
            } else {
                health.outside_window(now);
            }
            if let Some((user, account)) = removal {
                health.removed(now, user, account);
            }
        });
    }

    /// Records that a user removed the app: the controller then erases the grant.
    fn removed(&self, envelope: Option<&Envelope>, now: Timestamp) {
        let user = envelope.and_then(|envelope| envelope.user_id.as_deref());
        let account = envelope.and_then(|envelope| envelope.account_id.as_deref());
        if let (Some(user), Some(account)) = (user, account) {
            self.recorder
                .record(Urgency::Now, |facts| facts.removed(now, user, account));
        } else {
            warn!("removal without a user");
        }
    }

    /// Answers outside the time window, too: with a wrong clock Zoom would otherwise
    /// disable the endpoint, and a replay of an old token learns nothing new.
    fn validate(
        &self,
        secrets: &SigningSecrets,
        role: SecretRole,
        envelope: &Envelope,
        evidence: Option<Timestamp>,
    ) -> Reply {
        let token = envelope.plain_token.as_deref();
        let answer = secrets
            .get(role)
            .and_then(|secret| challenge::answer(secret, token).ok());
        if answer.is_none() {
            warn!("URL validation with an invalid token");
            if let Some(now) = evidence {
                self.recorder
                    .record_health(Urgency::Soon, |health| health.validation_refused(now));
            }
            return RequestOutcome::ValidationRefused.into();
        }
        if let Some(now) = evidence {
            self.metrics.validated(now.as_second());
            self.recorder.record(Urgency::Now, |facts| {
                facts.validated(now, role);
                facts.health.get_or_insert_default().validated();
            });
        }
        Reply {
            answer,
            ..RequestOutcome::Validated.into()
        }
    }
}

/// The user and the account of a removal of the app.
fn removal(envelope: &Envelope) -> Option<(&str, &str)> {
    let is_removal = envelope.name() == Some(REMOVED);
    let user = envelope.user_id.as_deref().filter(|_| is_removal)?;
    Some((user, envelope.account_id.as_deref()?))
}

/// Whether the headers that Zoom signs with arrived.
fn has_zoom_headers(headers: &HeaderMap) -> bool {
    proof::ZOOM_HEADERS
        .iter()
        .all(|name| headers.contains_key(*name))
}

/// Whether the request says that its body is JSON, as Zoom does.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let kind = value.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case("application/json")
        })
}

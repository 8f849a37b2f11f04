//! What every request to Zoom passes: tracking id, counting, faults.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;

use crate::{
    canned,
    counters::Traffic,
    exchanges::{Exchange, ExchangeId, Spendable},
    faults::{Endpoint, Fault, GrantType},
    form,
    gate::Ticket,
    ident, oauth,
    server::Sim,
    wire::Line,
};

/// So much of a token request is read, in bytes.
const MAX_TOKEN_REQUEST: usize = 1 << 20;

/// Who calls what.
#[derive(Clone)]
struct Call {
    endpoint: Endpoint,
    client_id: Option<String>,
    grant_type: Option<GrantType>,
    spendable: Option<Spendable>,
}

/// Lets a request through to Zoom, or strikes it with a fault. Outcomes are counted before any waiting for the answer,
/// so that a client that gives up does not hide what Zoom did.
pub async fn front(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let (call, mut request) = Call::read(&sim, request).await;
    let mut exchange = call.exchange(&sim);
    let id = exchange.as_ref().map_or(ExchangeId(0), Exchange::id);
    request.extensions_mut().insert(id);
    let mut plan = sim
        .faults
        .plan(call.endpoint, call.client_id.as_deref(), call.grant_type);
    let canned = plan.fault.as_ref().and_then(|fault| {
        // Faults are tried out when they are put: there is no error left.
        canned::answer(fault, call.endpoint, Timestamp::now()).unwrap_or_default()
    });
    let tracking_id = ident::tracking_id();
    call.announce(plan.fault.as_ref(), &tracking_id);
    let reply = match &plan.fault {
        Some(fault) if !fault.is_processed() => {
            let reply = canned.unwrap_or_default();
            let outcome = format!("fault_{}", fault.kind());
            call.count(&sim, Some(outcome), &reply, matches!(fault, Fault::Refuse));
            reply
        }
        Some(Fault::HoldBefore) => {
            let gate = plan.gate.take();
            process_once_released(Arc::clone(&sim), call, gate, request, next).await
        }
        _ => {
            let reply = next.run(request).await;
            call.count(&sim, None, &reply, false);
            canned.unwrap_or(reply)
        }
    };
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
    }
    if plan.fault.as_ref().is_some_and(Fault::loses_answer) {
        // Before the client can notice.
        exchange = None;
    }
    let mut reply = match plan.fault {
        Some(Fault::Refuse | Fault::Drop) => {
            line.cut(Vec::new());
            reply
        }
        Some(Fault::Truncated) => {
            line.cut(half(reply, &tracking_id).await);
            StatusCode::BAD_GATEWAY.into_response()
        }
        _ => reply,
    };
    if let Some(ticket) = plan.gate {
        ticket.wait().await;
    }
    if let Ok(value) = HeaderValue::from_str(&tracking_id) {
        reply.headers_mut().insert("x-zm-trackingid", value);
    }
    if let Some(exchange) = exchange {
        let length = reply.body().size_hint().lower();
        line.expect_answer(exchange, usize::try_from(length).unwrap_or(usize::MAX));
    }
    reply
}

/// In a task of its own, which outlives a client that gives up.
async fn process_once_released(
    sim: Arc<Sim>,
    call: Call,
    gate: Option<Ticket>,
    request: Request,
    next: Next,
) -> Response {
    let processing = tokio::spawn(async move {
        if let Some(ticket) = gate {
            ticket.wait().await;
        }
        let reply = next.run(request).await;
        call.count(&sim, None, &reply, false);
        reply
    });
    processing
        .await
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// The Bearer token of an `Authorization` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

// === impl Call ===

impl Call {
    /// Reads a token request whole, since a part of what is called stands in its body.
    async fn read(sim: &Sim, request: Request) -> (Self, Request) {
        let path = request.uri().path();
        let endpoint = match path {
            "/oauth/token" => Endpoint::Token,
            _ if path.starts_with("/v2/") => Endpoint::Api,
            _ => Endpoint::Any,
        };
        if endpoint != Endpoint::Token {
            let bearer = bearer(request.headers())
                .and_then(|token| sim.apps.bearer(token, Timestamp::now()));
            let call = Self {
                endpoint,
                client_id: bearer.map(|bearer| bearer.client_id),
                grant_type: None,
                spendable: None,
            };
            return (call, request);
        }
        let (head, body) = request.into_parts();
        let body = to_bytes(body, MAX_TOKEN_REQUEST).await.unwrap_or_default();
        let parameters = form::parameters(&head.uri, &head.headers, &body);
        let get = |name| form::single(&parameters, name).ok().flatten();
        let grant_type = match get("grant_type") {
            Some("account_credentials") => Some(GrantType::AccountCredentials),
            Some("authorization_code") => Some(GrantType::AuthorizationCode),
            Some("refresh_token") => Some(GrantType::RefreshToken),
            _ => None,
        };
        let spendable = match grant_type {
            Some(GrantType::RefreshToken) => {
                get("refresh_token").map(|token| Spendable::RefreshToken(token.to_owned()))
            }
            Some(GrantType::AuthorizationCode) => {
                get("code").map(|code| Spendable::Code(code.to_owned()))
            }
            _ => None,
        };
        let call = Self {
            endpoint,
            client_id: form::basic(&head.headers).map(|(client_id, _)| client_id),
            grant_type,
            spendable,
        };
        (call, Request::from_parts(head, Body::from(body)))
    }

    fn exchange(&self, sim: &Arc<Sim>) -> Option<Exchange> {
        let client_id = self.client_id.clone()?;
        (self.endpoint == Endpoint::Token)
            .then(|| Exchange::begin(sim, client_id, self.spendable.clone()))
    }

    fn announce(&self, fault: Option<&Fault>, tracking_id: &str) {
        let endpoint = match self.endpoint {
            Endpoint::Token => "token",
            Endpoint::Api => "api",
            Endpoint::Any => "other",
        };
        let fault = fault.map(Fault::kind);
        tracing::info!(
            endpoint,
            client_id = self.client_id,
            fault,
            tracking_id,
            "request"
        );
    }

    fn count(&self, sim: &Sim, outcome: Option<String>, reply: &Response, refused: bool) {
        let Some(client_id) = &self.client_id else {
            return;
        };
        match self.endpoint {
            Endpoint::Token => {
                let processed = reply
                    .extensions()
                    .get::<oauth::Outcome>()
                    .map(|outcome| outcome.0.clone());
                let outcome = outcome
                    .or(processed)
                    .unwrap_or_else(|| "method_not_allowed".to_owned());
                let status = (!refused).then(|| reply.status().as_u16());
                sim.apps.traffic(client_id, |traffic| {
                    traffic.token_outcome(Timestamp::now(), self.grant_type, &outcome, status);
                });
                if let Some(spendable) = &self.spendable {
                    sim.apps.refresh_outcome(client_id, spendable, &outcome);
                }
            }
            Endpoint::Api => {
                let unauthorized = reply.status() == StatusCode::UNAUTHORIZED;
                sim.apps.traffic(client_id, |traffic: &mut Traffic| {
                    traffic.api_request(unauthorized);
                });
            }
            Endpoint::Any => {}
        }
    }
}

/// The whole head of an answer and half of the body it declares, as it goes over the wire.
async fn half(reply: Response, tracking_id: &str) -> Vec<u8> {
    let (head, body) = reply.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX)
        .await
        .unwrap_or_default();
    let declared = body.len().max(2);
    let kind = head
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("text/plain");
    let mut text = format!(
        "HTTP/1.1 {}\r\ncontent-type: {kind}\r\ncontent-length: {declared}\r\nx-zm-trackingid: {tracking_id}\r\n\r\n",
        head.status
    )
    .into_bytes();
    text.extend_from_slice(&body[..body.len() / 2]);
    text
}

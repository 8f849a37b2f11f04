//! What every request to Zoom passes: tracking id, counting, faults.

use std::sync::Arc;

use axum::{
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;

use crate::{
    canned,
    counters::Traffic,
    faults::{Endpoint, Fault},
    ident, oauth,
    server::Sim,
    wire::Line,
};

/// Who calls what.
struct Call {
    endpoint: Endpoint,
    client_id: Option<String>,
}

/// Lets a request through to Zoom, or strikes it with a fault. Outcomes are counted before any waiting, so that a
/// client that gives up does not hide what Zoom did.
pub async fn front(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let call = Call::of(&sim, &request);
    let client_id = call.client_id.as_deref();
    let known = client_id.filter(|_| call.endpoint == Endpoint::Token);
    let _in_flight = known.map(|client_id| sim.apps.token_request_begins(client_id));
    let plan = sim.faults.plan(call.endpoint, client_id);
    let canned = plan.fault.as_ref().and_then(|fault| {
        // Faults are tried out when they are put: there is no error left.
        canned::answer(fault, call.endpoint, Timestamp::now()).unwrap_or_default()
    });
    let struck = canned.is_some().then_some(plan.fault.as_ref()).flatten();
    let tracking_id = ident::tracking_id();
    call.announce(struck, &tracking_id);
    let outcome = struck.map(|fault| format!("fault_{}", fault.kind()));
    let reply = match canned {
        Some(reply) => reply,
        None => next.run(request).await,
    };
    call.count(&sim, outcome, &reply, matches!(struck, Some(Fault::Refuse)));
    if !plan.delay.is_zero() {
        tokio::time::sleep(plan.delay).await;
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
    reply
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
    fn of(sim: &Sim, request: &Request) -> Self {
        let path = request.uri().path();
        let endpoint = match path {
            "/oauth/token" => Endpoint::Token,
            _ if path.starts_with("/v2/") => Endpoint::Api,
            _ => Endpoint::Any,
        };
        let client_id = if endpoint == Endpoint::Token {
            oauth::basic(request.headers()).map(|(client_id, _)| client_id)
        } else {
            let bearer = bearer(request.headers())
                .and_then(|token| sim.apps.bearer(token, Timestamp::now()));
            bearer.map(|bearer| bearer.client_id)
        };
        Self {
            endpoint,
            client_id,
        }
    }

    fn announce(&self, struck: Option<&Fault>, tracking_id: &str) {
        let endpoint = match self.endpoint {
            Endpoint::Token => "token",
            Endpoint::Api => "api",
            Endpoint::Any => "other",
        };
        let fault = struck.map(Fault::kind);
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
                    .map(|outcome| outcome.0);
                let outcome =
                    outcome.unwrap_or_else(|| processed.unwrap_or("method_not_allowed").to_owned());
                let status = (!refused).then(|| reply.status().as_u16());
                sim.apps.traffic(client_id, |traffic| {
                    traffic.token_outcome(Timestamp::now(), &outcome, status);
                });
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

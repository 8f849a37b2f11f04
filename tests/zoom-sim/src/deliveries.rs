//! Delivery of events: signed, tried again by Zoom's rule, kept for inspection.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ident::request_id,
    server::Sim,
    webhooks::{Attempt, Message, Seal},
};

/// Deliveries kept for inspection.
const KEPT: usize = 1000;

/// What to deliver.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    url: String,
    /// Sent as compact JSON.
    event: Option<Value>,
    /// Sent as it is, in place of `event`.
    body: Option<String>,
    /// Epoch seconds; absent: now.
    timestamp: Option<i64>,
    /// In place of the right one.
    signature: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Option<String>>,
    #[serde(default = "yes")]
    retries: bool,
    /// From one attempt to the next.
    #[serde(default = "zoom_delays")]
    retry_delays_ms: Vec<u64>,
    /// Retries get a timestamp and signature of their own. What Zoom does is not documented; by default they repeat
    /// the first ones, which is the harder case for a receiver.
    #[serde(default)]
    fresh_signature_on_retry: bool,
}

/// A delivery so far.
#[derive(Clone, Serialize)]
pub struct Delivery {
    id: u64,
    request_id: String,
    attempts: Vec<Attempt>,
    done: bool,
    delivered: bool,
}

/// All deliveries.
#[derive(Default)]
pub struct Deliveries(Mutex<Store>);

#[derive(Default)]
struct Store {
    last_id: u64,
    kept: BTreeMap<u64, Delivery>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Delivered,
    Retried,
    Lost,
}

// === impl Order ===

impl Order {
    /// An event of Zoom's own making.
    pub fn new(
        url: String,
        event: Value,
        signature: Option<String>,
        retry_delays_ms: Option<Vec<u64>>,
    ) -> Self {
        Self {
            url,
            event: Some(event),
            body: None,
            timestamp: None,
            signature,
            headers: BTreeMap::new(),
            retries: true,
            retry_delays_ms: retry_delays_ms.unwrap_or_else(zoom_delays),
            fresh_signature_on_retry: false,
        }
    }
}

// === impl Deliveries ===

impl Deliveries {
    pub fn get(&self, id: u64) -> Option<Delivery> {
        self.lock().kept.get(&id).cloned()
    }

    fn open(&self, request_id: &str) -> u64 {
        let mut store = self.lock();
        store.last_id += 1;
        let id = store.last_id;
        let request_id = request_id.to_owned();
        store.kept.insert(
            id,
            Delivery {
                id,
                request_id,
                attempts: Vec::new(),
                done: false,
                delivered: false,
            },
        );
        if store.kept.len() > KEPT {
            store.kept.pop_first();
        }
        id
    }

    /// Notes an attempt; true if another one is due.
    fn note(&self, id: u64, attempt: Attempt, more_allowed: bool) -> bool {
        let mut store = self.lock();
        let Some(delivery) = store.kept.get_mut(&id) else {
            return false;
        };
        let verdict = judge(delivery.attempts.is_empty(), &attempt);
        delivery.attempts.push(attempt);
        delivery.delivered = verdict == Verdict::Delivered;
        delivery.done = verdict != Verdict::Retried || !more_allowed;
        !delivery.done
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the first attempt, leaves the others to a task, and tells the id.
pub async fn start(
    sim: &Arc<Sim>,
    client_id: String,
    secret: String,
    order: Order,
) -> Result<u64, String> {
    let way = sim.names.way(&order.url, sim.allow_http_endpoints)?;
    let body = match (order.body, order.event) {
        (Some(body), None) => body,
        (None, Some(event)) => event.to_string(),
        _ => return Err("give either event or body".to_owned()),
    };
    let message = Message {
        url: way.url,
        host: way.host,
        client_id,
        body,
        request_id: request_id(),
        headers: order.headers,
    };
    let seal = {
        let (given, body, own) = (order.timestamp, message.body.clone(), order.signature);
        move || {
            let mut seal = Seal::new(
                &secret,
                given.unwrap_or_else(|| Timestamp::now().as_second()),
                &body,
            );
            if let Some(signature) = &own {
                seal.signature.clone_from(signature);
            }
            seal
        }
    };
    let first = seal();
    let delays = if order.retries {
        order.retry_delays_ms
    } else {
        Vec::new()
    };
    let id = sim.deliveries.open(&message.request_id);
    let attempt = message.send(&sim.webhooks, &first).await;
    tracing::info!(id, status = attempt.status, error = ?attempt.error, "delivery");
    if sim.deliveries.note(id, attempt, !delays.is_empty()) {
        let sim = Arc::clone(sim);
        tokio::spawn(async move {
            let left = (0..delays.len()).rev();
            for (delay, left) in delays.into_iter().zip(left) {
                tokio::time::sleep(Duration::from_millis(delay)).await;
                let seal = if order.fresh_signature_on_retry {
                    seal()
                } else {
                    first.clone()
                };
                let attempt = message.send(&sim.webhooks, &seal).await;
                tracing::info!(id, status = attempt.status, error = ?attempt.error, "retry");
                if !sim.deliveries.note(id, attempt, left > 0) {
                    break;
                }
            }
        });
    }
    Ok(id)
}

/// Zoom's rule: 200 or 204 at first, any 2xx later; 5xx and some transport failures come again; all else is lost.
fn judge(first: bool, attempt: &Attempt) -> Verdict {
    match (attempt.status, attempt.error) {
        (Some(200 | 204), _) => Verdict::Delivered,
        (Some(200..300), _) if !first => Verdict::Delivered,
        (Some(500..), _) => Verdict::Retried,
        (None, Some(failure)) if failure.is_retried() => Verdict::Retried,
        _ => Verdict::Lost,
    }
}

fn yes() -> bool {
    true
}

/// After 5, 20 and 60 minutes.
fn zoom_delays() -> Vec<u64> {
    vec![300_000, 1_200_000, 3_600_000]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::Failure;

    fn attempt(status: Option<u16>, error: Option<Failure>) -> Attempt {
        Attempt {
            at: String::new(),
            status,
            error,
            body: None,
            content_type: None,
        }
    }

    #[test]
    fn judges_every_status_by_zooms_rule() {
        for status in 200..600 {
            let (first, later) = match status {
                200 | 204 => (Verdict::Delivered, Verdict::Delivered),
                201..300 => (Verdict::Lost, Verdict::Delivered),
                300..500 => (Verdict::Lost, Verdict::Lost),
                _ => (Verdict::Retried, Verdict::Retried),
            };
            assert_eq!(
                judge(true, &attempt(Some(status), None)),
                first,
                "{status} at first"
            );
            assert_eq!(
                judge(false, &attempt(Some(status), None)),
                later,
                "{status} later"
            );
        }
    }

    #[test]
    fn judges_transport_failures_by_zooms_list() {
        for failure in [
            Failure::ReadTimeout,
            Failure::Refused,
            Failure::Timeout,
            Failure::Remote,
        ] {
            assert_eq!(
                judge(true, &attempt(None, Some(failure))),
                Verdict::Retried,
                "{failure:?}"
            );
        }
        for failure in [Failure::Certificate, Failure::HostName, Failure::Tls] {
            assert_eq!(
                judge(true, &attempt(None, Some(failure))),
                Verdict::Lost,
                "{failure:?}"
            );
        }
    }

    #[test]
    fn retries_after_5_20_and_60_minutes() {
        assert_eq!(zoom_delays(), [5, 20, 60].map(|minutes| minutes * 60_000));
    }
}

//! `app_deauthorized`: the notice that a user no longer has the app. It goes to an address of its own, is signed like
//! every webhook, and has no `object`.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    deliveries::{self, Delivery, Order},
    grants::Grant,
    ident::hex,
    server::Sim,
};

/// What a test may change about the notice.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tweaks {
    /// In place of the right one.
    signature: Option<String>,
    retry_delays_ms: Option<Vec<u64>>,
}

/// Sends the notice and tells what became of the first attempt. None if the app has no address or no secret for it.
pub async fn announce(sim: &Arc<Sim>, grant: &Grant, tweaks: Tweaks) -> Option<Delivery> {
    let settings = sim.apps.settings(&grant.client_id)?;
    let (url, secret) = (
        settings.deauthorization_url?,
        settings.webhook_secret_token?,
    );
    let now = Timestamp::now();
    let event = json!({
        "event": "app_deauthorized",
        "event_ts": now.as_millisecond(),
        "payload": {
            "account_id": grant.person.account_id,
            "user_id": grant.person.id,
            "client_id": grant.client_id,
            "deauthorization_time": now.to_string(),
            // Of the days of the verification token; nobody can check it.
            "signature": hex(&rand::random::<[u8; 32]>()),
            "user_data_retention": null,
        },
    });
    let order = Order::new(url, event, tweaks.signature, tweaks.retry_delays_ms);
    match deliveries::start(sim, grant.client_id.clone(), secret, order).await {
        Ok(id) => sim.deliveries.get(id),
        Err(error) => {
            tracing::warn!(client_id = grant.client_id, error, "no app_deauthorized");
            None
        }
    }
}

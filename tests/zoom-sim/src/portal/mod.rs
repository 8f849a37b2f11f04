//! Zoom's portal for developers: a desk, on which one app is made by form, and the person who sits at it and does what a
//! step says, to the letter. What the portal does not have, or does not take, is refused: the person does not guess.

mod catalog;
mod fill;
mod form;
mod pages;
mod save;
mod step;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::form::{Form, Pair, Stage, Tab};
pub use self::step::{Report, Step};
use crate::{
    deliveries::{self, Delivery, Order},
    server::Sim,
    settings::{Kind, Settings},
    validation,
};

/// Zoom's words when an endpoint does not answer as it should.
const NOT_VALIDATED: &str = "URL validation failed. Try again later.";

/// All desks.
#[derive(Default)]
pub struct Desks(Mutex<BTreeMap<String, Desk>>);

/// How a desk is opened.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    account_id: String,
    /// The app is from before granular scopes.
    #[serde(default)]
    classic: bool,
}

/// A desk, with at most one app.
#[derive(Clone)]
struct Desk {
    account_id: String,
    classic: bool,
    form: Option<Form>,
}

/// What Zoom made of something that happened: nothing, when nobody subscribed to it.
#[derive(Serialize)]
pub struct Happened {
    pub deliveries: Vec<Delivery>,
}

// === impl Desks ===

impl Desks {
    fn get(&self, name: &str) -> Option<Desk> {
        self.lock().get(name).cloned()
    }

    fn put(&self, name: &str, desk: Desk) {
        self.lock().insert(name.to_owned(), desk);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Desk>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens an empty desk; an app that was made on it before is gone.
pub fn open(sim: &Sim, name: &str, opening: Opening) {
    if let Some(form) = sim.desks.get(name).and_then(|desk| desk.form) {
        for pair in [&form.development, &form.production] {
            sim.apps.remove(&pair.client_id);
        }
    }
    sim.apps.register_account(&opening.account_id);
    let desk = Desk {
        account_id: opening.account_id,
        classic: opening.classic,
        form: None,
    };
    sim.desks.put(name, desk);
}

/// The form, without secrets; `None` without such a desk.
pub fn view(sim: &Sim, name: &str) -> Option<Value> {
    let desk = sim.desks.get(name)?;
    let app = desk.form.as_ref().map(Form::view);
    Some(json!({"account_id": desk.account_id, "app": app}))
}

/// Does what a step says, all of it or nothing; `None` without such a desk.
pub async fn perform(sim: &Sim, name: &str, step: &Step) -> Option<Result<Report, String>> {
    let desk = sim.desks.get(name)?;
    let done = match step.perform(&desk) {
        Ok(done) => done,
        Err(why) => return Some(Err(why)),
    };
    let mut form = done.form;
    if let (Some(url), Some(form)) = (&done.endpoint, &mut form) {
        for subscription in &mut form.subscriptions {
            subscription.endpoint = None;
        }
        if !is_validated(sim, form, url).await {
            return Some(Err(format!("page {}: {NOT_VALIDATED}", step.place())));
        }
        for subscription in &mut form.subscriptions {
            subscription.endpoint = Some(url.clone());
        }
    }
    if let Some(form) = form.as_ref().filter(|_| done.submits) {
        for url in &form.verification_files {
            if let Err(why) = validation::read_file(sim, url, &form.verification_code).await {
                let why = format!("Domain validation failed: {url}: {why}");
                return Some(Err(format!("page {}: {why}", step.place())));
            }
        }
    }
    if let Some(form) = &form {
        publish(sim, &desk.account_id, form);
    }
    sim.desks.put(name, Desk { form, ..desk });
    Some(Ok(done.report))
}

/// Something happens in the account: it is delivered to whoever subscribed to it and has a validated endpoint. `None`
/// without such a desk.
pub async fn happen(sim: &Arc<Sim>, name: &str, event: &Value) -> Option<Result<Happened, String>> {
    let form = sim.desks.get(name)?.form;
    let mut deliveries = Vec::new();
    if let Some(form) = &form {
        let wanted = |events: &[String]| events.iter().any(|known| event["event"] == **known);
        let is_bots = event["event"]
            .as_str()
            .is_some_and(|name| !name.contains('.'));
        let bot = form.bot_endpoint.clone().filter(|_| is_bots);
        let endpoints = form
            .subscriptions
            .iter()
            .filter(|subscription| wanted(&subscription.events))
            .filter_map(|subscription| subscription.endpoint.clone())
            .chain(bot);
        for url in endpoints {
            let client_id = form.pair().client_id.clone();
            let order = Order::new(url, event.clone(), None, None);
            let secret = form.secret_token.clone();
            match deliveries::start(sim, client_id, secret, order).await {
                Ok(id) => deliveries.extend(sim.deliveries.get(id)),
                Err(why) => return Some(Err(why)),
            }
        }
    }
    Some(Ok(Happened { deliveries }))
}

async fn is_validated(sim: &Sim, form: &Form, url: &str) -> bool {
    let Ok(way) = sim.names.way(url, false) else {
        return false;
    };
    let client_id = form.pair().client_id.clone();
    validation::validate(sim, client_id, &form.secret_token, way)
        .await
        .is_ok()
}

/// Makes Zoom's other sides know the app as it stands in the form.
fn publish(sim: &Sim, account_id: &str, form: &Form) {
    let pairs: &[(Tab, &Pair)] = match form.kind {
        Kind::General => &[
            (Tab::Development, &form.development),
            (Tab::Production, &form.production),
        ],
        Kind::ServerToServer => &[(form.tab, form.pair())],
        // Its endpoint and its secret token are all that Zoom has of it.
        Kind::WebhookOnly => &[],
    };
    for (tab, pair) in pairs {
        let settings = settings(account_id, form, *tab, pair);
        if !sim.apps.adjust(&pair.client_id, settings.clone()) {
            sim.apps.put(&pair.client_id, settings);
        }
    }
}

fn settings(account_id: &str, form: &Form, tab: Tab, pair: &Pair) -> Settings {
    let urls = form.redirect_url.iter().chain(&form.allow_list);
    Settings {
        scopes: form
            .scopes
            .iter()
            .map(|ticked| ticked.scope.clone())
            .collect(),
        // A General app needs no activation.
        active: form.kind == Kind::General || form.stage == Stage::Activated,
        webhook_secret_token: Some(form.secret_token.clone()),
        management: form.management,
        redirect_urls: urls.cloned().collect(),
        strict_mode: form.strict_mode,
        deauthorization_url: form.deauthorization_url.clone(),
        display_name: Some(form.name.clone()),
        chatbot: form.bot_endpoint.is_some(),
        own_account_only: tab == Tab::Development || form.stage != Stage::Submitted,
        ..Settings::new(form.kind, &pair.client_secret, account_id)
    }
}

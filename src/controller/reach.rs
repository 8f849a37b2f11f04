//! Whether webhook URLs lead to their receivers. Checks run beside the passes, a few at a time, so that no
//! pass waits for a tenant's DNS or firewall. When a check ends, it requests a pass. Findings are kept in
//! memory: after a restart, URLs are checked again.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::sync::Semaphore;
use url::Url;

use super::{key::Key, queue::Requeue, rollouts::Name, schedule};
use crate::{
    api::{reason::Reason, v1alpha1::ZoomIntegrationSpec},
    reach::{self, Finding, Options},
};
use runtime::outgoing::{
    guard::{Guard, Lookup},
    policy::Policy,
};

/// How many checks run at the same time: most of the time is spent waiting.
const AT_ONCE: usize = 8;

/// Somebody is about to press Validate at first, but not later.
const FIRST_WAIT: Duration = Duration::from_mins(1);
const LAST_WAIT: Duration = Duration::from_mins(15);

/// A change is checked at once, but an object that is rewritten again and again must not make us connect to
/// many hosts.
const BETWEEN_CHANGES: Duration = Duration::from_secs(10);

/// Checks URLs and remembers the findings.
pub struct Reachability {
    /// `None`: checks are off.
    options: Option<Options>,
    slots: Arc<Semaphore>,
    known: Arc<Mutex<HashMap<Name, Tries>>>,
    requeue: Requeue,
}

/// A URL to check.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The URL that a person pastes into Zoom's form.
    pub url: Url,
    /// The webhook secret token.
    pub key: SecretSlice<u8>,
    /// UID and resourceVersion of the Secret that holds the token.
    pub version: String,
    /// Whether there is a receiver that can answer.
    pub ready: bool,
}

/// What is known about a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReachState {
    /// Whether it is checked at all.
    pub tried: bool,
    /// Whether there is a receiver that can answer.
    pub ready: bool,
    /// What the last check found.
    pub finding: Option<Finding>,
    /// When to check again.
    pub again: Option<Timestamp>,
}

/// The checks of an integration.
#[derive(Clone, Debug)]
struct Tries {
    url: Url,
    version: String,
    finding: Option<Finding>,
    /// How many times in a row the finding was repeated.
    repeated: u32,
    /// When the last check began.
    started: Option<Timestamp>,
    /// The earliest time for the next check.
    next: Timestamp,
    /// Whether a check is running. It may still be for an earlier URL or secret.
    running: bool,
    /// Whether the entry exists only because a check is still running.
    forgotten: bool,
}

/// The URL to check for an integration whose endpoint Zoom last `validated`. There is none while Zoom's own
/// validation proves the endpoint, while the integration is suspended, or without a URL or key.
#[must_use]
pub fn wanted(
    spec: &ZoomIntegrationSpec,
    key: Option<&SecretString>,
    version: &str,
    validated: Option<Timestamp>,
    ready: bool,
    now: Timestamp,
) -> Option<Wanted> {
    let webhook = spec.webhook.as_ref().filter(|_| !spec.suspend)?;
    if is_proven(validated, now) {
        return None;
    }
    Some(Wanted {
        url: webhook.url()?.parse().ok()?,
        key: key?.expose_secret().as_bytes().to_vec().into(),
        version: version.to_owned(),
        ready,
    })
}

/// Whether a validation still proves the endpoint.
#[must_use]
pub fn is_proven(validated: Option<Timestamp>, now: Timestamp) -> bool {
    validated.is_some_and(|at| now < schedule::later(at, zoom::URL_VALIDATION_PERIOD))
}

/// The API server's address as Pods find it. No webhook URL may lead there.
fn api_server() -> Option<IpAddr> {
    std::env::var("KUBERNETES_SERVICE_HOST").ok()?.parse().ok()
}

// === impl Reachability ===

impl Reachability {
    /// Creates the checks. If URLs are `tried`, each finding requests a pass.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(tried: bool, requeue: Requeue) -> Result<Self, rustls::Error> {
        let policy = Policy::cluster().without(api_server());
        let options = if tried {
            let guard = Guard::new(policy, Lookup::default());
            Some(Options::public()?.with_guard(guard))
        } else {
            None
        };
        Ok(Self {
            options,
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            known: Arc::default(),
            requeue,
        })
    }

    /// Whether URLs are checked.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.options.is_some()
    }

    /// What is known about the URL. Starts a check if one is due.
    pub fn look(&self, name: &Name, wanted: Option<Wanted>, now: Timestamp) -> ReachState {
        let (Some(options), Some(wanted)) = (&self.options, wanted) else {
            self.forget(name);
            return ReachState::default();
        };
        let (seen, due) = {
            let mut known = lock(&self.known);
            let known = known
                .entry(name.clone())
                .or_insert_with(|| Tries::new(&wanted, now));
            known.renew(&wanted, now);
            if !wanted.ready {
                known.doubt();
            }
            let due = known.begin(wanted.ready, now);
            (known.seen(wanted.ready), due)
        };
        if due {
            self.begin(name.clone(), wanted, options.clone());
        }
        seen
    }

    /// Forgets an integration that is no longer checked, once no check of it is running.
    pub fn forget(&self, name: &Name) {
        let mut known = lock(&self.known);
        match known.get_mut(name) {
            Some(known) if known.running => known.forget(),
            _ => drop(known.remove(name)),
        }
    }

    fn begin(&self, name: Name, wanted: Wanted, options: Options) {
        let (slots, known) = (Arc::clone(&self.slots), Arc::clone(&self.known));
        let requeue = self.requeue.clone();
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _slot = slots.acquire_owned().await;
            let finding = reach::check(&wanted.url, &wanted.key, &options).await;
            let (namespace, integration) = &name;
            tracing::debug!(namespace, integration, cause = ?finding.cause, "tried a webhook URL");
            end(&mut lock(&known), &name, &wanted, finding);
            requeue.now(Key::integration(namespace, integration));
        });
    }
}

/// Records that a check has ended; the next one of this integration may start.
fn end(known: &mut HashMap<Name, Tries>, name: &Name, wanted: &Wanted, finding: Finding) {
    let Some(tried) = known.get_mut(name) else {
        return;
    };
    tried.end(wanted, finding, Timestamp::now());
    if tried.forgotten {
        known.remove(name);
    }
}

// === impl Tries ===

impl Tries {
    fn new(wanted: &Wanted, next: Timestamp) -> Self {
        Self {
            url: wanted.url.clone(),
            version: wanted.version.clone(),
            finding: None,
            repeated: 0,
            started: None,
            next,
            running: false,
            forgotten: false,
        }
    }

    fn is_of(&self, wanted: &Wanted) -> bool {
        self.url == wanted.url && self.version == wanted.version
    }

    /// Another URL or secret discards what is known. A running check continues.
    fn renew(&mut self, wanted: &Wanted, now: Timestamp) {
        self.forgotten = false;
        if !self.is_of(wanted) {
            let (started, running) = (self.started, self.running);
            *self = Self::new(wanted, soon(started, now));
            self.started = started;
            self.running = running;
        }
    }

    /// Discards what is known while a check is still running.
    fn forget(&mut self) {
        self.forgotten = true;
        self.finding = None;
        self.repeated = 0;
    }

    /// A receiver that was reachable does not answer now: check again as soon as it is back.
    fn doubt(&mut self) {
        let is_reachable = |finding: &Finding| finding.is_reachable();
        if self.finding.as_ref().is_some_and(is_reachable) {
            self.finding = None;
            self.repeated = 0;
            self.next = soon(self.started, self.next).min(self.next);
        }
    }

    /// Whether a check starts now.
    fn begin(&mut self, ready: bool, now: Timestamp) -> bool {
        if !ready || self.running || now < self.next {
            return false;
        }
        self.started = Some(now);
        self.running = true;
        true
    }

    /// Records the end of a check. A repeated finding makes the checks less frequent.
    fn end(&mut self, wanted: &Wanted, finding: Finding, now: Timestamp) {
        self.running = false;
        if !self.is_of(wanted) {
            return;
        }
        // The address is not compared: a name may have several.
        let before = self
            .finding
            .as_ref()
            .map(|before| Reason::from(before.cause));
        self.repeated = if before == Some(finding.cause.into()) {
            self.repeated.saturating_add(1)
        } else {
            0
        };
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.repeated.min(16)));
        self.next = schedule::later(now, wait.min(LAST_WAIT));
        self.finding = Some(finding);
    }

    fn seen(&self, ready: bool) -> ReachState {
        ReachState {
            tried: true,
            ready,
            finding: self.finding.clone(),
            again: (ready && !self.running).then_some(self.next),
        }
    }
}

/// The earliest next check after one that began at `started`; `otherwise` if there was none.
fn soon(started: Option<Timestamp>, otherwise: Timestamp) -> Timestamp {
    started.map_or(otherwise, |started| {
        schedule::later(started, BETWEEN_CHANGES)
    })
}

fn lock(known: &Mutex<HashMap<Name, Tries>>) -> MutexGuard<'_, HashMap<Name, Tries>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

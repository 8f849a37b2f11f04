//! Whether webhook URLs lead to their receivers. They are tried beside the passes, so that no pass waits for
//! somebody's DNS or firewall, a few at a time; a pass is asked for when a try has ended. What was found is
//! kept in memory: after a restart it is tried again.

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

/// Tries at the same time: they mostly wait.
const AT_ONCE: usize = 8;

/// Somebody is about to press Validate, and soon is not.
const FIRST_WAIT: Duration = Duration::from_mins(1);
const LAST_WAIT: Duration = Duration::from_mins(15);

/// What was changed is tried at once, but an object that somebody rewrites again and again must not make us
/// knock at many doors.
const BETWEEN_CHANGES: Duration = Duration::from_secs(10);

/// Tries URLs, and remembers what came of it.
pub struct Reachability {
    /// `None`: nothing is tried.
    options: Option<Options>,
    slots: Arc<Semaphore>,
    known: Arc<Mutex<HashMap<Name, Tries>>>,
    requeue: Requeue,
}

/// What is to be tried.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The URL that a person pastes into Zoom's form.
    pub url: Url,
    /// The webhook secret token.
    pub key: SecretSlice<u8>,
    /// UID and resourceVersion of the Secret that it is from.
    pub version: String,
    /// Whether there is a receiver to answer.
    pub ready: bool,
}

/// What is known of a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReachState {
    /// Whether it is tried at all.
    pub tried: bool,
    /// Whether there is a receiver to answer.
    pub ready: bool,
    /// What the last try found.
    pub finding: Option<Finding>,
    /// When to try again.
    pub again: Option<Timestamp>,
}

/// An integration's tries.
#[derive(Clone, Debug)]
struct Tries {
    url: Url,
    version: String,
    finding: Option<Finding>,
    /// How often the same was found in a row.
    repeated: u32,
    /// When the last try began.
    begun: Option<Timestamp>,
    /// No try begins before.
    next: Timestamp,
    /// Whether a try is under way, perhaps still of what was wanted before.
    running: bool,
    /// Whether it is kept only for the try that is under way.
    forgotten: bool,
}

/// What to try for an integration whose endpoint Zoom `validated` last: nothing while Zoom itself proves that
/// it gets through, while the URL is not given out, or without the key.
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

/// Whether a validation speaks for the endpoint still.
#[must_use]
pub fn is_proven(validated: Option<Timestamp>, now: Timestamp) -> bool {
    validated.is_some_and(|at| now < schedule::later(at, zoom::URL_VALIDATION_PERIOD))
}

/// The API server as Pods find it. Nobody's way in.
fn api_server() -> Option<IpAddr> {
    std::env::var("KUBERNETES_SERVICE_HOST").ok()?.parse().ok()
}

// === impl Reachability ===

impl Reachability {
    /// Asks for a pass once something was found, if anything is to be `tried`.
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

    /// Whether anything is tried.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.options.is_some()
    }

    /// What is known, and begins a try that is due.
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

    /// Forgets what is not tried any more, once no try of it is under way.
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
            // Never closed.
            let _slot = slots.acquire_owned().await;
            let finding = reach::check(&wanted.url, &wanted.key, &options).await;
            let (namespace, integration) = &name;
            tracing::debug!(namespace, integration, cause = ?finding.cause, "tried a webhook URL");
            end(&mut lock(&known), &name, &wanted, finding);
            requeue.now(Key::integration(namespace, integration));
        });
    }
}

/// A try has ended, and the next one of this integration may begin.
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
            begun: None,
            next,
            running: false,
            forgotten: false,
        }
    }

    fn is_of(&self, wanted: &Wanted) -> bool {
        self.url == wanted.url && self.version == wanted.version
    }

    /// Of another URL, or with another secret, nothing is known. A try that is under way goes on.
    fn renew(&mut self, wanted: &Wanted, now: Timestamp) {
        self.forgotten = false;
        if !self.is_of(wanted) {
            let (begun, running) = (self.begun, self.running);
            *self = Self::new(wanted, soon(begun, now));
            self.begun = begun;
            self.running = running;
        }
    }

    /// Nobody wants to know any more.
    fn forget(&mut self) {
        self.forgotten = true;
        self.finding = None;
        self.repeated = 0;
    }

    /// The receiver that was found does not answer now: it is looked for as soon as it is back.
    fn doubt(&mut self) {
        let is_reachable = |finding: &Finding| finding.is_reachable();
        if self.finding.as_ref().is_some_and(is_reachable) {
            self.finding = None;
            self.repeated = 0;
            self.next = soon(self.begun, self.next).min(self.next);
        }
    }

    /// Whether a try begins now.
    fn begin(&mut self, ready: bool, now: Timestamp) -> bool {
        if !ready || self.running || now < self.next {
            return false;
        }
        self.begun = Some(now);
        self.running = true;
        true
    }

    /// A try of what was `wanted` has ended: the same again is looked for ever more rarely.
    fn end(&mut self, wanted: &Wanted, finding: Finding, now: Timestamp) {
        self.running = false;
        if !self.is_of(wanted) {
            return;
        }
        // Not by the address: a name may have several.
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

/// When to try anew what was last tried at `begun`; `otherwise` if it never was.
fn soon(begun: Option<Timestamp>, otherwise: Timestamp) -> Timestamp {
    begun.map_or(otherwise, |begun| schedule::later(begun, BETWEEN_CHANGES))
}

fn lock(known: &Mutex<HashMap<Name, Tries>>) -> MutexGuard<'_, HashMap<Name, Tries>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

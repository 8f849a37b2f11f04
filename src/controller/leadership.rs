//! Leader election by a Lease (`coordination.k8s.io/v1`).
//!
//! Leadership carries a deadline on the monotonic clock, checked at the moment of use: a leader that was
//! frozen or cut off stops by itself, before another replica may take over.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::{sync::watch, time};

use super::error::{Error, chain};

/// A candidate in the election.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub lease: String,
    /// The identity: the name of its Pod. A restarted container may take over its own Lease at once, because
    /// its predecessor is dead.
    pub identity: String,
    /// How long other replicas wait for a silent leader.
    pub duration: Duration,
}

/// Whether this replica leads, judged when asked.
#[derive(Clone, Debug)]
pub struct Leadership {
    until: watch::Receiver<Option<Instant>>,
}

/// Takes part in the election until dropped.
pub struct Election {
    api: Api<Lease>,
    candidate: Candidate,
    until: watch::Sender<Option<Instant>>,
    /// The Lease as last seen, and when it last changed. Expiry is measured by our own clock, because the
    /// times in the Lease come from another machine.
    seen: Option<(LeaseSpec, Instant)>,
}

// === impl Leadership ===

impl Leadership {
    /// Leads for an hour.
    #[cfg(test)]
    pub fn held() -> Self {
        let until = Instant::now() + Duration::from_hours(1);
        Self {
            until: watch::channel(Some(until)).1,
        }
    }

    /// How long a leader counts as such after a renewal. Other replicas wait for the whole duration, counted
    /// from when they saw the renewal.
    #[must_use]
    pub fn term(lease: Duration) -> Duration {
        lease * 2 / 3
    }

    /// How often a leader renews.
    #[must_use]
    pub fn renewal_period(lease: Duration) -> Duration {
        lease / 5
    }

    /// Whether this replica leads now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.until
            .borrow()
            .is_some_and(|until| Instant::now() < until)
    }

    /// Whether this replica leads now and will still lead after this time, whatever happens.
    #[must_use]
    pub fn outlasts(&self, time: Duration) -> bool {
        self.until
            .borrow()
            .is_some_and(|until| Instant::now() + time < until)
    }

    /// Fails if this replica no longer leads.
    ///
    /// # Errors
    /// [`Error::Deposed`].
    pub fn check(&self) -> Result<(), Error> {
        if self.is_current() {
            Ok(())
        } else {
            Err(Error::Deposed)
        }
    }

    /// Waits until this replica leads.
    pub async fn acquired(&mut self) {
        // The election outlives every waiter; if it has ended, there is nothing to wait for.
        let _ = self.until.wait_for(Option::is_some).await;
    }
}

// === impl Election ===

impl Election {
    /// Prepares a candidate.
    #[must_use]
    pub fn new(client: Client, candidate: Candidate) -> (Self, Leadership) {
        let (until, receiver) = watch::channel(None);
        let election = Self {
            api: Api::namespaced(client, &candidate.namespace),
            candidate,
            until,
            seen: None,
        };
        (election, Leadership { until: receiver })
    }

    /// Takes part until leadership has been won and lost again.
    pub async fn run(&mut self) {
        let period = Leadership::renewal_period(self.candidate.duration);
        let mut ticks = time::interval(period);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let started = Instant::now();
            match time::timeout(period * 2, self.claim(started)).await {
                Ok(Ok(true)) => {
                    self.until
                        .send_replace(Some(started + Leadership::term(self.candidate.duration)));
                }
                Ok(Ok(false)) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = chain(&error), "failed to renew the lease");
                }
                Err(_) => tracing::warn!("the API server did not answer in time about the lease"),
            }
            let until = *self.until.borrow();
            if until.is_some_and(|until| Instant::now() >= until) {
                return;
            }
        }
    }

    /// Releases the Lease, so that another replica does not have to wait.
    pub async fn release(&mut self) {
        if self.until.send_replace(None).is_none() {
            return;
        }
        let released = async {
            let mut lease = self.api.get(&self.candidate.lease).await?;
            let spec = lease.spec.get_or_insert_default();
            if spec.holder_identity.as_ref() == Some(&self.candidate.identity) {
                spec.holder_identity = None;
                self.api
                    .replace(&self.candidate.lease, &PostParams::default(), &lease)
                    .await?;
            }
            Ok::<_, kube::Error>(())
        };
        match time::timeout(Duration::from_secs(3), released).await {
            Ok(Ok(())) => tracing::info!("released the lease"),
            Ok(Err(error)) => tracing::warn!(error = chain(&error), "failed to release the lease"),
            Err(_) => tracing::warn!("the API server did not take back the lease in time"),
        }
    }

    /// Renews the Lease or takes it if possible. Returns whether this replica holds it now.
    async fn claim(&mut self, now: Instant) -> Result<bool, kube::Error> {
        let Some(mut lease) = self.api.get_opt(&self.candidate.lease).await? else {
            return self.create().await;
        };
        let spec = lease.spec.clone().unwrap_or_default();
        if self.seen.as_ref().is_none_or(|(seen, _)| *seen != spec) {
            self.seen = Some((spec.clone(), now));
        }
        let mine = spec.holder_identity.as_ref() == Some(&self.candidate.identity);
        if !mine && !self.expired(&spec, now) {
            return Ok(false);
        }
        lease.spec = Some(self.renewed(&spec, mine));
        // The write includes the resourceVersion of the read, so only one of two candidates succeeds.
        let written = self
            .api
            .replace(&self.candidate.lease, &PostParams::default(), &lease)
            .await;
        match written {
            Ok(_) => {
                if !mine {
                    tracing::info!(identity = self.candidate.identity, "leading");
                }
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create(&self) -> Result<bool, kube::Error> {
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.candidate.lease.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(self.renewed(&LeaseSpec::default(), false)),
        };
        match self.api.create(&PostParams::default(), &lease).await {
            Ok(_) => {
                tracing::info!(identity = self.candidate.identity, "leading");
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn expired(&self, spec: &LeaseSpec, now: Instant) -> bool {
        if spec
            .holder_identity
            .as_deref()
            .unwrap_or_default()
            .is_empty()
        {
            return true;
        }
        let duration = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .map_or(self.candidate.duration, Duration::from_secs);
        self.seen
            .as_ref()
            .is_some_and(|(_, since)| now.duration_since(*since) > duration)
    }

    fn renewed(&self, before: &LeaseSpec, mine: bool) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let transitions = before.lease_transitions.unwrap_or_default();
        LeaseSpec {
            holder_identity: Some(self.candidate.identity.clone()),
            lease_duration_seconds: i32::try_from(self.candidate.duration.as_secs()).ok(),
            acquire_time: if mine {
                before.acquire_time.clone()
            } else {
                Some(now.clone())
            },
            renew_time: Some(now),
            lease_transitions: Some(if mine { transitions } else { transitions + 1 }),
            ..LeaseSpec::default()
        }
    }
}

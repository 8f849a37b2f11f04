//! Decides what to do next from what was observed. Pure: the clock is an argument.

mod token;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use secrecy::ExposeSecret as _;

pub use self::token::last_failure;

use self::token::token;
use super::{
    hosts::HostRules,
    model::{
        CredentialsStep, Exposure, Judgement, Observed, Plan, ReceiverStep, TokenStep, Transition,
        Volumes,
    },
    objects,
    own_metadata::{of_endpoint, of_pods},
    ownership::owned,
    policy,
    resources::{self, Kind, Part, Setting},
    support, transition,
};
use crate::{
    api::{annotation, v1alpha1::ZoomIntegration},
    controller::{
        config::{ReceiverImage, ReceiverPolicy},
        failure, schedule,
        token_secret::{self, Owner},
    },
};
use zoom::AccessToken;

/// What the operator's configuration and the index say.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Whether there are consent pages.
    pub has_pages: bool,
    /// Whether the labels of namespaces are watched.
    pub knows_labels: bool,
    /// When Zoom last refused the credentials to one of the integration's connections.
    pub rejected: Option<Timestamp>,
    /// The host of the consent pages.
    pub own_host: Option<&'a str>,
    /// The image of the receivers.
    pub image: &'a ReceiverImage,
    /// What receivers may do.
    pub receivers: &'a ReceiverPolicy,
    /// Whether a receiver with a buffer tells accounts apart.
    pub routes: bool,
}

/// Decides what to do at `now`.
#[must_use]
pub fn plan(
    integration: &ZoomIntegration,
    observed: &Observed,
    rules: Rules<'_>,
    now: Timestamp,
) -> Plan {
    let idle = integration.metadata.deletion_timestamp.is_some();
    let suspended = integration.spec.suspend;
    let supported =
        support::unsupported(&integration.spec, rules.has_pages, rules.knows_labels).is_empty();
    let receiver = if idle || !supported {
        ReceiverStep::Keep
    } else if integration.spec.webhook.is_some() {
        // Also while suspended: the receiver is told so, and continues to answer URL validations.
        ReceiverStep::Apply
    } else if suspended || observed.receiver.is_empty() {
        ReceiverStep::Keep
    } else {
        ReceiverStep::Remove
    };
    let transition = match receiver {
        ReceiverStep::Keep => Transition::default(),
        ReceiverStep::Apply | ReceiverStep::Remove => transition(integration, observed),
    };
    let hosts = HostRules {
        allowed: &rules.receivers.allowed_hosts,
        required: rules.receivers.host_rules_required,
        own: rules.own_host,
    };
    let judgement = Judgement {
        refused_metadata: refused_metadata(integration, rules.receivers),
        refused_class: refused_class(integration, rules.receivers),
        ..policy::judge(integration, observed, hosts)
    };
    let obstacle = (receiver == ReceiverStep::Apply)
        .then(|| objects::obstacle(integration, &observed.receiver))
        .flatten();
    let setting = Setting {
        image: rules.image,
        policy: rules.receivers,
        sink: judgement.sink,
        secret_uid: mounted_secret(observed),
        sink_addresses: observed.sink_addresses.as_deref(),
        replicas: transition.replicas,
        live: observed.receiver.stateful_set.as_ref(),
        grown: observed.volumes.as_ref().is_some_and(Volumes::have_grown),
        exposed: judgement.exposure != Exposure::Refused,
        routes: rules.routes,
    };
    let objects = (receiver == ReceiverStep::Apply && obstacle.is_none())
        .then(|| objects::objects(integration, observed, &transition, &setting))
        .flatten();
    Plan {
        receiver,
        obstacle,
        objects: objects.map(Box::new),
        expansion: observed
            .volumes
            .as_ref()
            .filter(|_| receiver == ReceiverStep::Apply && !suspended)
            .and_then(Volumes::expansion),
        judgement,
        transition,
        // A field that this version does not support must not let a token expire.
        token: if idle || suspended {
            TokenStep::Keep
        } else {
            token(integration, observed, now)
        },
        credentials: if idle || suspended {
            CredentialsStep::Keep
        } else {
            credentials(integration, observed, rules.rejected, now)
        },
        remove_old_token_secret: !idle && !suspended && observed.old_token_secret.is_some(),
    }
}

/// The UID of the credentials Secret that the Pods are to mount, if it is immutable. While there is none, Pods keep what
/// they have.
#[must_use]
pub fn mounted_secret(observed: &Observed) -> Option<&str> {
    if observed.credentials.exists {
        return observed.credentials.immutable_uid.as_deref();
    }
    let live = &observed.receiver;
    let deployment = live.deployment.as_ref().and_then(|live| live.spec.as_ref());
    let stateful_set = live.stateful_set.as_ref();
    let stateful_set = stateful_set.and_then(|live| live.spec.as_ref());
    let templates = [
        deployment.map(|spec| &spec.template),
        stateful_set.map(|spec| &spec.template),
    ];
    let templates = templates.into_iter().flatten();
    templates
        .filter_map(|template| template.metadata.as_ref()?.annotations.as_ref())
        .find_map(|annotations| annotations.get(annotation::SECRET_UID))
        .map(String::as_str)
}

/// Declared labels and annotations that are not allowed.
fn refused_metadata(integration: &ZoomIntegration, policy: &ReceiverPolicy) -> Vec<String> {
    let webhook = integration.spec.webhook.as_ref();
    let endpoint = webhook.and_then(|webhook| webhook.endpoint.as_ref());
    let knobs = webhook.and_then(|webhook| webhook.receiver.as_ref());
    let endpoint = endpoint.map(|endpoint| of_endpoint(endpoint, &policy.keys));
    let pods = knobs.map(|knobs| of_pods(knobs, &policy.keys));
    let all = [endpoint, pods].into_iter().flatten();
    all.flat_map(|own| own.refused).collect()
}

/// The declared priority class, if it is not allowed.
fn refused_class(integration: &ZoomIntegration, policy: &ReceiverPolicy) -> Option<String> {
    let knobs = integration.spec.webhook.as_ref()?.receiver.as_ref()?;
    let class = knobs.priority_class_name.clone()?;
    (!policy.allows_class(&class)).then_some(class)
}

/// How the workloads change. An integration that is being deleted wants none.
#[must_use]
pub fn transition(integration: &ZoomIntegration, observed: &Observed) -> Transition {
    let webhook = integration.spec.webhook.as_ref();
    let webhook = webhook.filter(|_| integration.metadata.deletion_timestamp.is_none());
    let wanted = webhook.map(|webhook| (Kind::of(webhook.buffer.as_ref()), webhook.replicas()));
    let live = observed.receiver.live(integration);
    let mut next = transition::transition(wanted, &live, &observed.pods, discards(integration));
    if let Some(waiting) = &mut next.waiting {
        waiting.scaled = kept_small(integration, observed);
    }
    next
}

/// To how many Pods somebody keeps scaling the `StatefulSet`, and how many may have stored events.
fn kept_small(integration: &ZoomIntegration, observed: &Observed) -> Option<(i32, i32)> {
    let live = observed.receiver.stateful_set.as_ref();
    let live = live.filter(|live| owned(integration, *live))?;
    let (now, all) = (
        resources::scale(live),
        resources::buffers(integration, live),
    );
    let known = observed.altered.get(&Part::StatefulSet)?;
    (now < all && known.is_frequent()).then_some((now, all))
}

/// Whether somebody allowed stored events to be lost.
#[must_use]
pub fn discards(integration: &ZoomIntegration) -> bool {
    let annotations = integration.annotations();
    annotations.get(annotation::DISCARD).map(String::as_str) == Some("true")
}

/// Zoom is asked once for each version of the Secret, whatever connections exist: a connected one shows only
/// that Zoom accepted the credentials of its last token. After a refusal, Zoom is asked again as rarely as
/// after other failures, because an app whose requests fail often may be disabled. Accepted credentials are
/// checked again after a connection was `rejected`.
fn credentials(
    integration: &ZoomIntegration,
    observed: &Observed,
    rejected: Option<Timestamp>,
    now: Timestamp,
) -> CredentialsStep {
    let spec = &integration.spec;
    // The app's own token shows it, too.
    if !spec.is_general() || spec.has_bot() || observed.credentials.app.is_none() {
        return CredentialsStep::Forget;
    }
    let version = &observed.credentials.version;
    let last = observed.checked.checked_at;
    let accepted = observed.checked.accepted_version.as_ref();
    let due = match &observed.checked.failure {
        Some(failure) => {
            let due = failure::not_before(failure, version, failure::requested_at(integration));
            Some(due.max(schedule::after_check(last)))
        }
        None if accepted == Some(version) => schedule::at_doubt(last, rejected),
        None => Some(schedule::after_check(last)),
    };
    match due {
        None => CredentialsStep::Keep,
        Some(due) if due > now => CredentialsStep::Wait(due),
        Some(_) => CredentialsStep::Ask,
    }
}

/// The Secret for a new token, with the time to replace it.
#[must_use]
pub fn token_secret(
    integration: &ZoomIntegration,
    observed: &Observed,
    token: &AccessToken,
    replaces: Option<&str>,
) -> Secret {
    let uid = integration.uid().unwrap_or_default();
    let refresh_at = schedule::refresh_at(token.issued_at, token.expires_at, &uid);
    let owner = Owner::integration(integration);
    let version = &observed.credentials.version;
    let mut secret = token_secret::build(&owner, token, refresh_at, version, replaces);
    let seal = observed
        .credentials
        .seal(token.secret.expose_secret().as_bytes());
    let annotations = secret.metadata.annotations.get_or_insert_default();
    annotations.extend(seal.map(|seal| (annotation::CREDENTIALS_DIGEST.into(), seal)));
    secret
}

#[cfg(test)]
mod tests;

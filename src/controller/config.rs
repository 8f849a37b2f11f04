//! The controller's configuration, from flags and environment.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use url::Url;

use super::{
    integration::{hosts::AllowedHost, own_metadata::AllowedKeys},
    leadership::Leadership,
    receiver_defaults::ReceiverDefaults,
    scope::Scope,
    tenancy::Agreement,
};
use crate::api::v1alpha1::duration;
use runtime::{outgoing::egress::Egress, telemetry::LogArgs};

/// Zoom answers within seconds or not at all.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);

/// Arguments of `zoom-operator controller`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub scope: Scope,

    /// Base URL of Zoom's OAuth endpoints.
    #[arg(long, env = "ZOOM_OAUTH_URL", default_value = "https://zoom.us", value_parser = base_url)]
    pub zoom_oauth_url: Url,

    /// Base URL of Zoom's REST API.
    #[arg(long, env = "ZOOM_API_URL", default_value = "https://api.zoom.us", value_parser = base_url)]
    pub zoom_api_url: Url,

    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub egress: Egress,

    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub receiver: ReceiverImage,

    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub policy: ReceiverPolicy,

    /// Namespace of the Lease.
    #[arg(long, env = "POD_NAMESPACE")]
    pub lease_namespace: String,

    /// Name of the Lease.
    #[arg(long, env = "LEASE_NAME", default_value = "zoom-operator")]
    pub lease_name: String,

    /// Identity of this replica in the Lease: the name of its Pod.
    #[arg(long, env = "POD_NAME")]
    pub identity: String,

    /// How long other replicas wait for a silent leader, in seconds. A refresh is sent only if leadership
    /// outlasts the time limit of its request, which is derived from this value.
    #[arg(long, env = "LEASE_DURATION", default_value = "45", value_parser = seconds)]
    pub lease_duration: Duration,

    /// Restart the workloads listed in `token.restart` of a `ZoomIntegration` or `ZoomConnection`. For this,
    /// the controller needs permission to patch Deployments, `StatefulSets` and `DaemonSets`.
    #[arg(long, env = "RESTART_WORKLOADS")]
    pub restart_workloads: bool,

    /// Public base URL of the consent pages. Without it, there are none.
    #[arg(long, env = "CONNECT_URL", value_parser = base_url)]
    pub connect_url: Option<Url>,

    /// A namespace that accepts connections by self-service from integrations of another namespace,
    /// `NAMESPACE=INTEGRATION_NAMESPACE`; can be repeated. The label `zoom-operator.io/accept-connections` of the
    /// namespace says the same.
    #[arg(
        long = "accept-connections",
        value_name = "NAMESPACE=INTEGRATION_NAMESPACE"
    )]
    pub accept_connections: Vec<Agreement>,

    /// Name of the Secret with the keys of the consent pages, which the controller makes.
    #[arg(long, env = "CONNECT_KEYS_SECRET", requires = "connect_url")]
    pub connect_keys_secret: Option<String>,

    /// Directory for Zoom's replies that are not stored yet. It must survive the death of the process.
    #[arg(
        long,
        env = "JOURNAL",
        default_value = "/var/lib/zoom-operator/journal"
    )]
    pub journal: PathBuf,

    /// Lifetime of an unused refresh token, in days.
    #[arg(long, env = "REFRESH_TOKEN_DAYS", default_value = "90", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub refresh_token_days: u16,

    /// Days for which a refresh token that Zoom refused is kept, unused, before it is erased. If the app's
    /// credentials change within this time, it is tried once.
    #[arg(long, env = "SEALED_GRANT_DAYS", default_value = "7", value_parser = clap::value_parser!(u16).range(1..=365))]
    pub sealed_grant_days: u16,

    /// Days within which a person's data must be deleted after the app was removed, according to the
    /// agreement with Zoom. Only announced in the status.
    #[arg(long, env = "DATA_DELETION_DAYS", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub data_deletion_days: u16,

    /// How many objects are reconciled at the same time. One namespace gets at most a quarter of them, routine work three
    /// quarters, and retries after failures that a person must mend a quarter, in all and of what a namespace gets.
    #[arg(long, env = "CONCURRENCY", default_value = "32", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,

    /// Address of the probes and metrics.
    #[arg(long, env = "ADMIN_LISTEN", default_value = "[::]:8081")]
    pub admin_listen: SocketAddr,

    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub log: LogArgs,
}

/// The image that receivers run.
#[derive(Clone, Debug, clap::Args)]
pub struct ReceiverImage {
    /// Image of the receivers; part of this product.
    #[arg(id = "receiver_image", long = "receiver-image", env = "RECEIVER_IMAGE")]
    pub name: String,

    /// Image pull policy of the receivers.
    #[arg(
        long = "receiver-image-pull-policy",
        env = "RECEIVER_IMAGE_PULL_POLICY",
        default_value = "IfNotPresent",
        value_parser = ["Always", "IfNotPresent", "Never"]
    )]
    pub pull_policy: String,

    /// Image pull Secrets of the receivers, separated by commas; they must exist in each tenant's
    /// namespace.
    #[arg(
        long = "receiver-image-pull-secrets",
        env = "RECEIVER_IMAGE_PULL_SECRETS",
        value_delimiter = ','
    )]
    pub pull_secrets: Vec<String>,
}

/// What tenants' receivers may do, and how they are run.
#[derive(Clone, Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct ReceiverPolicy {
    /// Networks beyond the public internet that a sink's URL may lead to; can be repeated. Services in the
    /// tenant's own namespace, set by `serviceRef`, are always allowed.
    #[arg(long = "sink-allow-network", value_name = "CIDR")]
    pub sink_allow_network: Vec<IpNet>,

    /// Networks that a sink's URL never leads to, even if they are public or allowed; can be repeated. Services
    /// of the tenant's own namespace, by `serviceRef`, are not affected.
    #[arg(long = "sink-refuse-network", value_name = "CIDR")]
    pub sink_refuse_network: Vec<IpNet>,

    /// Hosts that the integrations of a namespace may claim, `NAMESPACE=PATTERN`; can be repeated. The
    /// namespace may be `*`; the pattern is a host, or `*.` and a domain. Without rules, every host is
    /// allowed.
    #[arg(long = "allowed-hosts", value_name = "NAMESPACE=PATTERN")]
    pub allowed_hosts: Vec<AllowedHost>,

    /// Without a rule of `--allowed-hosts`, no integration gets an Ingress or an `HTTPRoute` for its host.
    /// Those that have one keep it.
    #[arg(long = "host-rules-required", env = "HOST_RULES_REQUIRED")]
    pub host_rules_required: bool,

    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as the section's help")]
    pub keys: AllowedKeys,

    /// Priority classes that integrations may name for their receivers (`webhook.receiver.priorityClassName`); can be
    /// repeated. Others are not applied. Without it, every class is allowed. The class in
    /// `--receiver-defaults` is always allowed.
    #[arg(long = "receiver-priority-class", value_name = "NAME")]
    pub priority_classes: Vec<String>,

    /// The receivers' `NetworkPolicies` also let them reach any address but link-local ones. In a namespace
    /// that restricts egress, this applies to every Pod that somebody labels like a receiver.
    #[arg(long = "network-policy-egress", env = "NETWORK_POLICY_EGRESS")]
    pub egress: bool,

    /// Make a `NetworkPolicy` for each receiver.
    #[arg(long = "network-policies", requires = "operator_namespace")]
    pub network_policies: bool,

    /// The operator's own namespace, which the receivers' `NetworkPolicies` let in.
    #[arg(long = "operator-namespace", env = "POD_NAMESPACE")]
    pub operator_namespace: Option<String>,

    /// Check whether webhook URLs lead to their receivers, until Zoom has validated them.
    #[arg(long = "reachability-check", env = "REACHABILITY_CHECK")]
    pub reachability_check: bool,

    /// Additional settings for the Pods and Services of all receivers, as JSON. Settings of an integration
    /// take precedence.
    #[arg(
        long = "receiver-defaults",
        env = "RECEIVER_DEFAULTS",
        value_name = "JSON",
        default_value = "{}"
    )]
    pub defaults: ReceiverDefaults,

    /// How long the deletion of an integration waits for events that its receiver has stored.
    #[arg(
        long = "drain-limit",
        env = "DRAIN_LIMIT",
        default_value = "24h",
        value_parser = duration
    )]
    pub drain_limit: Duration,

    /// The same limit while there is no sink to deliver the events to.
    #[arg(
        long = "drain-limit-without-sink",
        env = "DRAIN_LIMIT_WITHOUT_SINK",
        default_value = "10m",
        value_parser = duration
    )]
    pub drain_limit_without_sink: Duration,

    /// How many receivers are replaced at the same time after a change of the operator.
    #[arg(
        long = "receiver-rollouts",
        env = "RECEIVER_ROLLOUTS",
        default_value = "5",
        value_parser = clap::value_parser!(u16).range(1..=1000)
    )]
    pub receiver_rollouts: u16,
}

// === impl ReceiverPolicy ===

impl ReceiverPolicy {
    /// Whether an integration may name this priority class for its receiver.
    #[must_use]
    pub fn allows_class(&self, class: &str) -> bool {
        let allowed = &self.priority_classes;
        allowed.is_empty()
            || allowed.iter().any(|name| name == class)
            || self.defaults.priority_class_name.as_deref() == Some(class)
    }
}

// === impl Args ===

impl Args {
    /// Lifetime of an unused refresh token.
    #[must_use]
    pub fn refresh_token_life(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.refresh_token_days))
    }

    /// How long a refresh token that Zoom refused is kept.
    #[must_use]
    pub fn sealed_grant_life(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.sealed_grant_days))
    }

    /// Time to delete a person's data after the app was removed.
    #[must_use]
    pub fn data_deletion(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.data_deletion_days))
    }

    /// The longest time that a request may take if it spends something at Zoom: a leader that is about to
    /// renew its Lease must outlast the request.
    #[must_use]
    pub fn spending_limit(&self) -> Duration {
        let between_renewals = Leadership::renewal_period(self.lease_duration);
        Leadership::term(self.lease_duration)
            .saturating_sub(between_renewals)
            .saturating_sub(Duration::from_millis(500))
            .min(LONGEST_REQUEST)
    }
}

fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "https" | "http" if url.has_host() => Ok(url),
        _ => Err("must be an http or https URL with a host".into()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| "must be a duration such as 90s, 10m or 24h".into())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 3..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be a number of seconds from 3 to 600".into()),
    }
}

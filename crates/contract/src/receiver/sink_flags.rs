//! The flags that say where events go.

use std::{
    fmt,
    net::{AddrParseError, IpAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{seconds, values::SinkUrl};

/// For how long the sink may take an event unless stated: Zoom waits 3 seconds.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_millis(2500);

/// Where events go. Without a destination every event is answered 503.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct SinkFlags {
    /// A URL that events are posted to: on the internet, or in an allowed network.
    #[arg(
        id = "sink-url",
        long = "sink-url",
        env = "SINK_URL",
        value_name = "URL",
        conflicts_with_all = ["sink-service", "sink-nats"]
    )]
    pub url: Option<SinkUrl>,
    /// The URL of a Service of the tenant's own namespace, whose private addresses are fine.
    #[arg(
        id = "sink-service",
        long = "sink-service",
        env = "SINK_SERVICE",
        value_name = "URL",
        conflicts_with = "sink-nats"
    )]
    pub service: Option<SinkUrl>,
    /// The `nats` or `tls` URL of a NATS server with `JetStream`: on the internet, or in an allowed network.
    #[arg(
        id = "sink-nats",
        long = "sink-nats",
        env = "SINK_NATS",
        value_name = "URL",
        requires = "sink-nats-subject"
    )]
    pub nats: Option<SinkUrl>,
    /// What the subjects begin with; the event's name follows.
    #[arg(
        id = "sink-nats-subject",
        long = "sink-nats-subject",
        env = "SINK_NATS_SUBJECT",
        value_name = "SUBJECT"
    )]
    pub nats_subject: Option<String>,
    /// The id of a message, by which the stream drops repeats: the hash of the body, or the event's key.
    #[arg(
        id = "sink-nats-message-id",
        long = "sink-nats-message-id",
        env = "SINK_NATS_MESSAGE_ID",
        value_name = "KIND",
        requires = "sink-nats"
    )]
    pub nats_message_id: Option<NatsMessageId>,
    /// The form in which events are posted.
    #[arg(
        id = "sink-format",
        long = "sink-format",
        env = "SINK_FORMAT",
        value_name = "FORMAT",
        conflicts_with = "sink-nats"
    )]
    pub format: Option<SinkFormat>,
    /// Directory with the files `authorization`, `ca.crt`, `nats.creds` and `nkey-seed`, each of which may be
    /// absent and may change.
    #[arg(
        id = "sink-credentials-dir",
        long = "sink-credentials-dir",
        env = "SINK_CREDENTIALS_DIR",
        value_name = "DIR"
    )]
    pub credentials_dir: Option<PathBuf>,
    /// Seconds that the sink has for an event [default: 2.5]. Zoom waits 3.
    #[arg(
        id = "sink-timeout",
        long = "sink-timeout",
        env = "SINK_TIMEOUT",
        value_name = "SECONDS",
        value_parser = seconds::parse
    )]
    pub timeout: Option<Duration>,
    /// A network beyond the internet that a URL may lead to; can be repeated. Cloud metadata needs a
    /// network of exactly one address.
    #[arg(
        id = "sink-allow-network",
        long = "sink-allow-network",
        env = "SINK_ALLOW_NETWORK",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub allow_networks: Vec<IpNet>,
    /// A network that a URL never leads to, even if it is public or allowed; can be repeated.
    #[arg(
        id = "sink-refuse-network",
        long = "sink-refuse-network",
        env = "SINK_REFUSE_NETWORK",
        value_name = "CIDR",
        value_delimiter = ','
    )]
    pub refuse_networks: Vec<IpNet>,
    /// The judged addresses of the Service, separated by commas: nothing else is connected to. `none` for no
    /// address at all. Written as a variable, which a receiver of an earlier version ignores.
    #[arg(
        id = "sink-service-addresses",
        long = "sink-service-addresses",
        env = SERVICE_ADDRESSES,
        value_name = "ADDRESS,...|none"
    )]
    pub service_addresses: Option<ServiceAddresses>,
}

/// The variable with the judged addresses of the Service.
pub const SERVICE_ADDRESSES: &str = "SINK_SERVICE_ADDRESSES";

/// Judged addresses of a Service; `none` if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAddresses(pub Vec<IpAddr>);

// === impl ServiceAddresses ===

impl fmt::Display for ServiceAddresses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        formatter.write_str(if addresses.is_empty() { NONE } else { "" })?;
        formatter.write_str(&addresses.join(","))
    }
}

impl FromStr for ServiceAddresses {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        if text == NONE {
            return Ok(Self::default());
        }
        let addresses = text.split(',').map(str::parse);
        addresses.collect::<Result<_, _>>().map(Self)
    }
}

/// No address.
const NONE: &str = "none";

/// The form in which events are posted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[value(rename_all = "PascalCase")]
pub enum SinkFormat {
    /// `CloudEvents` 1.0, binary mode.
    #[default]
    CloudEvents,
    /// As Zoom would send it now, signed with the current signing secret.
    Zoom,
}

/// The id of a message, by which the stream drops repeats within its duplicate window.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[value(rename_all = "PascalCase")]
pub enum NatsMessageId {
    /// The event's id: only a delivery with the same bytes is a repeat.
    #[default]
    Body,
    /// The attribute `zoomeventkey`, where there is one: so is a delivery with other links or details.
    EventKey,
}

//! Where the events of an account go, if one app serves many: routes, which the controller writes into Secrets
//! and the receiver reads as files.
//!
//! A route is one key of one Secret, so that the controller writes one connection's route by a patch of one
//! key and reads no other. The number of Secrets is fixed: all of them are mounted as one projected volume, each
//! optional, and a new tenant never changes a Pod.

use std::{collections::BTreeMap, fmt, net::IpAddr, str::FromStr};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{
    sink_flags::{NatsMessageId, SinkFormat},
    values::SinkUrl,
};

/// How many Secrets have the routes of one integration. It never changes: receivers mount all of them.
pub const SHARDS: usize = 8;
/// Most bytes of one route as JSON: 500 accounts, or a few certificates. A Secret has 1 MiB at most, for an eighth
/// of all routes.
pub const MAX_BYTES: usize = 16 * 1024;
/// Most accounts of one route.
pub const MAX_ACCOUNTS: usize = 500;
/// End of a route's key and file name.
const SUFFIX: &str = ".json";

/// A connection, written `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Connection {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Where the events of a connection's accounts go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Whose route it is.
    pub connection: Connection,
    /// Zoom's ids of the accounts that are proved to be this connection's.
    pub accounts: Vec<String>,
    /// The connection's own sink; `None`: its events go to the integration's sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<RouteSink>,
    /// The connection's facts: attributes of its events. They go before the integration's of the same name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub external_refs: BTreeMap<String, String>,
}

/// A connection's own sink. Networks that it must not lead to are flags of the receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteSink {
    /// The place.
    pub destination: Destination,
    /// The form in which events are posted. Not for NATS.
    #[serde(default)]
    pub format: SinkFormat,
    /// Seconds that the sink has for an event; `None`: as the integration's sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<f64>,
    /// The id of a message. Only for NATS.
    #[serde(default)]
    pub message_id: NatsMessageId,
    /// What the sink asks for.
    #[serde(default)]
    pub credentials: RouteCredentials,
}

/// The place of a connection's sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Destination {
    /// A URL on the internet, or in an allowed network.
    #[serde(rename_all = "camelCase")]
    Internet {
        /// `http` or `https`.
        url: SinkUrl,
    },
    /// A Service of the connection's namespace.
    #[serde(rename_all = "camelCase")]
    Service {
        /// `http` or `https`.
        url: SinkUrl,
        /// Its judged addresses: nothing else is connected to. `None`: any address of the cluster.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        addresses: Option<Vec<IpAddr>>,
    },
    /// A NATS server with `JetStream`, on the internet or in an allowed network.
    #[serde(rename_all = "camelCase")]
    Nats {
        /// `nats` or `tls`.
        url: SinkUrl,
        /// What the subjects begin with; the event's name follows.
        subject: String,
    },
}

/// What a connection's sink asks for. Each may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteCredentials {
    /// The whole value of the `authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Private>,
    /// PEM certificates of authorities. With them no other authority is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_crt: Option<Private>,
    /// A NATS credentials file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nats_creds: Option<Private>,
    /// The seed of a NATS nkey user. The credentials file goes before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nkey_seed: Option<Private>,
    /// The tenant's own secret, which signs events in Zoom's format. Never the app's: who has that one can
    /// forge events for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_token: Option<Private>,
}

/// A text that is written only to where it is stored: its `Debug` shows nothing.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Private(SecretString);

/// What happens to events of an account without a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Unclaimed {
    /// They go to the integration's sink; if it has none, they become dead letters.
    #[default]
    Sink,
    /// They become dead letters, and are forwarded once the account has a route.
    DeadLetter,
    /// They are dropped and counted.
    Drop,
}

/// Why a text is no route. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// More than [`MAX_BYTES`].
    #[error("the route is larger than 16 KiB: most of it is usually the ca.crt of its sink")]
    TooLarge,
    /// Not the JSON of this format.
    #[error("the route is malformed")]
    Malformed,
    /// No account, too many, or what cannot be one's id.
    #[error("the route has no account, too many, or what is no account id")]
    Accounts,
    /// Events in Zoom's format must be signed.
    #[error("the route's sink takes Zoom's format and has no secret token")]
    Unsigned,
}

/// The Secret with this shard of an integration's routes.
#[must_use]
pub fn secret_name(integration: &str, shard: usize) -> String {
    format!("{integration}-receiver-routes-{shard}")
}

/// The integration whose routes are in the Secret of this name, and which of its Secrets it is; `None` if it is
/// the name of none.
#[must_use]
pub fn of_secret_name(name: &str) -> Option<(&str, usize)> {
    let (integration, shard) = name.rsplit_once("-receiver-routes-")?;
    let shard = (0..SHARDS).find(|known| known.to_string() == shard)?;
    Some((integration, shard))
}

// === impl Connection ===

impl Connection {
    /// The Secret that has this connection's route, in `0..SHARDS`.
    #[must_use]
    pub fn shard(&self) -> usize {
        let hash = Sha256::digest(self.to_string());
        usize::from(hash[0]) % SHARDS
    }

    /// The key of the route in that Secret, and the name of the file. A namespace and a name have no dots.
    #[must_use]
    pub fn route_key(&self) -> String {
        format!("{}.{}{SUFFIX}", self.namespace, self.name)
    }

    /// Whose route has this key; `None` if it is the key of none.
    #[must_use]
    pub fn of_route_key(key: &str) -> Option<Self> {
        let (namespace, name) = key.strip_suffix(SUFFIX)?.split_once('.')?;
        Self::new(namespace, name)
    }

    /// The connection, if both could be names.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Option<Self> {
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        (is_label(namespace) && is_label(name)).then(|| Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for Connection {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        parts
            .and_then(|(namespace, name)| Self::new(namespace, name))
            .ok_or("expected <namespace>/<name> of a connection")
    }
}

impl TryFrom<String> for Connection {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Connection> for String {
    fn from(connection: Connection) -> Self {
        connection.to_string()
    }
}

// === impl Route ===

impl Route {
    /// As it is stored.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn to_json(&self) -> Result<String, RouteError> {
        self.check()?;
        let text = serde_json::to_string(self).map_err(|_| RouteError::Malformed)?;
        (text.len() <= MAX_BYTES)
            .then_some(text)
            .ok_or(RouteError::TooLarge)
    }

    /// Reads it back.
    ///
    /// # Errors
    /// See [`RouteError`].
    pub fn from_json(text: &[u8]) -> Result<Self, RouteError> {
        if text.len() > MAX_BYTES {
            return Err(RouteError::TooLarge);
        }
        let route: Self = serde_json::from_slice(text).map_err(|_| RouteError::Malformed)?;
        route.check()?;
        Ok(route)
    }

    fn check(&self) -> Result<(), RouteError> {
        let is_some = (1..=MAX_ACCOUNTS).contains(&self.accounts.len());
        if !is_some || !self.accounts.iter().all(|account| is_account(account)) {
            return Err(RouteError::Accounts);
        }
        let is_unsigned = |sink: &RouteSink| {
            sink.format == SinkFormat::Zoom && sink.credentials.secret_token.is_none()
        };
        if self.sink.as_ref().is_some_and(is_unsigned) {
            return Err(RouteError::Unsigned);
        }
        Ok(())
    }
}

/// Whether a text can be Zoom's id of an account.
#[must_use]
pub fn is_account(text: &str) -> bool {
    crate::removal::is_id(text)
}

// === impl Private ===

impl Private {
    /// Keeps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Private {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Private {}

impl Serialize for Private {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

#[cfg(test)]
mod tests;

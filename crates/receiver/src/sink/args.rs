//! The flags that say where events go, and the sink that they make.

use std::{path::PathBuf, time::Duration};

use futures::{FutureExt as _, future};
use ipnet::IpNet;

use super::{
    any::{Built, Sink},
    credentials::{Credentials, Followed},
    http::{BuildError, Format, HttpSink, Settings, Target},
    nats::{self, NatsSink},
};
use crate::{
    cloudevent::{Extension, Integration},
    seconds::seconds,
    secrets::Secrets,
};
use runtime::outgoing::{
    guard::{Guard, Lookup},
    policy::Policy,
};

/// Zoom waits 3 seconds.
const TIMEOUT: Duration = Duration::from_millis(2500);

/// Where events go. Without a destination every event is answered 503.
#[derive(Clone, Debug, clap::Args)]
pub struct SinkArgs {
    /// A URL that events are posted to: on the internet, or in an allowed network.
    #[arg(
        id = "sink-url",
        long = "sink-url",
        env = "SINK_URL",
        value_name = "URL",
        conflicts_with_all = ["sink-service", "sink-nats"]
    )]
    pub url: Option<Target>,
    /// The URL of a Service of the tenant's own namespace, whose private addresses are fine.
    #[arg(
        id = "sink-service",
        long = "sink-service",
        env = "SINK_SERVICE",
        value_name = "URL",
        conflicts_with = "sink-nats"
    )]
    pub service: Option<Target>,
    /// The `nats` or `tls` URL of a NATS server with `JetStream`: on the internet, or in an allowed network.
    #[arg(
        id = "sink-nats",
        long = "sink-nats",
        env = "SINK_NATS",
        value_name = "URL",
        requires = "sink-nats-subject"
    )]
    pub nats: Option<nats::Target>,
    /// What the subjects begin with; the event's name follows.
    #[arg(
        id = "sink-nats-subject",
        long = "sink-nats-subject",
        env = "SINK_NATS_SUBJECT",
        value_name = "SUBJECT"
    )]
    pub nats_subject: Option<nats::Prefix>,
    /// What a message is called towards the stream, which drops repeats: the hash of the body, or the event's key.
    #[arg(
        id = "sink-nats-message-id",
        long = "sink-nats-message-id",
        env = "SINK_NATS_MESSAGE_ID",
        value_name = "KIND",
        requires = "sink-nats"
    )]
    pub nats_message_id: Option<nats::MessageId>,
    /// The form in which events are posted.
    #[arg(
        id = "sink-format",
        long = "sink-format",
        env = "SINK_FORMAT",
        value_name = "FORMAT",
        conflicts_with = "sink-nats"
    )]
    pub format: Option<Format>,
    /// Directory with the files `authorization`, `ca.crt`, `nats.creds` and `nkey-seed`, each of which may be
    /// absent and may change.
    #[arg(
        id = "sink-credentials-dir",
        long = "sink-credentials-dir",
        env = "SINK_CREDENTIALS_DIR",
        value_name = "DIR"
    )]
    pub credentials_dir: Option<PathBuf>,
    /// Seconds that the sink has for an event. Zoom waits 3.
    #[arg(
        id = "sink-timeout",
        long = "sink-timeout",
        env = "SINK_TIMEOUT",
        value_name = "SECONDS",
        default_value = "2.5",
        value_parser = seconds
    )]
    pub timeout: Duration,
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
    /// What resolves names.
    #[arg(skip)]
    pub lookup: Lookup,
}

// === impl SinkArgs ===

impl SinkArgs {
    /// The sink of these flags, if they name one. Credentials are looked at every `interval`.
    ///
    /// # Errors
    /// When no TLS provider is installed in the process.
    pub fn build(
        &self,
        source: Integration,
        extensions: Vec<Extension>,
        secrets: Secrets,
        interval: Duration,
    ) -> Result<Option<Built>, BuildError> {
        let internet = || Policy::internet(self.allow_networks.clone());
        let (place, policy) = match (&self.url, &self.service, &self.nats, &self.nats_subject) {
            (Some(url), ..) => (Place::Http(url), internet()),
            (_, Some(url), ..) => (Place::Http(url), Policy::cluster()),
            (_, _, Some(url), Some(prefix)) => (Place::Nats(url, prefix), internet()),
            _ => return Ok(None),
        };
        let (credentials, follower) = match &self.credentials_dir {
            Some(directory) => {
                let (credentials, follower) = Followed::begin(directory.clone(), interval);
                (credentials, follower.boxed())
            }
            None => (
                Followed::fixed(Credentials::default()),
                future::pending().boxed(),
            ),
        };
        let guard = Guard::new(policy, self.lookup.clone());
        let sink = match place {
            Place::Http(target) => Sink::Http(HttpSink::new(Settings {
                target: target.clone(),
                format: self.format.unwrap_or_default(),
                timeout: self.timeout,
                source,
                extensions,
                guard,
                credentials,
                secrets,
            })?),
            Place::Nats(target, prefix) => Sink::Nats(NatsSink::new(nats::Settings {
                target: target.clone(),
                prefix: prefix.clone(),
                message_id: self.nats_message_id.unwrap_or_default(),
                timeout: self.timeout,
                source,
                extensions,
                guard,
                credentials,
            })),
        };
        Ok(Some(Built { sink, follower }))
    }
}

enum Place<'a> {
    Http(&'a Target),
    Nats(&'a nats::Target, &'a nats::Prefix),
}

impl Default for SinkArgs {
    /// No sink.
    fn default() -> Self {
        Self {
            url: None,
            service: None,
            nats: None,
            nats_subject: None,
            nats_message_id: None,
            format: None,
            credentials_dir: None,
            timeout: TIMEOUT,
            allow_networks: Vec::new(),
            lookup: Lookup::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SinkArgs,
    }

    fn parse(flags: &[&str]) -> Result<SinkArgs, clap::Error> {
        let line = ["receiver"].iter().chain(flags);
        Cli::try_parse_from(line).map(|cli| cli.args)
    }

    #[test]
    fn nothing_is_a_sink_by_default() {
        let args = parse(&[]).unwrap();
        assert!(args.url.is_none() && args.service.is_none());
        assert_eq!(args.timeout, SinkArgs::default().timeout);
    }

    #[test]
    fn flags_are_read() {
        let args = parse(&[
            "--sink-url=https://sink.example/in",
            "--sink-format=Zoom",
            "--sink-allow-network=10.0.0.0/8,fd00::/8",
            "--sink-allow-network=127.0.0.1/32",
        ]);
        let args = args.unwrap();
        assert_eq!(args.format, Some(Format::Zoom));
        assert_eq!(args.allow_networks.len(), 3);
    }

    #[test]
    fn contradictions_and_nonsense_are_refused() {
        for flags in [
            &["--sink-url=http://a", "--sink-service=http://b"][..],
            &[
                "--sink-url=http://a",
                "--sink-nats=nats://b",
                "--sink-nats-subject=c",
            ],
            &[
                "--sink-service=http://a",
                "--sink-nats=nats://b",
                "--sink-nats-subject=c",
            ],
            &["--sink-nats=nats://b"],
            &["--sink-nats=nats://b", "--sink-nats-subject=c.>"],
            &[
                "--sink-nats=nats://b",
                "--sink-nats-subject=c",
                "--sink-format=Zoom",
            ],
            &["--sink-url=ftp://a"],
            &["--sink-format=XML"],
            &["--sink-allow-network=10.0.0.0/33"],
            &["--sink-timeout=-1"],
        ] {
            assert!(parse(flags).is_err(), "{flags:?}");
        }
    }
}

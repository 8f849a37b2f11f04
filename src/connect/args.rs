//! The flags of `zoom-operator connect`, and the configuration made of them.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use url::Url;

use super::base::Base;
use runtime::{http::Limits, telemetry::LogArgs};

/// Arguments of `zoom-operator connect`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Public address of these pages: https, or http for localhost; a path is allowed.
    #[arg(long, env = "CONNECT_URL")]
    pub url: Base,
    /// Zoom's OAuth address, where people authorize.
    #[arg(long, env = "ZOOM_OAUTH_URL", default_value = "https://zoom.us", value_parser = oauth_url)]
    pub zoom_oauth_url: Url,
    /// The operator's own namespace, where codes are handed over.
    #[arg(long, env = "POD_NAMESPACE")]
    pub namespace: String,
    /// Directory with the files `current` and, while keys are replaced, `previous`: 64 random bytes each.
    #[arg(
        long,
        env = "CONNECT_KEYS",
        default_value = "/etc/zoom-operator/connect-keys"
    )]
    pub keys: PathBuf,
    /// Address of the pages.
    #[arg(long, env = "LISTEN", default_value = "[::]:8080")]
    pub listen: SocketAddr,
    /// Address of `/live`, `/ready` and `/metrics`.
    #[arg(long, env = "ADMIN_LISTEN", default_value = "[::]:8081")]
    pub admin_listen: SocketAddr,
    /// Proxies in front of the pages that append the client's address to `X-Forwarded-For`. With one or more,
    /// requests are limited for each client, too. Never more than there are: whatever stands further left was
    /// written by the client.
    #[arg(long, env = "TRUSTED_PROXY_HOPS", default_value_t = 0)]
    pub trusted_proxy_hops: u8,
    /// What Zoom's domain validation reads at `/zoomverify/verifyzoom.html` of the pages' host.
    #[arg(long, env = "DOMAIN_VALIDATION")]
    pub domain_validation: Option<String>,
    /// Logs.
    #[command(flatten)]
    pub log: LogArgs,
}

/// The configuration of the pages.
#[derive(Clone, Debug)]
pub struct Config {
    /// Public address.
    pub url: Base,
    /// Zoom's OAuth address, where people authorize.
    pub zoom_oauth_url: Url,
    /// The namespace in which codes are handed over.
    pub namespace: String,
    /// Directory of the keys.
    pub keys: PathBuf,
    /// Address of the pages.
    pub listen: SocketAddr,
    /// Address of `/live`, `/ready` and `/metrics`.
    pub admin_listen: SocketAddr,
    /// Proxies in front whose `X-Forwarded-For` is trusted.
    pub trusted_proxy_hops: u8,
    /// The content of Zoom's domain validation file.
    pub domain_validation: Option<String>,
    /// Settings without a flag.
    pub tuning: Tuning,
}

/// Settings without a flag: figures that follow from how people and browsers behave.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Time limit for a request, from its head to the answer.
    pub deadline: Duration,
    /// Time between two reads of the keys.
    pub keys_interval: Duration,
    /// How long to continue accepting after the signal, until no proxy sends requests here any more.
    pub drain_grace: Duration,
    /// Maximum size of a body in bytes. Our own forms have none.
    pub max_body: usize,
    /// Limits on the rate of requests.
    pub rates: Rates,
    /// Limits of the public port.
    pub limits: Limits,
}

/// Limits on the rate of requests, for each replica.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Requests per second in total.
    pub overall: NonZeroU32,
    /// Requests per second for pages that do not exist.
    pub strangers: NonZeroU32,
    /// Requests per minute of one client, if clients can be told apart.
    pub client: NonZeroU32,
    /// Requests per minute for one page, or for one consent once it has started.
    pub each: NonZeroU32,
    /// Consents per minute that one connection's link starts: it is for one person.
    pub begun: NonZeroU32,
}

// === impl Config ===

impl From<Args> for Config {
    fn from(args: Args) -> Self {
        Self {
            url: args.url,
            zoom_oauth_url: args.zoom_oauth_url,
            namespace: args.namespace,
            keys: args.keys,
            listen: args.listen,
            admin_listen: args.admin_listen,
            trusted_proxy_hops: args.trusted_proxy_hops,
            domain_validation: args.domain_validation.filter(|file| !file.is_empty()),
            tuning: Tuning::default(),
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(12),
            keys_interval: Duration::from_secs(10),
            drain_grace: Duration::from_secs(5),
            max_body: 4096,
            rates: Rates {
                overall: NonZeroU32::MIN.saturating_add(99),
                strangers: NonZeroU32::MIN.saturating_add(49),
                client: NonZeroU32::MIN.saturating_add(599),
                each: NonZeroU32::MIN.saturating_add(119),
                begun: NonZeroU32::MIN.saturating_add(9),
            },
            limits: Limits {
                connections: 256,
                head_bytes: 32 * 1024,
                ..Limits::default()
            },
        }
    }
}

fn oauth_url(text: &str) -> Result<Url, &'static str> {
    text.parse::<Url>()
        .ok()
        .filter(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.has_host()
                && url.username().is_empty()
                && url.query().is_none()
        })
        .ok_or("expected https://host")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(flags: &[&str]) -> Result<Config, clap::Error> {
        let line = ["connect", "--namespace=operator"].iter().chain(flags);
        Cli::try_parse_from(line).map(|cli| cli.args.into())
    }

    #[test]
    fn an_address_and_a_namespace_suffice() {
        let config = parse(&["--url=https://connect.example.com"]).unwrap();
        assert_eq!(config.zoom_oauth_url.as_str(), "https://zoom.us/");
        assert!(parse(&[]).is_err());
        for wrong in ["--url=http://a.example", "--zoom-oauth-url=zoom.us"] {
            assert!(parse(&["--url=https://a.example", wrong]).is_err());
        }
    }
}

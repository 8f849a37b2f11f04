//! The flags of a receiver that serves many accounts.
//!
//! They are flags and not variables on purpose: a receiver of an earlier version must not start with them,
//! because it would send everybody's events to the integration's sink.

use std::path::PathBuf;

use super::routes::Unclaimed;

/// Share of the buffer that one account may hold unless stated, percent.
pub const DEFAULT_SHARE: u8 = 25;

/// How events of many accounts are told apart.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct RoutingFlags {
    /// Directory with the routes of the accounts. Without it all events go to the sink. Needs a buffer.
    #[arg(
        id = "routes-dir",
        long = "routes-dir",
        env = "ROUTES_DIR",
        value_name = "DIR",
        requires = "buffer_dir"
    )]
    pub dir: Option<PathBuf>,
    /// What happens to events of an account without a route.
    #[arg(
        id = "unclaimed-accounts",
        long = "unclaimed-accounts",
        env = "UNCLAIMED_ACCOUNTS",
        value_name = "POLICY",
        default_value = "Sink"
    )]
    pub unclaimed: Unclaimed,
    /// Percent of the buffer that the events of one account may take, at most as much as is free for all.
    #[arg(
        id = "account-share",
        long = "account-share",
        env = "ACCOUNT_SHARE",
        value_name = "PERCENT",
        default_value_t = DEFAULT_SHARE,
        value_parser = clap::value_parser!(u8).range(1..=100)
    )]
    pub account_share: u8,
}

// === impl RoutingFlags ===

impl Default for RoutingFlags {
    fn default() -> Self {
        Self {
            dir: None,
            unclaimed: Unclaimed::default(),
            account_share: DEFAULT_SHARE,
        }
    }
}

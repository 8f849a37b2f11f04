//! One tenant's webhook server: takes what Zoom signed, and says so only once the sink has it.
//!
//! Knows nothing of Kubernetes: it faces the internet and holds one tenant's secrets only.
//!
//! | question | module |
//! |---|---|
//! | What happens to a request? | [`routes`], and its answers in [`outcome`] |
//! | Is it from Zoom? | [`signature`], [`secrets`], [`authentication`] |
//! | What does Zoom ask every 72 hours? | [`challenge`] |
//! | What is in an event? | [`event`], [`event_id`], [`envelope`] |
//! | Does anybody want it? | [`filter`] |
//! | Who takes it, before Zoom is told so? | [`intake`], [`passthrough`], [`buffer`] |
//! | What does the sink get? | [`sink`], [`cloudevent`] |
//! | What if it comes twice? | [`dedupe`], [`identity`] |
//! | Who looks after dead letters? | [`control`] |
//! | What does the controller learn? | [`recorder`], told by [`facts`] in the form of [`contract::facts`] |
//! | How does it start and stop? | [`server`], [`args`], [`config`] |

pub mod args;
pub mod authentication;
pub mod body;
pub mod buffer;
pub mod challenge;
pub mod cloudevent;
pub mod config;
pub mod control;
pub mod dedupe;
pub mod envelope;
pub mod event;
pub mod event_id;
pub mod facts;
pub mod filter;
pub mod identity;
pub mod intake;
pub mod metrics;
pub mod outcome;
pub mod passthrough;
pub mod recorder;
pub mod routes;
pub mod secrets;
pub mod server;
pub mod signature;
pub mod sink;

pub use self::{args::Args, config::Config, server::Receiver};

use runtime::shutdown;

/// Runs the receiver until it is told to stop.
///
/// One thread: a receiver waits for the network, and there is one for each tenant.
///
/// # Errors
/// When logging cannot be set up, or a port cannot be bound.
pub fn main(args: Args) -> anyhow::Result<()> {
    args.log.init()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let shutdown = shutdown::on_signal()?;
        let receiver = Receiver::bind(args.flags.try_into()?).await?;
        receiver.run(shutdown).await;
        Ok(())
    })
}

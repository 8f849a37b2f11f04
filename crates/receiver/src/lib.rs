//! One tenant's webhook server: accepts what Zoom signed, and acknowledges it once it is delivered or stored.
//!
//! It does not use the Kubernetes API: it faces the internet and holds one tenant's secrets only.
//!
//! | question | module |
//! |---|---|
//! | What happens to a request? | [`routes`], and its answers in [`outcome`] |
//! | Is it from Zoom? | [`signature`], [`secrets`], [`authentication`] |
//! | What does Zoom ask every 72 hours? | [`challenge`] |
//! | What is in an event? | [`event`], [`event_id`], [`envelope`] |
//! | What does Zoom read to validate the domain? | [`domain_validation`] |
//! | Is the event declared? | [`filter`] |
//! | Whose is it, and where does it go then? | [`routing`] |
//! | Where does it go before the acknowledgement? | [`intake`], [`passthrough`], [`buffer`] |
//! | What does the sink get? | [`sink`], [`cloudevent`] |
//! | How is the back end told of a lost grant? | [`lifecycle`] |
//! | How are repeats recognized? | [`dedupe`], [`identity`], [`id_set`] |
//! | How does a person list and replay dead letters? | [`control`] |
//! | What does the controller learn? | [`recorder`], served by [`facts`] in the form of [`contract::facts`] |
//! | How does it start and stop? | [`server`], [`args`], [`config`]; [`memory`] |

pub mod args;
pub mod authentication;
pub mod body;
pub mod buffer;
pub mod challenge;
pub mod cloudevent;
pub mod config;
pub mod control;
pub mod dedupe;
pub mod domain_validation;
pub mod envelope;
pub mod event;
pub mod event_id;
pub mod facts;
pub mod filter;
pub mod id_set;
pub mod identity;
pub mod intake;
pub mod lifecycle;
pub mod memory;
pub mod metrics;
pub mod outcome;
pub mod passthrough;
pub mod recorder;
pub mod routes;
pub mod routing;
pub mod secrets;
pub mod server;
pub mod signature;
pub mod sink;

pub use self::{args::Args, config::Config, server::Receiver};

use runtime::shutdown;

/// Runs the receiver until it is told to stop.
///
/// One thread: a receiver mostly waits for the network, and each tenant has one.
///
/// # Errors
/// When logging cannot be set up, or a port cannot be bound.
pub fn main(args: Args) -> anyhow::Result<()> {
    memory::keep_freed();
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

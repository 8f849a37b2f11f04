//! The receiver on real sockets, with a real sink behind it. Ports and directories are the test's
//! own; nothing sleeps for a fixed time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

mod client;
mod fixture;
mod sink;
mod tenants;
mod tls;

mod buffer;
mod control;
mod crash;
mod crowd;
mod delivery;
mod disk;
mod domain_validation;
mod drain;
mod edge;
mod events;
mod facts;
mod fairness;
mod health;
mod lifecycle;
mod limits;
mod load_balancer;
mod policy;
mod probe;
mod process;
mod routing;
mod secrets;
mod sinks;
mod validation;

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

mod buffer;
mod control;
mod crash;
mod delivery;
mod disk;
mod drain;
mod events;
mod facts;
mod limits;
mod process;
mod secrets;
mod validation;

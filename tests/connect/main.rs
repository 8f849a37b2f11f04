//! The consent pages on real sockets, with an in-memory cluster behind them and a browser in front.
//! Ports and directories are the test's own; nothing sleeps for a fixed time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

mod browser;
mod fixture;
mod memory;

mod cookies;
mod flow;
mod kubernetes;
mod pages;
mod process;
mod refusals;

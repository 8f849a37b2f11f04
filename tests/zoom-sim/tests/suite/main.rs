//! The strictness and the faults of the offline Zoom, fact by fact, on real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic"
)]

mod accounts;
mod api;
mod browser;
mod codes;
mod consent;
mod faults;
mod grants;
mod judge;
mod oauth;
mod portal;
mod process;
mod sink;
mod support;
mod validations;
mod webhooks;

//! The commands for people, as processes: what they print, how they end, and that no secret is in it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod both_families;
mod doctor;
mod plugin;
mod process;
mod uninstall;

//! What people run, as `zoom-operator ...` and as `kubectl zoom ...`.
//!
//! | Command | Module |
//! |---|---|
//! | `status`: the current state | [`status`] |
//! | `setup`: what is left to do in Zoom, with the texts to paste | [`setup`] |
//! | `doctor`: what works, what is missing and what to do | [`doctor`] |
//! | `handout`: the same for the customer's administrator, on a page | [`handout`] |
//! | `refresh`: another access token now | [`refresh`] |
//! | `events`: a tenant's dead letters | [`events`] |
//! | `grants`: moves grants to another cluster | [`grants`] |
//! | `uninstall-check`: what would wait forever without the operator; for the chart | [`uninstall`] |
//!
//! All of them share [`terminal`].

pub mod doctor;
pub mod events;
pub mod grants;
pub mod handout;
pub mod refresh;
pub mod setup;
pub mod status;
pub mod terminal;
pub mod uninstall;

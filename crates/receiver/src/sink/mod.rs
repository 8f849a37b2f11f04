//! Where events go. An event is delivered when the sink says so, and not before.
//!
//! | question | module |
//! |---|---|
//! | Where do they go? | [`config`] |
//! | How by HTTP, and in which format? | [`http`], [`zoom`], [`super::cloudevent`] |
//! | How by NATS? | [`nats`] |
//! | Where may it lead? | [`policy`](runtime::outgoing::policy), enforced by [`guard`](runtime::outgoing::guard) |
//! | What is the sink shown? | [`credentials`] |
//! | Can it be reached, before there is an event? | [`check`], repeated by [`monitor`] |
//! | Why was an event not delivered? | [`failure`] |
//! | What have the kinds of sinks in common? | [`any`] |

pub mod any;
pub mod check;
pub mod config;
pub mod credentials;
pub mod failure;
pub mod http;
pub mod monitor;
pub mod nats;
pub mod retry_after;
pub mod zoom;

pub use self::{
    any::{Built, Sink},
    config::SinkConfig,
    failure::{Failure, SinkError},
    http::{BuildError, HttpSink, Target, TargetError},
    nats::NatsSink,
};

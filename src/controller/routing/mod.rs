//! Routes: where the events of a connection's Zoom account go, if one app serves many.
//!
//! The pass over a connection decides its route and writes it as one key of a Secret beside the receiver. It
//! never reads the routes of others. The pass over an integration removes the routes of connections that are
//! gone, or whose namespace is no longer allowed; of the latter, after a grace in which they lead nowhere.
//!
//! | Question | Where |
//! |---|---|
//! | Whose events are a connection's? | `accounts.rs` |
//! | Where do they go, and why not? | `decide.rs`, `sink.rs` |
//! | What is written already? Did somebody else change it? | `memory.rs`, `versions.rs` |
//! | How is it written? | `write.rs` |
//! | When is it removed? | `sweep.rs` |
//! | What if somebody else changed it? | `repair.rs` |

mod accounts;
mod decide;
mod memory;
mod repair;
mod sink;
mod sweep;
mod versions;
mod write;

pub use self::{
    accounts::{Evidence, accounts, claimed, is_on, is_routed},
    decide::{Decision, Input, Told, Wanted, decide},
    memory::Routes,
    repair::Home,
    sink::observe,
    sweep::{Fate, fate, sweep},
    write::{Written, bring},
};

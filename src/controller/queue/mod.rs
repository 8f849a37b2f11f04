//! The work queue of the controller.
//!
//! | Question | Where |
//! |---|---|
//! | Which object gets a pass next? Pure. | `state.rs` |
//! | Why does it wait, and how soon is its turn? | `priority.rs` |
//! | How many passes run at a time? | `limits.rs` |
//! | Which namespace is next? | `ring.rs` |
//! | What runs the passes? | `driver.rs` |

mod driver;
mod limits;
mod priority;
mod ring;
mod state;

pub use self::{
    driver::{Next, Requeue, run},
    limits::Limits,
    priority::Priority,
};

#[cfg(test)]
mod tests;

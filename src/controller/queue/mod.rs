//! The work queue of the controller.
//!
//! | Question | Where |
//! |---|---|
//! | Which object gets a pass next? Pure. | `state.rs` |
//! | Which namespace is next? | `ring.rs` |
//! | What runs the passes? | `driver.rs` |

mod driver;
mod ring;
mod state;

pub use self::{
    driver::{Next, Requeue, run},
    state::{Limits, Priority},
};

#[cfg(test)]
mod tests;

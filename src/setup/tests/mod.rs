//! The steps of the examples: at the start, half way and done; one step left out; one done wrong.

pub(crate) mod fixtures;
mod golden;
mod known;
mod omitted;
mod risky;
mod wrong;

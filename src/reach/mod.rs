//! Whether a webhook URL leads to its receiver: tried before a person is asked to press Validate.
//!
//! ```text
//! name -> addresses -> policy -> TCP -> TLS and chain -> GET with a question -> the receiver's answer
//! ```
//!
//! Seen from where it runs, which is not where Zoom is. Knows nothing of Kubernetes.
//!
//! | question | module |
//! |---|---|
//! | How is it tried? | [`attempt`] |
//! | What do errors and answers mean? | `classify` |
//! | What can be found? | [`finding`], in sentences `words` |
//! | How does a receiver prove itself? | [`contract::proof`] |

pub mod attempt;
mod classify;
pub mod finding;
mod words;

pub use self::{
    attempt::{Options, check},
    finding::{Cause, Certificate, Connection, Finding, Handshake, Silence},
};

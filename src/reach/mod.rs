//! Whether a webhook URL leads to its receiver, checked before a person is asked to press Validate.
//!
//! ```text
//! name -> addresses -> policy -> TCP -> TLS and chain -> GET, then POST with a question -> the receiver's answers
//! ```
//!
//! Seen from where this runs, which is not where Zoom is. Independent of Kubernetes.
//!
//! | question | module |
//! |---|---|
//! | How is it checked? | [`attempt`] |
//! | What do errors and answers mean? | `classify` |
//! | What can be found? | [`finding`], with the sentences in `words` |
//! | How does a receiver prove itself? | [`contract::proof`] |

pub mod attempt;
mod classify;
pub mod finding;
mod words;

pub use self::{
    attempt::{Options, check},
    finding::{Cause, Certificate, Connection, Finding, Handshake, Silence},
};

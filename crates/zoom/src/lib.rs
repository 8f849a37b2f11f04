//! Zoom's OAuth and API as the operator uses them. Knows nothing of Kubernetes.
//!
//! | Question | Where |
//! |---|---|
//! | Which requests are sent, and how? | `request.rs`, `client.rs`, `check.rs`; where to: `endpoints.rs`; over which connections: `transport.rs` |
//! | How is an answer classified, by status and text? | `error.rs`; by request: `by_request.rs` |
//! | When may the next request come? | `retry_after.rs` reads what Zoom asks for; the controller's `schedule.rs` obeys it |
//! | What does a token answer contain? | `token.rs`; whose token it is: `identity.rs` |
//! | What does a scope allow, and which one is missing? | [`scopes`] |

mod by_request;
mod check;
mod client;
mod endpoints;
mod error;
mod identity;
mod redact;
mod request;
mod retry_after;
pub mod scopes;
mod token;
mod transport;

use std::time::Duration;

pub use client::{App, Client, Credentials};
pub use endpoints::Endpoints;
pub use error::{Class, Error, Fault};
pub use identity::Identity;
pub use request::Request;
pub use token::{AccessToken, Tokens};

/// How often Zoom validates a webhook URL by itself (Zoom, "Using webhooks", "Validate your webhook endpoint").
pub const URL_VALIDATION_PERIOD: Duration = Duration::from_hours(72);

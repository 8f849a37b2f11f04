//! Zoom's OAuth and API as the operator uses them. Knows nothing of Kubernetes.

mod check;
mod client;
mod error;
mod identity;
mod meaning;
mod redact;
mod request;
mod retry_after;
pub mod scopes;
mod token;

use std::time::Duration;

pub use client::{App, Client, Credentials, Endpoints};
pub use error::{Class, Error, Fault};
pub use identity::Identity;
pub use request::Request;
pub use token::{AccessToken, Tokens};

/// How often Zoom validates a webhook URL by itself (Zoom, "Using webhooks", "Validate your webhook endpoint").
pub const URL_VALIDATION_PERIOD: Duration = Duration::from_hours(72);

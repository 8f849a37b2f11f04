//! Zoom's OAuth and API as the operator uses them. Knows nothing of Kubernetes.

mod check;
mod client;
mod error;
mod identity;
mod retry_after;
mod token;

pub use client::{App, Client, Credentials, Endpoints, Tokens};
pub use error::{Class, Error, Fault};
pub use identity::Identity;
pub use token::AccessToken;

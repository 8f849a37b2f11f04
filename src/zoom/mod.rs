//! Zoom's OAuth and API as the operator uses them. Knows nothing of Kubernetes.

mod client;
mod error;
mod retry_after;
pub mod scopes;
mod token;

pub use client::{Client, Credentials, Endpoints};
pub use error::{Class, Error, Fault};
pub use token::AccessToken;

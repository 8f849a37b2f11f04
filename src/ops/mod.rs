//! What every process shares: logs, probes and metrics, guarded listeners, outgoing HTTP,
//! followed files, shutdown, hexadecimal, message authentication codes, secrets in storage.

pub mod admin;
pub mod followed;
pub mod hex;
pub mod http;
pub mod mac;
pub mod metrics;
pub mod outgoing;
pub mod secret;
pub mod shutdown;
pub mod telemetry;

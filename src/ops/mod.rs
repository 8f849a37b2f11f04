//! What every process shares: logs, probes and metrics, guarded listeners, outgoing HTTP, shutdown.

pub mod admin;
pub mod http;
pub mod metrics;
pub mod outgoing;
pub mod shutdown;
pub mod telemetry;

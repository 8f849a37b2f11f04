//! What every process shares: logs, probes and metrics, a guarded listener, shutdown.

pub mod admin;
pub mod http;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;

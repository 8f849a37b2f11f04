//! What every process shares: logs, probes and metrics, shutdown, outgoing HTTP.

pub mod outgoing;

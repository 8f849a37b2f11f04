//! What every process shares: logs, probes and metrics, shutdown.

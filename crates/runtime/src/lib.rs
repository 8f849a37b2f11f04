//! What every process shares: logs and the audit trail, probes and metrics, listening sockets, guarded servers, outgoing HTTP, reloaded files and
//! shutdown. Knows nothing of Kubernetes.

pub mod admin;
pub mod audit;
mod flat_json;
pub mod followed;
pub mod http;
pub mod listen;
pub mod metrics;
pub mod outgoing;
pub mod shutdown;
pub mod telemetry;

//! What to do about Pods that do not answer the operator.

/// What to do about a receiver that cannot be asked: the end of a message.
pub(super) const OPEN_THE_WAY: &str = "look at the receiver's Pods, and let the operator reach their ports 8082 and 8083 through NetworkPolicies and service meshes.";

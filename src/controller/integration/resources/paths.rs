//! Where a receiver finds its files.

/// The secrets that sign webhooks.
pub(super) const SIGNING_DIR: &str = "/etc/zoom-operator/signing";
/// Zoom's further authentication.
pub(super) const AUTHENTICATION_DIR: &str = "/etc/zoom-operator/authentication";
/// The sink's credentials.
pub(super) const SINK_DIR: &str = "/etc/zoom-operator/sink";
/// The token of the control port.
pub(super) const CONTROL_DIR: &str = "/etc/zoom-operator/control";
/// The facts.
pub(super) const STATE_DIR: &str = "/var/lib/zoom-operator";
/// The buffer.
pub(super) const BUFFER_DIR: &str = "/var/lib/zoom-operator-buffer";
/// The volume of the buffer, and the claim's template.
pub(super) const BUFFER: &str = "buffer";

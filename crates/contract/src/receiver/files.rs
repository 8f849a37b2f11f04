//! The files that a receiver finds: the controller mounts them, the receiver reads them.
//!
//! The names of files are the keys of Secrets too, except those of the signing secrets, whose keys a
//! `ZoomIntegration` can choose.

/// Directory of the secrets that sign webhooks.
pub const SIGNING_DIR: &str = "/etc/zoom-operator/signing";
/// The secret token that Zoom shows on the app's "Features > Access" page.
pub const SECRET_TOKEN: &str = "webhook-secret-token";
/// The secret token before that, during a rotation.
pub const PREVIOUS_SECRET_TOKEN: &str = "previous-webhook-secret-token";

/// Directory of Zoom's further authentication.
pub const AUTHENTICATION_DIR: &str = "/etc/zoom-operator/authentication";
/// The user name of Basic authentication.
pub const USERNAME: &str = "webhook-username";
/// Its password.
pub const PASSWORD: &str = "webhook-password";
/// The value of a custom header.
pub const HEADER_VALUE: &str = "webhook-header-value";

/// Directory of the sink's credentials. Each of its files may be absent and may change.
pub const SINK_DIR: &str = "/etc/zoom-operator/sink";
/// The whole value of the `authorization` header, such as `Bearer …`.
pub const AUTHORIZATION: &str = "authorization";
/// PEM certificates of authorities. With this file no other authority is trusted.
pub const CA: &str = "ca.crt";
/// A NATS credentials file: JWT and seed.
pub const NATS_CREDS: &str = "nats.creds";
/// The seed of a NATS nkey user. [`NATS_CREDS`] takes precedence.
pub const NKEY_SEED: &str = "nkey-seed";

/// Directory of the control port's token.
pub const CONTROL_DIR: &str = "/etc/zoom-operator/control";
/// The token.
pub const CONTROL_TOKEN: &str = "token";

/// Directory of the [states](crate::lifecycle) that the sink is told of.
pub const LIFECYCLE_DIR: &str = "/etc/zoom-operator/lifecycle";

/// Directory of the [routes](super::routes): one file for each connection, some of the Secrets absent.
pub const ROUTES_DIR: &str = "/etc/zoom-operator/routes";

/// Directory that outlives the container, for the facts.
pub const STATE_DIR: &str = "/var/lib/zoom-operator";
/// Directory of the buffer.
pub const BUFFER_DIR: &str = "/var/lib/zoom-operator-buffer";

/// Directory of the file that Zoom's domain validation asks for.
pub const DOMAIN_VALIDATION_DIR: &str = "/etc/zoom-operator/domain-validation";
/// The file.
pub const DOMAIN_VALIDATION: &str = "verifyzoom.html";

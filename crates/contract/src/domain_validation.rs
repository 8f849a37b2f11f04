//! Zoom's domain validation: before Zoom reviews an app, it reads a file from each host that the app names.

/// Where Zoom looks for the file, on every host.
pub const PATH: &str = "/zoomverify/verifyzoom.html";

/// Most bytes of the file. Zoom's has some dozens.
pub const MAX_BYTES: u64 = 16 * 1024;

/// What the file may do in a browser: nothing. It is a tenant's text on a host that has pages of others.
pub const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

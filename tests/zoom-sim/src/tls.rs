//! TLS for outgoing webhooks: the ring provider and compiled-in public roots, as the image has no file system to speak of.

use reqwest::Certificate;

/// Makes ring the process-wide TLS provider; a second call does nothing.
pub fn install_crypto() {
    // The error only says that a provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The public certificate authorities of the Mozilla programme.
pub fn public_roots() -> reqwest::Result<Vec<Certificate>> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect()
}

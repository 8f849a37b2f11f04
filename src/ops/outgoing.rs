//! How this product talks to other hosts by HTTP.

use reqwest::{Certificate, ClientBuilder, redirect};

/// A client builder with the CA roots compiled in (the image has no files), without redirects and
/// without proxy variables: a secret must reach the configured host and no other.
///
/// # Errors
/// When a compiled-in root cannot be read.
pub fn client_builder() -> Result<ClientBuilder, reqwest::Error> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|root| Certificate::from_der(root))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(reqwest::Client::builder()
        .tls_certs_only(roots)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("zoom-operator/", env!("CARGO_PKG_VERSION"))))
}

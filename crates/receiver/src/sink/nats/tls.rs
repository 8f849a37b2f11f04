//! TLS to a server that is reached by address and verified by name.
//!
//! The client library gets only addresses that the policy permits. The certificate must still be valid for
//! the name in the URL. The handshake carries no SNI, as always with addresses.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// The library's verification, with the name from the URL.
#[derive(Debug)]
struct Named {
    name: ServerName<'static>,
    inner: Arc<WebPkiServerVerifier>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    /// The host is neither a DNS name nor an address.
    #[error("not a server name")]
    Name,
    /// The authorities cannot be used.
    #[error("unusable authorities")]
    Roots,
}

/// A client that accepts certificates for `host` only, from these authorities or, without any, from public ones.
pub(super) fn config(
    host: &str,
    roots: Option<&[CertificateDer<'static>]>,
) -> Result<ClientConfig, SetupError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots.unwrap_or(TLS_SERVER_ROOT_CERTS).iter().cloned());
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(store.into(), Arc::clone(&provider));
    let named = Named {
        name: ServerName::try_from(host.to_owned()).map_err(|_| SetupError::Name)?,
        inner: verifier.build().map_err(|_| SetupError::Roots)?,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| SetupError::Roots)?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(named))
        .with_no_client_auth())
}

// === impl Named ===

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _address: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner
            .verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

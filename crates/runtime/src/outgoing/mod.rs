//! How this product talks to other hosts: by which HTTP client, by which way out ([`egress`]), and where it
//! may lead when somebody else names the host ([`policy`], enforced by [`guard`]).

pub mod credentials;
pub mod egress;
pub mod guard;
pub mod policy;

use reqwest::{Certificate, Client, ClientBuilder, redirect, retry};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Which certificate authorities a client trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The public CA roots, compiled in: the image has no files. Half a megabyte of memory.
    PublicRoots,
    /// The public CA roots, and these.
    PublicRootsAnd(Vec<Certificate>),
    /// These roots and no others.
    Only(Vec<Certificate>),
    /// None: for addresses without TLS.
    Nobody,
}

/// A client builder without redirects, retries and proxies: what is sent must reach the named host once,
/// and no other.
pub fn client_builder(trust: Trust) -> ClientBuilder {
    let public = || {
        TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|root| Certificate::from_der(root).ok())
    };
    let roots = match trust {
        Trust::PublicRoots => public().collect(),
        Trust::PublicRootsAnd(roots) => public().chain(roots).collect(),
        Trust::Only(roots) => roots,
        Trust::Nobody => Vec::new(),
    };
    Client::builder()
        .tls_certs_only(roots)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .user_agent(concat!("zoom-operator/", env!("CARGO_PKG_VERSION")))
}

//! How this product talks to other hosts: by which HTTP client, and where it may lead when somebody else
//! names the host ([`policy`], enforced by [`guard`]).

pub mod guard;
pub mod policy;

use reqwest::{Certificate, Client, ClientBuilder, redirect, retry};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// Whether a client trusts anybody.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The public CA roots, compiled in: the image has no files. Half a megabyte of memory.
    PublicRoots,
    /// These roots and no others.
    Only(Vec<Certificate>),
    /// Nobody: for addresses without TLS.
    Nobody,
}

/// A client builder without redirects, repetitions and proxy variables: what is sent must reach the
/// named host once, and no other.
pub fn client_builder(trust: Trust) -> ClientBuilder {
    let roots = match trust {
        Trust::PublicRoots => TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|root| Certificate::from_der(root).ok())
            .collect(),
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

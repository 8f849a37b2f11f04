//! Enforces the policy at the time of connection: names are resolved here, all addresses are checked, and only
//! checked addresses are connected to. A name that resolves to another address later is checked again.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use futures::{FutureExt as _, future::BoxFuture};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::policy::{Forbidden, Policy};

/// What resolves names. By default the system does.
#[derive(Clone)]
pub struct Lookup(Arc<LookupFn>);

type LookupFn = dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync;

/// Resolves and judges. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guard {
    policy: Arc<Policy>,
    lookup: Lookup,
}

/// Why there is no address to connect to.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name has no address, or the lookup failed.
    #[error("failed to resolve the name")]
    Lookup(#[from] io::Error),
    /// The policy refuses one of the addresses.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
}

// === impl Lookup ===

impl Lookup {
    /// Resolves by this function.
    pub fn new(
        resolve: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(resolve))
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self::new(|host| {
            async move {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            .boxed()
        })
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Lookup")
    }
}

// === impl Guard ===

impl Guard {
    /// Resolves by `lookup`, judges by `policy`.
    #[must_use]
    pub fn new(policy: Policy, lookup: Lookup) -> Self {
        Self {
            policy: Arc::new(policy),
            lookup,
        }
    }

    /// Judges an address that needs no resolution.
    ///
    /// # Errors
    /// When the policy refuses it.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        self.policy.check([address])
    }

    /// The addresses of a host, each one permitted. There is at least one.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let addresses = (self.lookup.0)(host.to_owned()).await?;
        if addresses.is_empty() {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        self.policy.check(addresses.iter().copied())?;
        Ok(addresses)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        async move {
            let addresses = Self::resolve(&this, name.as_str()).await?;
            // Port 0: the caller puts in the URL's.
            let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(addresses) as Addrs)
        }
        .boxed()
    }
}

//! Whether the sink can be reached, before there is an event: a wrong name, a refused address or a missing
//! Service shows as soon as the receiver runs.
//!
//! A check resolves the name and opens a connection; to a NATS server it logs in, too. Nothing is sent.

use std::{net::SocketAddr, time::Duration};

use runtime::outgoing::guard::{Guard, ResolveError};
use tokio::{net::TcpStream, time};
use url::{Host, Url};

use super::failure::SinkError;

/// Why the sink cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The name resolves to nothing.
    #[error("the sink's name has no address")]
    NoAddress,
    /// The operator's policy refuses one of its addresses.
    #[error("the sink's address is not allowed")]
    Forbidden,
    /// Nothing accepts connections there.
    #[error("the sink accepts no connection")]
    NoConnection,
    /// No address accepted a connection in time.
    #[error("the sink did not accept a connection in time")]
    TimedOut,
    /// A NATS server, or what it needs.
    #[error("{0}")]
    Other(SinkError),
}

/// Resolves the host of a URL, and opens a connection to one of its addresses.
pub(super) async fn connect(
    url: &Url,
    guard: &Guard,
    timeout: Duration,
) -> Result<(), Unreachable> {
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses = match url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(name)) => guard.resolve(name).await.map_err(|error| match error {
            ResolveError::Lookup(_) => Unreachable::NoAddress,
            ResolveError::Forbidden(_) => Unreachable::Forbidden,
        })?,
        None => return Err(Unreachable::NoAddress),
    };
    for address in &addresses {
        guard.check(*address).map_err(|_| Unreachable::Forbidden)?;
    }
    let attempts = async {
        for address in addresses {
            if TcpStream::connect(SocketAddr::new(address, port))
                .await
                .is_ok()
            {
                return Ok(());
            }
        }
        Err(Unreachable::NoConnection)
    };
    let done = time::timeout(timeout, attempts).await;
    done.unwrap_or(Err(Unreachable::TimedOut))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::{io, net::IpAddr};

    use futures::FutureExt as _;
    use runtime::outgoing::{guard::Lookup, policy::Policy};
    use tokio::net::TcpListener;

    use super::*;

    async fn check(url: &str, address: Option<IpAddr>) -> Result<(), Unreachable> {
        let lookup = Lookup::new(move |_| {
            async move {
                address
                    .map(|address| vec![address])
                    .ok_or(io::ErrorKind::NotFound.into())
            }
            .boxed()
        });
        let policy = Policy::internet(vec!["127.0.0.0/8".parse().unwrap()]);
        let guard = Guard::new(policy, lookup);
        connect(&url.parse().unwrap(), &guard, Duration::from_secs(5)).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_way_to_be_out_of_reach_has_its_sentence() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let local = Some(IpAddr::from([127, 0, 0, 1]));
        let (by_name, by_address) = (
            format!("http://sink.example:{port}/in"),
            format!("http://127.0.0.1:{port}"),
        );
        assert_eq!(check(&by_name, local).await, Ok(()));
        assert_eq!(check(&by_address, None).await, Ok(()));
        assert_eq!(check(&by_name, None).await, Err(Unreachable::NoAddress));
        let private = Some(IpAddr::from([10, 0, 0, 1]));
        assert_eq!(check(&by_name, private).await, Err(Unreachable::Forbidden));
        for literal in [
            "http://10.0.0.1/x",
            "http://[fd00::1]/",
            "http://169.254.169.254/",
        ] {
            assert_eq!(
                check(literal, None).await,
                Err(Unreachable::Forbidden),
                "{literal}"
            );
        }
        drop(listener);
        assert_eq!(
            check(&by_address, None).await,
            Err(Unreachable::NoConnection)
        );
    }
}

//! Listening sockets for clients of both IP families.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that wait to be accepted. The kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

/// Listens on `address`.
///
/// `[::]` means every address of the machine: one socket takes IPv6 and IPv4, whatever
/// `net.ipv6.bindv6only` says, and where the kernel has no IPv6 it is `0.0.0.0`. IPv4 clients of such
/// a socket show up with mapped addresses (`::ffff:192.0.2.1`): use [`std::net::IpAddr::to_canonical`].
///
/// # Errors
/// Those of the system, for example when the port is taken.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    if address.ip() != Ipv6Addr::UNSPECIFIED {
        return TcpListener::bind(address).await;
    }
    match dual(address, || open(Domain::IPV6)) {
        Ok(listener) => Ok(listener),
        Err(Failure::NoIpv6) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await,
        Err(Failure::Other(error)) => Err(error),
    }
}

enum Failure {
    NoIpv6,
    Other(io::Error),
}

/// A socket for both families. `open` makes it: where the kernel has no IPv6, that fails.
fn dual(
    address: SocketAddr,
    open: impl FnOnce() -> io::Result<Socket>,
) -> Result<TcpListener, Failure> {
    let socket = open().map_err(|_| Failure::NoIpv6)?;
    let bound = || {
        socket.set_only_v6(false)?;
        // As TcpListener::bind does: a restart must not wait for old connections.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(())
    };
    bound().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AddrNotAvailable => Failure::NoIpv6,
        _ => Failure::Other(error),
    })?;
    TcpListener::from_std(socket.into()).map_err(Failure::Other)
}

fn open(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio::net::TcpStream;

    use super::*;

    fn everywhere() -> SocketAddr {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    }

    async fn answers(listener: &TcpListener, ip: IpAddr) -> bool {
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((ip, port)).await.is_ok()
    }

    #[tokio::test]
    async fn one_socket_takes_both_families() {
        let listener = listen(everywhere()).await.unwrap();
        assert!(answers(&listener, Ipv4Addr::LOCALHOST.into()).await);
        if open(Domain::IPV6).is_ok() {
            assert!(answers(&listener, Ipv6Addr::LOCALHOST.into()).await);
        }
    }

    #[tokio::test]
    async fn without_ipv6_it_listens_on_ipv4() {
        let refused = || Err(io::Error::other("address family not supported"));
        assert!(matches!(dual(everywhere(), refused), Err(Failure::NoIpv6)));
    }

    #[tokio::test]
    async fn a_given_address_is_taken_literally() {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        assert!(listener.local_addr().unwrap().is_ipv4());
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error() {
        let first = listen(everywhere()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let error = listen(taken).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}

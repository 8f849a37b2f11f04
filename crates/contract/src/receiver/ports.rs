//! The ports of a receiver.

use std::net::{Ipv6Addr, SocketAddr};

/// Takes webhooks.
pub const HTTP: u16 = 8080;
/// On the port for webhooks: 200 while the Pod is ready, otherwise 503. For load balancers that look at this port.
pub const HEALTH: &str = "/healthz";
/// Tells liveness, readiness and metrics: `/live`, `/ready`, `/metrics`.
pub const ADMIN: u16 = 8081;
/// Tells the controller what the receiver knows: `/facts`.
pub const FACTS: u16 = 8082;
/// Serves dead letters and takes the order to drain, for whoever has the token. Only with a buffer.
pub const CONTROL: u16 = 8083;

/// This port on every address of either IP family.
#[must_use]
pub const fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)
}

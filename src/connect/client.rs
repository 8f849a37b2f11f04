//! Finds the client of a request behind proxies: the address that the last trusted proxy saw.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;

/// Proxies append the address of their client to this header.
const FORWARDED: &str = "x-forwarded-for";

/// The client of a request that came through `hops` trusted proxies; `None` without proxies, or if the header
/// has no address at that position. Addresses that a client writes into the header itself are further left.
#[must_use]
pub fn of(headers: &HeaderMap, hops: u8) -> Option<IpAddr> {
    let skipped = usize::from(hops.checked_sub(1)?);
    let mut seen: Vec<&str> = Vec::new();
    for value in headers.get_all(FORWARDED) {
        seen.extend(value.to_str().ok()?.split(','));
    }
    let address = seen.into_iter().rev().nth(skipped)?.trim();
    let address = address.parse().ok().or_else(|| {
        address
            .parse()
            .ok()
            .map(|socket: std::net::SocketAddr| socket.ip())
    })?;
    Some(network(address))
}

/// In IPv6, a whole /64 counts as one client.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn client(values: &[&str], hops: u8) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(FORWARDED, value.parse().unwrap());
        }
        of(&headers, hops).map(|address| address.to_string())
    }

    #[test]
    fn the_last_trusted_proxy_counts_and_nothing_that_the_client_wrote() {
        let list = ["6.6.6.6, 203.0.113.7", "10.0.0.1"];
        assert_eq!(client(&list, 1).as_deref(), Some("10.0.0.1"));
        assert_eq!(client(&list, 2).as_deref(), Some("203.0.113.7"));
        assert_eq!(client(&list, 0), None);
        assert_eq!(client(&list, 4), None);
        assert_eq!(client(&[], 1), None);
        assert_eq!(client(&["unknown"], 1), None);
    }

    #[test]
    fn addresses_may_have_a_port_and_those_of_ipv6_are_cut_to_their_network() {
        assert_eq!(
            client(&["203.0.113.7:4711"], 1).as_deref(),
            Some("203.0.113.7")
        );
        assert_eq!(
            client(&["2001:db8:1:2:3::4"], 1).as_deref(),
            Some("2001:db8:1:2::")
        );
        assert_eq!(
            client(&["[2001:db8::4]:443"], 1).as_deref(),
            Some("2001:db8::")
        );
        assert_eq!(
            client(&["::ffff:203.0.113.7"], 1).as_deref(),
            Some("203.0.113.7")
        );
    }
}

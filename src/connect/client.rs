//! Finds the client of a request behind proxies: the address that the last trusted proxy saw.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue};

/// Proxies append the address of their client to this header.
const FORWARDED: &str = "x-forwarded-for";

/// In place of what a proxy wrote and nobody can read: all these are one client.
const UNREADABLE: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The client of a request that came through `hops` trusted proxies; `None` without proxies, or if the header
/// has no address at that position. Addresses that a client writes into the header itself are further left.
#[must_use]
pub fn of(headers: &HeaderMap, hops: u8) -> Option<IpAddr> {
    counted(headers, hops).filter(|client| *client != UNREADABLE)
}

/// The client that a request counts for; `None` if clients cannot be told apart.
#[must_use]
pub fn counted(headers: &HeaderMap, hops: u8) -> Option<IpAddr> {
    let skipped = usize::from(hops.checked_sub(1)?);
    // Only the wanted part must be text: the client may have written anything into the others.
    let values: Vec<&[u8]> = headers
        .get_all(FORWARDED)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let parts = values.into_iter().rev();
    let mut parts = parts.flat_map(|value| value.rsplit(|byte| *byte == b','));
    let address = parts.nth(skipped)?;
    Some(read(address).map_or(UNREADABLE, network))
}

fn read(address: &[u8]) -> Option<IpAddr> {
    let address = str::from_utf8(address).ok()?.trim();
    let with_port = || address.parse().map(|socket: SocketAddr| socket.ip());
    address.parse().or_else(|_| with_port()).ok()
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

    /// One byte would be enough to turn off the limit.
    #[test]
    fn what_a_client_writes_hides_no_address_and_what_cannot_be_read_is_one_client() {
        let counted = |values: &[&[u8]], hops| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED, HeaderValue::from_bytes(value).unwrap());
            }
            (super::counted(&headers, hops), of(&headers, hops))
        };
        let address = Some(IpAddr::from([203, 0, 113, 7]));
        for list in [
            &[&b"\xff, 203.0.113.7"[..]][..],
            &[b"\xff", b"203.0.113.7"],
            &[b"\xff,\xfe", b"x,203.0.113.7"],
        ] {
            assert_eq!(counted(list, 1), (address, address));
        }
        for unreadable in [&b"\xff"[..], b"unknown", b""] {
            assert_eq!(counted(&[unreadable], 1), (Some(UNREADABLE), None));
        }
        assert_eq!(counted(&[], 1), (None, None));
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

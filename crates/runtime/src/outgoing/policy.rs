//! Where a host may be that a tenant names: which addresses may be connected to. Pure.
//!
//! Our Pods run inside the cluster: without a policy a URL could lead to whatever they can reach. What is
//! judged is the address that is connected to, never the name.
//!
//! | destination | may be |
//! |---|---|
//! | a sink's URL | globally reachable (IANA special-purpose registries), or in a network that the operator allows |
//! | a Service of the same namespace as sink; a webhook URL that is checked | any unicast address except loopback, link-local and reserved ones |
//! | cloud metadata | only if the operator allows a network of exactly that one address (`/32`, `/128`) |
//! | a network that the operator refuses, by a URL | never, also where it is allowed |
//! | an address of a Service that was not judged | never |
//! | unspecified, multicast, broadcast | never |
//!
//! An IPv6 address that carries an IPv4 one is judged by both: the mapped form and the well-known NAT64
//! prefix are as good as what they carry; the compatible form, 6to4, Teredo and NAT64 of local use are
//! refused unless their own network is allowed, and even then must not carry a metadata address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Which destinations are allowed by default, without an allowed network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The public internet: for URLs.
    Internet,
    /// The cluster as well: for a Service of the tenant's own namespace, and for a way in.
    Cluster,
}

/// The decision about addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    reach: Reach,
    allowed: Vec<IpNet>,
    refused: Vec<IpNet>,
    /// Nothing else may be connected to.
    only: Option<Vec<IpAddr>>,
}

/// The policy refuses this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("destination {0} is not allowed")]
pub struct Forbidden(pub IpAddr);

/// IPv4 that is not globally reachable (IANA IPv4 Special-Purpose Address Registry), or deprecated.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 31, 196, 0, 24),
    v4(192, 52, 193, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 3),
];
/// IPv4 that no Service can have: this host, its link, multicast and reserved.
const LOCAL_V4: [Ipv4Net; 4] = [
    v4(0, 0, 0, 0, 8),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(224, 0, 0, 0, 3),
];
/// The only IPv6 range that is allocated for the internet.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// What of it is not globally reachable (IANA IPv6 Special-Purpose Address Registry).
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    SIX_TO_FOUR,
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];
/// Unique local addresses: what clusters use.
const UNIQUE_LOCAL: Ipv6Net = v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7);
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const NAT64_LOCAL: Ipv6Net = v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48);
const COMPATIBLE: Ipv6Net = v6([0; 8], 96);
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);

/// Where clouds serve credentials and keys to every process on the host.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254), // nearly everybody
    Ipv4Addr::new(169, 254, 170, 2),   // AWS, tasks
    Ipv4Addr::new(169, 254, 170, 23),  // AWS, Pods
    Ipv4Addr::new(100, 100, 100, 200), // Alibaba
    Ipv4Addr::new(168, 63, 129, 16),   // Azure, a public address
    Ipv4Addr::new(192, 0, 0, 192),     // Oracle
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),  // AWS, Pods
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // Google
];

// === impl Policy ===

impl Policy {
    /// For a URL: the internet, and the networks that the operator allows.
    #[must_use]
    pub fn internet(allowed: Vec<IpNet>) -> Self {
        Self {
            reach: Reach::Internet,
            allowed,
            refused: Vec::new(),
            only: None,
        }
    }

    /// The cluster and the internet.
    #[must_use]
    pub fn cluster() -> Self {
        Self {
            reach: Reach::Cluster,
            allowed: Vec::new(),
            refused: Vec::new(),
            only: None,
        }
    }

    /// The same without these addresses, however they are spelled.
    #[must_use]
    pub fn without(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses = addresses.into_iter().map(|address| address.to_canonical());
        self.refused.extend(addresses.map(IpNet::from));
        self
    }

    /// The same without these networks, even where they are allowed.
    #[must_use]
    pub fn refusing(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.refused.extend(networks.into_iter().map(canonical));
        self
    }

    /// The same, of which only these addresses.
    #[must_use]
    pub fn only(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses = addresses.into_iter().map(|address| address.to_canonical());
        self.only = Some(addresses.collect());
        self
    }

    /// Judges all addresses of a name. One refused address refuses them all: a DNS answer with a mixture
    /// is suspicious.
    ///
    /// # Errors
    /// The first address that is refused.
    pub fn check(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Forbidden> {
        match addresses
            .into_iter()
            .find(|address| !self.permits(*address))
        {
            Some(address) => Err(Forbidden(address)),
            None => Ok(()),
        }
    }

    /// Whether this address may be connected to.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        // The mapped form is another spelling: sockets treat it as IPv4.
        let address = address.to_canonical();
        if self.refuses(address)
            || self
                .only
                .as_ref()
                .is_some_and(|only| !only.contains(&address))
        {
            return false;
        }
        if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
            return false;
        }
        if is_metadata(address) {
            return self
                .allowed
                .iter()
                .any(|net| net.prefix_len() == net.max_prefix_len() && net.contains(&address));
        }
        if let IpAddr::V6(v6) = address {
            if NAT64.contains(&v6) {
                return self.permits(last_four(v6).into());
            }
            if carried(v6).is_some_and(|v4| is_metadata(v4.into()) || self.refuses(v4.into())) {
                return false;
            }
        }
        self.reach.covers(address) || self.allowed.iter().any(|net| net.contains(&address))
    }

    fn refuses(&self, address: IpAddr) -> bool {
        self.refused.iter().any(|net| net.contains(&address))
    }
}

// === impl Reach ===

impl Reach {
    fn covers(self, address: IpAddr) -> bool {
        let is_public_v6 =
            |v6| GLOBAL_V6.contains(&v6) && !SPECIAL_V6.iter().any(|net| net.contains(&v6));
        match (self, address) {
            (Self::Internet, IpAddr::V4(v4)) => !SPECIAL_V4.iter().any(|net| net.contains(&v4)),
            (Self::Cluster, IpAddr::V4(v4)) => !LOCAL_V4.iter().any(|net| net.contains(&v4)),
            (Self::Internet, IpAddr::V6(v6)) => is_public_v6(v6),
            (Self::Cluster, IpAddr::V6(v6)) => is_public_v6(v6) || UNIQUE_LOCAL.contains(&v6),
        }
    }
}

fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => METADATA_V6.contains(&v6),
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_broadcast())
}

/// A network as the addresses in it are judged: one of mapped addresses is one of IPv4.
fn canonical(net: IpNet) -> IpNet {
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (IpAddr::V4(v4), Some(prefix)) if net.addr().is_ipv6() => {
            Ipv4Net::new(v4, prefix).map_or(net, IpNet::from)
        }
        _ => net,
    }
}

/// The IPv4 address to which a transition mechanism would take this one.
fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let bytes = v6.octets();
    if COMPATIBLE.contains(&v6) {
        Some(last_four(v6))
    } else if SIX_TO_FOUR.contains(&v6) {
        Some(Ipv4Addr::new(bytes[2], bytes[3], bytes[4], bytes[5]))
    } else if TEREDO.contains(&v6) {
        Some(Ipv4Addr::from_bits(!last_four(v6).to_bits())) // RFC 4380 section 4: inverted
    } else if NAT64_LOCAL.contains(&v6) {
        // RFC 6052 section 2.2 with a prefix of 48 bits; with one of 96 bits it is the end.
        let middle = Ipv4Addr::new(bytes[6], bytes[7], bytes[9], bytes[10]);
        Some(if is_metadata(middle.into()) {
            middle
        } else {
            last_four(v6)
        })
    } else {
        None
    }
}

fn last_four(v6: Ipv6Addr) -> Ipv4Addr {
    let bytes = v6.octets();
    Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15])
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(groups: [u16; 8], bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(groups), bits)
}

#[cfg(test)]
mod tests;

//! Where a host may be that a tenant names: which addresses may be connected to. Pure.
//!
//! Our Pods run inside the cluster: without a policy a URL could lead to whatever they can reach. What is
//! judged is the address that is connected to, never the name.
//!
//! | destination | may be |
//! |---|---|
//! | a sink's URL | globally reachable (IANA special-purpose registries), or in a network that the operator allows |
//! | a sink that is a Service of the own namespace; a way in that is tried | any unicast address but this host, its link, and what is reserved |
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
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use proptest::prelude::*;

    use super::*;

    fn allowing(networks: &[&str]) -> Policy {
        Policy::internet(networks.iter().map(|net| net.parse().unwrap()).collect())
    }

    fn judge(policy: &Policy, address: &str) -> bool {
        policy.permits(address.parse().unwrap())
    }

    #[test]
    fn a_refused_network_wins_over_an_allowed_one_in_every_spelling() {
        let networks = ["2001:4860::/32", "::ffff:8.8.0.0/112", "10.1.0.0/16"];
        let networks = networks.map(|net| net.parse().unwrap());
        let allowed = ["10.0.0.0/8", "2001:4860:4860::/48", "2002::/16"];
        let allowed = allowed.map(|net| net.parse().unwrap());
        let policy = Policy::internet(allowed.into()).refusing(networks);
        for refused in [
            "2001:4860:4860::8888",
            "8.8.8.8",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "10.1.2.3",
        ] {
            assert!(!judge(&policy, refused), "{refused}");
        }
        for permitted in ["8.9.8.8", "2606:4700::1111", "10.2.2.3", "2002:809:808::1"] {
            assert!(judge(&policy, permitted), "{permitted}");
        }
    }

    #[test]
    fn only_judged_addresses_of_a_service_are_reached() {
        let judged = ["10.96.0.7".parse().unwrap(), "fd00:1::7".parse().unwrap()];
        let policy = Policy::cluster().only(judged);
        for permitted in ["10.96.0.7", "::ffff:10.96.0.7", "fd00:1::7"] {
            assert!(judge(&policy, permitted), "{permitted}");
        }
        for refused in ["10.96.0.8", "8.8.8.8", "fd00:1::8", "169.254.169.254"] {
            assert!(!judge(&policy, refused), "{refused}");
        }
        assert!(!judge(&Policy::cluster().only([]), "10.96.0.7"));
        // Judging by the controller does not make this host a Service.
        let local = ["127.0.0.1".parse().unwrap()];
        assert!(!judge(&Policy::cluster().only(local), "127.0.0.1"));
    }

    /// Never by default, neither for a URL nor for a Service.
    const HOSTILE: [&str; 38] = [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "fe80::1",
        "febf::a9fe:a9fe",
        "fec0::1",
        "ff02::1",
        "fd00:ec2::254",
        "100::1",
    ];
    const PUBLIC: [&str; 8] = [
        "1.1.1.1",
        "93.184.215.14",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700:4700::1111",
        "2a00:1450:4001:80b::200e",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
    ];
    /// For a Service only.
    const PRIVATE: [&str; 13] = [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.7",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "fd12:3456::1",
        "fc00::1",
    ];

    #[test]
    fn every_address_has_its_place() {
        let (internet, cluster) = (Policy::internet(Vec::new()), Policy::cluster());
        for address in HOSTILE {
            assert!(!judge(&internet, address), "{address}");
            assert!(!judge(&cluster, address), "{address}");
        }
        for address in PUBLIC {
            assert!(judge(&internet, address), "{address}");
            assert!(judge(&cluster, address), "{address}");
        }
        for address in PRIVATE {
            assert!(!judge(&internet, address), "{address}");
            assert!(judge(&cluster, address), "{address}");
        }
    }

    #[test]
    fn a_network_can_be_allowed() {
        let policy = allowing(&["10.1.0.0/16", "127.0.0.0/8", "fd12::/16", "2002::/16"]);
        for address in [
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "64:ff9b::a01:203",
            "127.0.0.1",
            "fd12::1",
        ] {
            assert!(judge(&policy, address), "{address}");
        }
        assert!(judge(&policy, "2002:a00:1::"));
        for address in [
            "10.2.0.1",
            "192.168.0.1",
            "fd13::1",
            "::1",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!judge(&policy, address), "{address}");
        }
    }

    #[test]
    fn metadata_wants_to_be_named() {
        let wide = allowing(&["0.0.0.0/0", "::/0"]);
        for address in METADATA_V4.map(IpAddr::from) {
            assert!(!wide.permits(address), "{address}");
        }
        for address in METADATA_V6.map(IpAddr::from) {
            assert!(!wide.permits(address), "{address}");
        }
        for address in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "ff02::1", "::"] {
            assert!(!judge(&wide, address), "{address}");
        }
        assert!(judge(&wide, "127.0.0.1") && judge(&wide, "fe80::1"));
        let named = allowing(&["169.254.169.254/32"]);
        assert!(judge(&named, "169.254.169.254"));
        assert!(judge(&named, "64:ff9b::a9fe:a9fe"));
        assert!(!judge(&named, "169.254.169.253"));
    }

    #[test]
    fn single_addresses_can_be_refused_in_every_spelling() {
        let policy = Policy::cluster().without(["10.96.0.1".parse().unwrap()]);
        for address in ["10.96.0.1", "::ffff:10.96.0.1", "64:ff9b::a60:1"] {
            assert!(!judge(&policy, address), "{address}");
            assert!(judge(&Policy::cluster(), address), "{address}");
        }
        assert!(judge(&policy, "10.96.0.2"));
    }

    #[test]
    fn one_bad_address_spoils_them_all() {
        let policy = Policy::internet(Vec::new());
        let (good, bad) = ("1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap());
        assert_eq!(policy.check([good]), Ok(()));
        assert_eq!(policy.check([good, bad]), Err(Forbidden(bad)));
    }

    proptest! {
        #[test]
        fn no_spelling_of_an_ipv4_address_is_better_than_itself(bits: u32) {
            let plain = Ipv4Addr::from_bits(bits);
            for policy in [Policy::internet(Vec::new()), Policy::cluster()] {
                let permitted = policy.permits(plain.into());
                prop_assert_eq!(policy.permits(plain.to_ipv6_mapped().into()), permitted);
                let nat64 = Ipv6Addr::from_bits(0x64_ff9b << 96 | u128::from(bits));
                prop_assert_eq!(policy.permits(nat64.into()), permitted);
                let compatible = Ipv6Addr::from_bits(u128::from(bits));
                prop_assert!(!policy.permits(compatible.into()));
            }
        }

        #[test]
        fn a_url_leads_nowhere_that_a_service_does_not(bits: u128) {
            let address = IpAddr::from(Ipv6Addr::from_bits(bits));
            let (internet, cluster) = (Policy::internet(Vec::new()), Policy::cluster());
            prop_assert!(!internet.permits(address) || cluster.permits(address));
        }
    }
}

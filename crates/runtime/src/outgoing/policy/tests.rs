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

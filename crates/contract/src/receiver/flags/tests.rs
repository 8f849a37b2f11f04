#![allow(clippy::unwrap_used, reason = "a test may stop")]

use clap::Parser;
use ipnet::IpNet;
use proptest::{collection::vec, option, prelude::*};

use super::{
    super::{
        routes::Unclaimed,
        sink_flags::{NatsMessageId, ServiceAddresses, SinkFormat},
        values::SinkUrl,
    },
    *,
};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
}

fn parse(args: &[impl AsRef<str>]) -> Result<Flags, clap::Error> {
    let line = ["receiver"]
        .into_iter()
        .chain(args.iter().map(AsRef::as_ref));
    Cli::try_parse_from(line).map(|cli| cli.flags)
}

fn new() -> Flags {
    Flags::new("ns/name".parse().unwrap())
}

#[test]
fn the_defaults_are_those_of_the_command_line() {
    assert!(parse(&["--integration=ns/name"]).is_ok_and(|flags| flags == new()));
}

#[test]
fn only_what_every_receiver_has_is_written_by_default() {
    assert_eq!(
        new().to_args(),
        [
            "--integration=ns/name",
            "--path=/",
            "--signing-secrets-dir=/etc/zoom-operator/signing",
            "--state-dir=/var/lib/zoom-operator",
        ]
    );
}

fn time() -> impl Strategy<Value = Duration> {
    (0_u64..604_800_000).prop_map(Duration::from_millis)
}

fn sink() -> impl Strategy<Value = SinkFlags> {
    let url = option::of("https?://[a-z]{1,9}(\\?[a-z]=%20)?").prop_map(|url| url.map(SinkUrl));
    let format = option::of(prop_oneof![
        Just(SinkFormat::CloudEvents),
        Just(SinkFormat::Zoom)
    ]);
    let id = option::of(prop_oneof![
        Just(NatsMessageId::Body),
        Just(NatsMessageId::EventKey)
    ]);
    (
        0..4,
        url,
        format,
        id,
        option::of(time()),
        option::of("/[a-z]{1,9}"),
        vec(Just("10.0.0.0/8".parse::<IpNet>().unwrap()), 0..3),
    )
        .prop_map(
            |(kind, url, format, id, timeout, directory, allow_networks)| {
                let http = (kind < 2).then_some(()).and(url.clone());
                let nats = (kind == 2).then_some(()).and(url);
                SinkFlags {
                    service: http.clone().filter(|_| kind == 0),
                    url: http.filter(|_| kind == 1),
                    format: format.filter(|_| nats.is_none()),
                    nats_subject: nats.as_ref().map(|_| "a.b".into()),
                    nats_message_id: id.filter(|_| nats.is_some()),
                    nats,
                    credentials_dir: directory.map(PathBuf::from),
                    timeout,
                    refuse_networks: allow_networks.clone(),
                    allow_networks,
                    service_addresses: None,
                }
            },
        )
}

#[test]
fn judged_addresses_are_read_as_written() {
    let judged = vec!["10.96.0.7".parse().unwrap(), "fd00::7".parse().unwrap()];
    for addresses in [ServiceAddresses(judged), ServiceAddresses::default()] {
        let text = addresses.to_string();
        assert_eq!(text.parse(), Ok(addresses), "{text}");
    }
    assert!("sink.ns.svc".parse::<ServiceAddresses>().is_err());
}

proptest! {
    /// Whatever is written is read as the same.
    #[test]
    fn what_is_written_is_read(
        sink in sink(),
        scheme in option::of(prop_oneof!["basic", "header:[A-Za-z-]{1,9}"]),
        events in vec("[a-z_.]{1,12}", 0..3),
        attributes in vec("[a-z]{1,5}=[ -~ä]{0,9}", 0..3),
        buffer in option::of((1_u64..1 << 40, time(), 1_u32..99)),
        (grace, limit, tolerance) in (time(), time(), time()),
        (filter, suspended, ephemeral, body) in any::<(bool, bool, bool, u32)>(),
        (routes, unclaimed, account_share) in (any::<bool>(), 0..3_usize, 1_u8..=100),
    ) {
        let scheme = scheme.map(|text| text.parse().unwrap());
        let (buffer_size, buffer_max_age, buffer_attempts) =
            buffer.unwrap_or((DEFAULT_SIZE, DEFAULT_MAX_AGE, DEFAULT_ATTEMPTS));
        let flags = Flags {
            authentication_dir: scheme.as_ref().map(|_| "/a".into()),
            authentication: scheme,
            sink,
            routing: RoutingFlags {
                dir: buffer.filter(|_| routes).map(|_| "/r".into()),
                unclaimed: Unclaimed::value_variants()[unclaimed],
                account_share,
            },
            event: events,
            attribute: attributes.iter().map(|text| text.parse().unwrap()).collect(),
            buffer_dir: buffer.map(|_| "/b".into()),
            buffer_size,
            buffer_max_age,
            buffer_attempts,
            buffer_ephemeral: ephemeral,
            control_token_file: buffer.map(|_| "/c/token".into()),
            domain_validation_file: ephemeral.then(|| "/d/verifyzoom.html".into()),
            filter,
            suspended,
            max_body_bytes: body,
            timestamp_tolerance: tolerance,
            drain_grace: grace,
            drain_limit: limit,
            ..new()
        };
        let args = flags.to_args();
        prop_assert!(parse(&args).is_ok_and(|read| read == flags), "{args:?}");
    }
}

#[test]
fn wrong_flags_are_refused() {
    for flags in [
        &["--sink-timeout=-1"][..],
        &["--sink-timeout=NaN"],
        &["--timestamp-tolerance=1e9"],
        &["--path=hook"],
        &["--path=/a?b"],
        &["--integration=name"],
        &["--authentication=basic"],
        &["--sink-url=http://a", "--sink-service=http://b"],
        &[
            "--sink-url=http://a",
            "--sink-nats=nats://b",
            "--sink-nats-subject=c",
        ],
        &[
            "--sink-service=http://a",
            "--sink-nats=nats://b",
            "--sink-nats-subject=c",
        ],
        &["--sink-nats=nats://b"],
        &[
            "--sink-nats=nats://b",
            "--sink-nats-subject=c",
            "--sink-format=Zoom",
        ],
        &["--sink-format=XML"],
        &["--routes-dir=/r"],
        &["--unclaimed-accounts=sink"],
        &["--account-share=0"],
        &["--account-share=101"],
        &["--sink-allow-network=10.0.0.0/33"],
    ] {
        let args = [&["--integration=ns/name"], flags].concat();
        assert!(parse(&args).is_err(), "{flags:?}");
    }
}

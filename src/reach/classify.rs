//! What errors and answers mean. Pure.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError, PeerIncompatible};

use super::finding::{Cause, Certificate, Connection, Handshake};
use runtime::outgoing::guard::ResolveError;

/// What the C libraries say about a name without an address (`gai_strerror`): glibc, musl, macOS. They
/// provide no code for it.
const NO_ADDRESS: [&str; 5] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "Name has no usable address",
    "nodename nor servname provided, or not known",
];

/// Why a name could not be resolved.
pub(super) fn resolution(error: &ResolveError) -> Cause {
    match error {
        ResolveError::Forbidden(forbidden) => Cause::AddressRefused(forbidden.0),
        ResolveError::Lookup(error) if is_absent(error) => Cause::NameNotFound,
        ResolveError::Lookup(_) => Cause::ResolverFailed,
    }
}

fn is_absent(error: &io::Error) -> bool {
    let text = error.to_string();
    error.kind() == io::ErrorKind::NotFound
        || NO_ADDRESS.iter().any(|message| text.ends_with(message))
}

/// Why no address accepted a connection: a refusal comes first, because it shows that somebody is there.
pub(super) fn connection(errors: &[io::Error]) -> Cause {
    let is = |kind| errors.iter().any(|error| error.kind() == kind);
    Cause::ConnectionFailed(if is(io::ErrorKind::ConnectionRefused) {
        Connection::Refused
    } else if is(io::ErrorKind::TimedOut) {
        Connection::TimedOut
    } else {
        Connection::NoRoute
    })
}

/// Why a connection has no TLS.
pub(super) fn handshake(error: &io::Error) -> Cause {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(error) = inner else {
        // The connection was closed, in one of several ways.
        return Cause::HandshakeFailed(match error.kind() {
            io::ErrorKind::TimedOut => Handshake::TimedOut,
            _ => Handshake::Closed,
        });
    };
    Cause::HandshakeFailed(match error {
        TlsError::InvalidCertificate(error) => {
            return Cause::CertificateInvalid(certificate(error));
        }
        TlsError::NoCertificatesPresented => {
            return Cause::CertificateInvalid(Certificate::Unusable);
        }
        TlsError::AlertReceived(AlertDescription::ProtocolVersion)
        | TlsError::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Handshake::OldVersion,
        TlsError::AlertReceived(AlertDescription::UnrecognisedName) => Handshake::UnknownHost,
        TlsError::InvalidMessage(_) => Handshake::NotTls,
        _ => Handshake::Refused,
    })
}

fn certificate(error: &CertificateError) -> Certificate {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Certificate::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Certificate::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Certificate::OtherHost
        }
        CertificateError::UnknownIssuer => Certificate::UnknownIssuer,
        _ => Certificate::Unusable,
    }
}

/// What an answer means; `proven` if it proves to be the receiver's.
pub(super) fn answer(status: u16, proven: bool) -> Cause {
    match status {
        _ if proven => Cause::Reachable,
        300..=399 => Cause::Redirected(status),
        200..=299 => Cause::OtherServer,
        _ => Cause::UnexpectedStatus(status),
    }
}

/// What the answer to a POST means, after a GET reached the receiver; `proven` if it proves to be the receiver's,
/// `complete` if Zoom's headers arrived with it.
pub(super) fn post(status: u16, proven: bool, complete: bool) -> Cause {
    match (proven, complete) {
        (true, true) => Cause::Reachable,
        (true, false) => Cause::HeadersRemoved,
        (false, _) => Cause::PostRefused(status),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use runtime::outgoing::policy::Forbidden;

    fn io(kind: io::ErrorKind) -> io::Error {
        kind.into()
    }

    #[test]
    fn a_name_that_is_not_there_is_told_from_a_resolver_that_fails() {
        let lookup = |text: &str| {
            resolution(&ResolveError::Lookup(io::Error::other(format!(
                "failed to lookup address information: {text}"
            ))))
        };
        for text in NO_ADDRESS {
            assert_eq!(lookup(text), Cause::NameNotFound, "{text}");
        }
        for text in [
            "Temporary failure in name resolution",
            "Try again",
            "Non-recoverable error",
        ] {
            assert_eq!(lookup(text), Cause::ResolverFailed, "{text}");
        }
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert_eq!(
            resolution(&Forbidden(address).into()),
            Cause::AddressRefused(address)
        );
    }

    #[test]
    fn who_refuses_is_there() {
        use io::ErrorKind::{ConnectionRefused, NetworkUnreachable, TimedOut};
        for (kinds, expected) in [
            (&[TimedOut, ConnectionRefused][..], Connection::Refused),
            (&[NetworkUnreachable, TimedOut], Connection::TimedOut),
            (&[NetworkUnreachable], Connection::NoRoute),
        ] {
            let errors: Vec<io::Error> = kinds.iter().copied().map(io).collect();
            assert_eq!(connection(&errors), Cause::ConnectionFailed(expected));
        }
    }

    #[test]
    fn the_end_of_a_connection_is_no_tls() {
        for (kind, expected) in [
            (io::ErrorKind::UnexpectedEof, Handshake::Closed),
            (io::ErrorKind::ConnectionReset, Handshake::Closed),
            (io::ErrorKind::TimedOut, Handshake::TimedOut),
        ] {
            assert_eq!(handshake(&io(kind)), Cause::HandshakeFailed(expected));
        }
    }

    #[test]
    fn a_post_must_arrive_with_zooms_headers() {
        assert_eq!(post(204, true, true), Cause::Reachable);
        assert_eq!(post(204, true, false), Cause::HeadersRemoved);
        assert_eq!(post(405, false, true), Cause::PostRefused(405));
    }

    #[test]
    fn only_the_receiver_makes_a_status_good() {
        assert_eq!(answer(204, true), Cause::Reachable);
        assert_eq!(answer(204, false), Cause::OtherServer);
        assert_eq!(answer(301, false), Cause::Redirected(301));
        assert_eq!(answer(404, false), Cause::UnexpectedStatus(404));
        assert_eq!(answer(503, false), Cause::UnexpectedStatus(503));
    }
}

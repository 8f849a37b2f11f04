//! The possible findings of a check.

use std::net::IpAddr;

/// A finding, for machines and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// What it means, and the remedy. Contains no text from an answer.
    pub message: String,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The receiver answered.
    Reachable,
    /// The URL is not https with the name of a host.
    UrlUnusable,
    /// The name has no address.
    NameNotFound,
    /// No resolver could say whether the name has an address. The problem may be on our side.
    ResolverFailed,
    /// The name leads to this address, which is not tried.
    AddressRefused(IpAddr),
    /// There is no connection.
    ConnectionFailed(Connection),
    /// There is a connection and no TLS on it.
    HandshakeFailed(Handshake),
    /// The certificate is not one that Zoom accepts.
    CertificateInvalid(Certificate),
    /// There was no answer over TLS.
    NoAnswer(Silence),
    /// A redirect, with its status. Zoom does not follow redirects.
    Redirected(u16),
    /// A status that the receiver does not send.
    UnexpectedStatus(u16),
    /// The answer is not from this receiver.
    OtherServer,
    /// The receiver was reached by a GET; a POST, which is what Zoom sends, got this status from something else.
    PostRefused(u16),
    /// A POST reached the receiver without Zoom's headers.
    HeadersRemoved,
    /// The receiver was reached, and its clock is too far from ours for its answer to prove more.
    OtherClock,
}

/// Why no connection could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It was refused.
    Refused,
    /// Nothing answered.
    TimedOut,
    /// There is no route to the address.
    NoRoute,
}

/// Why there is no TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// The server supports no version that Zoom accepts.
    OldVersion,
    /// It speaks another protocol.
    NotTls,
    /// It reports that it does not know the host.
    UnknownHost,
    /// It closed the connection.
    Closed,
    /// It did not continue.
    TimedOut,
    /// It refused for another reason.
    Refused,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for other hosts.
    OtherHost,
    /// Its chain does not end at a publicly trusted authority.
    UnknownIssuer,
    /// Another problem.
    Unusable,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It did not come in time.
    TimedOut,
    /// The connection ended, or the answer is not HTTP.
    Broken,
    /// The question could not be sent: no random numbers.
    NotAsked,
}

// === impl Finding ===

impl Finding {
    /// Whether the receiver answered.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.cause == Cause::Reachable
    }

    /// Whether there is a known obstacle. If it is neither this nor reachable, the state is unknown.
    #[must_use]
    pub fn is_obstacle(&self) -> bool {
        !matches!(
            self.cause,
            Cause::Reachable
                | Cause::ResolverFailed
                | Cause::OtherClock
                | Cause::NoAnswer(Silence::NotAsked)
        )
    }
}

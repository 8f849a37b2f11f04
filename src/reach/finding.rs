//! What a try can find.

use std::net::IpAddr;

/// What was found, for machines and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub cause: Cause,
    /// What it means, and the remedy. Nothing of an answer's text is in it.
    pub message: String,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The receiver answered.
    Reachable,
    /// The URL is not https with the name of a host.
    UrlUnusable,
    /// The name has no address.
    NameNotFound,
    /// Nobody could say whether the name has an address. That may be our own trouble.
    ResolverFailed,
    /// The name leads to this address, which is not tried.
    AddressRefused(IpAddr),
    /// There is no connection.
    ConnectionFailed(Connection),
    /// There is a connection and no TLS on it.
    HandshakeFailed(Handshake),
    /// The certificate is not one that Zoom accepts.
    CertificateInvalid(Certificate),
    /// There is TLS and no answer.
    NoAnswer(Silence),
    /// A redirect, with its status. Zoom follows none.
    Redirected(u16),
    /// Another status than the receiver's.
    UnexpectedStatus(u16),
    /// An answer that is not this receiver's.
    OtherServer,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It was refused.
    Refused,
    /// Nobody said anything.
    TimedOut,
    /// There is no way to the address.
    NoRoute,
}

/// Why there is no TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// The server has no version that Zoom takes.
    OldVersion,
    /// It speaks something else.
    NotTls,
    /// It says that it does not know the host.
    UnknownHost,
    /// It closed the connection.
    Closed,
    /// It did not go on.
    TimedOut,
    /// It refused for another reason.
    Refused,
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is for other hosts.
    OtherHost,
    /// Its chain leads to nobody who is publicly trusted.
    UnknownIssuer,
    /// Something else.
    Unusable,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It did not come in time.
    TimedOut,
    /// The connection ended, or what came is no HTTP.
    Broken,
    /// The question could not be put: no random numbers.
    NotAsked,
}

// === impl Finding ===

impl Finding {
    /// Whether the receiver answered.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.cause == Cause::Reachable
    }

    /// Whether something is known to stand in the way. When it is neither this nor reachable, nobody knows.
    #[must_use]
    pub fn is_obstacle(&self) -> bool {
        !matches!(
            self.cause,
            Cause::Reachable | Cause::ResolverFailed | Cause::NoAnswer(Silence::NotAsked)
        )
    }
}

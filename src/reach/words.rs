//! The sentences for findings, with remedies. Pure.

use std::net::IpAddr;

use super::finding::{Cause, Certificate, Connection, Finding, Handshake, Silence};
use runtime::outgoing::policy::Policy;

/// At most this many addresses are listed.
const LISTED: usize = 3;

/// What is known when a check has ended.
pub(super) struct Trail<'a> {
    /// The name that was tried.
    pub host: &'a str,
    /// Its port.
    pub port: u16,
    /// The addresses of the name, sorted so that the message stays the same.
    pub addresses: &'a [IpAddr],
}

/// The finding.
pub(super) fn finding(cause: Cause, trail: &Trail<'_>) -> Finding {
    let sentence = sentence(cause, trail);
    let internet = Policy::internet(Vec::new());
    let (host, addresses) = (trail.host, trail.addresses);
    let is_public = |address: &IpAddr| internet.permits(*address);
    let message = if addresses.is_empty() || addresses.iter().any(is_public) {
        sentence
    } else {
        let addresses = list(addresses);
        format!(
            "{sentence} From here {host} resolves to private addresses only ({addresses}): Zoom comes from the internet and needs a public one."
        )
    };
    Finding { cause, message }
}

fn sentence(cause: Cause, trail: &Trail<'_>) -> String {
    let Trail {
        host,
        port,
        addresses,
    } = trail;
    match cause {
        Cause::Reachable => format!(
            "{host} leads to the receiver of this integration, and its certificate is valid."
        ),
        Cause::UrlUnusable => {
            "Zoom calls only https URLs with a host name, and this URL is not one.".into()
        }
        Cause::NameNotFound => format!(
            "{host} has no address. Create the DNS record that points it to the Ingress or Gateway, or correct webhook.endpoint.host."
        ),
        Cause::ResolverFailed => format!(
            "no name server could resolve {host}. Check the name servers of its domain, and those of the cluster."
        ),
        Cause::AddressRefused(address) => format!(
            "{host} resolves to {address}, which is not checked: it is a loopback, link-local or metadata address, or the cluster's API. Correct the DNS record."
        ),
        Cause::ConnectionFailed(why) => connection(why, host, *port, &list(addresses)),
        Cause::HandshakeFailed(why) => handshake(why, host, *port),
        Cause::CertificateInvalid(why) => certificate(why, host),
        Cause::NoAnswer(Silence::TimedOut) => format!(
            "{host} took the request and gave no answer in the 3 seconds that Zoom waits. Check what stands in front of the receiver."
        ),
        Cause::NoAnswer(Silence::Broken) => format!(
            "{host} ended the connection without an answer in HTTP/1.1. Check what stands in front of the receiver; it must not ask for a client certificate."
        ),
        Cause::NoAnswer(Silence::NotAsked) => {
            format!("{host} was not checked: no random numbers are available.")
        }
        Cause::Redirected(status) => format!(
            "{host} answers with a redirect ({status}), which Zoom does not follow. Exempt this path from log-in pages and from redirects to another host or spelling."
        ),
        Cause::UnexpectedStatus(code) => status(code, host),
        Cause::PostRefused(status) => format!(
            "{host} leads to the receiver of this integration, but a POST, which is what Zoom sends, is answered with {status} by something in front of it. Allow POST for this path there."
        ),
        Cause::HeadersRemoved => format!(
            "{host} leads to the receiver of this integration, but the headers x-zm-signature and x-zm-request-timestamp do not arrive with a POST, and without them no event can be verified. Let everything in front of the receiver pass them on."
        ),
        Cause::OtherClock => format!(
            "{host} leads to the receiver of this integration, whose clock is more than five minutes from the clock here. Correct the clocks of the nodes: with two hours the receiver accepts no events."
        ),
        Cause::OtherServer => format!(
            "another server than the receiver of this integration answers at {host}. Check the DNS record and the route of host and path; after a change of the secret token, wait up to two minutes until the receiver has it."
        ),
    }
}

fn connection(why: Connection, host: &str, port: u16, addresses: &str) -> String {
    match why {
        Connection::Refused => format!(
            "{host} resolves to {addresses}, where connections to port {port} are refused. Check that the DNS record names the load balancer of the Ingress controller or Gateway, and that this has a listener for TLS."
        ),
        Connection::TimedOut => format!(
            "{host} resolves to {addresses}, and nothing answers on port {port}. Check the DNS record and the firewalls. Some load balancers cannot be reached from the cluster behind them: then try from another place."
        ),
        Connection::NoRoute => format!(
            "{host} resolves to {addresses}, and there is no route to it from here. Check the DNS record and the egress rules of the cluster."
        ),
    }
}

fn handshake(why: Handshake, host: &str, port: u16) -> String {
    match why {
        Handshake::OldVersion => format!(
            "{host} supports neither TLS 1.2 nor 1.3, which Zoom requires. Enable them where TLS ends."
        ),
        Handshake::NotTls => format!(
            "what listens at {host} on port {port} does not speak TLS. Forward the port to the listener for TLS."
        ),
        Handshake::UnknownHost => format!(
            "the server that {host} leads to has no certificate for this host. Name its Secret in webhook.endpoint.ingress.tlsSecretName, or in the listener of the Gateway."
        ),
        Handshake::Closed => format!(
            "{host} closes the connection before TLS is set up. Check that the port leads to a listener for TLS that knows this host."
        ),
        Handshake::TimedOut => format!(
            "{host} takes the connection and does not set up TLS. Check that the port leads to a listener for TLS."
        ),
        Handshake::Refused => format!(
            "{host} refuses the handshake of TLS. Enable the usual ciphers of TLS 1.2 or 1.3 where TLS ends; it must not ask for a client certificate."
        ),
    }
}

fn certificate(why: Certificate, host: &str) -> String {
    match why {
        Certificate::Expired => format!(
            "the certificate of {host} has expired. Renew it, and find out why it was not renewed automatically."
        ),
        Certificate::NotYetValid => format!(
            "the certificate of {host} is not valid yet. Check the clock of this node and that of the issuer."
        ),
        Certificate::OtherHost => format!(
            "the certificate at {host} is for other hosts. Name the Secret with the right one in webhook.endpoint.ingress.tlsSecretName, or in the listener of the Gateway."
        ),
        Certificate::UnknownIssuer => format!(
            "the certificate of {host} is not signed by a public authority: it is self-signed, like the default certificate of an Ingress controller, or the intermediate certificate is missing. Serve the full chain of a public certificate authority."
        ),
        Certificate::Unusable => format!(
            "the certificate of {host} is not one for a public server. Serve the full chain of a public certificate authority."
        ),
    }
}

fn status(status: u16, host: &str) -> String {
    let (what, remedy) = match status {
        401 | 403 => (
            "a login page, allow list or filter in front of the receiver rejects the request",
            "Exempt this path from log-ins, allow lists and bot filters: Zoom can pass none of them.",
        ),
        404 => (
            "the Ingress or Gateway has no route for this host and path",
            "Check the Ingress or HTTPRoute, its class or parentRefs, and webhook.endpoint.path; after a change of the secret token, wait up to two minutes until the receiver has it.",
        ),
        502..=504 => (
            "the Ingress or Gateway cannot reach the receiver",
            "Check its connection to the receiver's Service, such as NetworkPolicies and the port.",
        ),
        _ => (
            "the answer does not come from the receiver",
            "Check what stands in front of the receiver.",
        ),
    };
    format!("{host} answers {status}: {what}. {remedy}")
}

fn list(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses
        .iter()
        .take(LISTED)
        .map(ToString::to_string)
        .collect();
    let more = if addresses.len() > LISTED {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    fn message_of(cause: Cause, addresses: &[&str]) -> String {
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        let trail = Trail {
            host: "hooks.example.com",
            port: 443,
            addresses: &addresses,
        };
        finding(cause, &trail).message
    }

    #[test]
    fn private_addresses_are_pointed_out_whatever_was_found() {
        let warning = "resolves to private addresses only (10.0.0.5)";
        for cause in [Cause::Reachable, Cause::UnexpectedStatus(404)] {
            assert!(
                message_of(cause, &["10.0.0.5"]).contains(warning),
                "{cause:?}"
            );
            assert!(!message_of(cause, &["10.0.0.5", "1.1.1.1"]).contains("private"));
            assert!(!message_of(cause, &[]).contains("private"));
        }
    }

    #[test]
    fn few_addresses_are_listed() {
        let cause = Cause::ConnectionFailed(Connection::Refused);
        let message = message_of(cause, &["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"]);
        assert!(
            message.contains("1.1.1.1, 1.1.1.2, 1.1.1.3, …,"),
            "{message}"
        );
    }
}

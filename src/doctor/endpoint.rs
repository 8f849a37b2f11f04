//! The webhook URL as it looks from here.

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use url::Url;

use super::report::{Report, Verdict};
use crate::reach::{self, Cause, Finding, Options};

/// What the report calls it.
const CHECK: &str = "from here";

/// What is known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing is applied yet, so no receiver can answer.
    NotApplied,
    /// There should be a receiver.
    Applied,
    /// The operator reached it.
    Reached,
}

/// Tries the URL and adds what was found. Without the webhook secret token nobody can tell whose answer it is.
pub async fn look(url: &str, token: Option<&SecretString>, known: Known, report: &mut Report) {
    // A URL that cannot be parsed, and TLS that cannot be set up, are no findings about the endpoint.
    let (Ok(url), Ok(options)) = (Url::parse(url), Options::public()) else {
        return;
    };
    let key = token.map_or_else(Vec::new, |token| token.expose_secret().as_bytes().to_vec());
    let finding = reach::check(&url, &SecretSlice::from(key), &options).await;
    let (verdict, message) = judge(&finding, token.is_some(), known);
    report.add(CHECK, verdict, message);
}

fn judge(finding: &Finding, has_token: bool, known: Known) -> (Verdict, String) {
    let answered = matches!(
        finding.cause,
        Cause::OtherServer | Cause::UnexpectedStatus(_)
    );
    let message = &finding.message;
    if finding.is_reachable() {
        return (Verdict::Ok, message.clone());
    }
    if answered && known == Known::NotApplied {
        let text = "Name, TLS and certificate are in order. No receiver answers yet, which comes with the manifest.";
        return (Verdict::Ok, text.into());
    }
    if answered && !has_token {
        let text = "Name, TLS and certificate are in order, and something answers. Whether it is the receiver, the operator alone can tell: EndpointReachable.";
        return (Verdict::Ok, text.into());
    }
    let verdict = match known {
        Known::Reached => Verdict::Unknown,
        _ if !finding.is_obstacle() => Verdict::Unknown,
        Known::Applied | Known::NotApplied => Verdict::ToDo,
    };
    (verdict, message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::{Certificate, Connection};

    fn verdict(cause: Cause, has_token: bool, known: Known) -> Verdict {
        let finding = Finding {
            cause,
            message: "m".into(),
        };
        judge(&finding, has_token, known).0
    }

    #[test]
    fn who_answers_is_judged_by_who_can_tell() {
        let expired = Cause::CertificateInvalid(Certificate::Expired);
        let refused = Cause::ConnectionFailed(Connection::Refused);
        for (cause, has_token, known, wanted) in [
            (Cause::Reachable, true, Known::Applied, Verdict::Ok),
            (Cause::OtherServer, true, Known::Applied, Verdict::ToDo),
            (Cause::OtherServer, false, Known::Applied, Verdict::Ok),
            (
                Cause::UnexpectedStatus(404),
                true,
                Known::NotApplied,
                Verdict::Ok,
            ),
            (expired, true, Known::NotApplied, Verdict::ToDo),
            (expired, false, Known::Applied, Verdict::ToDo),
            (refused, false, Known::Reached, Verdict::Unknown),
            (
                Cause::ResolverFailed,
                true,
                Known::Applied,
                Verdict::Unknown,
            ),
        ] {
            assert_eq!(
                verdict(cause, has_token, known),
                wanted,
                "{cause:?} {known:?}"
            );
        }
    }
}

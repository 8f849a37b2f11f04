//! Checks the webhook URL from this machine.

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use url::Url;

use super::report::{CheckStatus, Report};
use crate::reach::{self, Cause, Finding, Options};

/// The name of this check in the report.
const CHECK: &str = "from here";
/// The same length as the digest made with it.
const KEY_BYTES: usize = 32;

const NOT_ASKED: &str = "Not tried: this system has no random numbers.";
const NOT_APPLIED: &str = "Name, TLS and certificate are in order. No receiver answers yet, which comes with the manifest.";
const CANNOT_TELL: &str = "Name, TLS and certificate are in order, and something answers. Nobody can tell from here whether it is this receiver; what the operator found is EndpointReachable.";

/// What is already known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing is applied yet, so no receiver can answer.
    NotApplied,
    /// There should be a receiver.
    Applied,
    /// The operator has reached it.
    Reached,
}

/// Checks the URL and adds the finding. Without the webhook secret token, the owner of an answer cannot be
/// proved.
pub async fn probe(
    url: &str,
    token: Option<&SecretString>,
    known: Expectation,
    report: &mut Report,
) {
    // A URL that cannot be parsed, or a failure to set up TLS, is not a finding about the endpoint.
    let (Ok(url), Ok(options)) = (Url::parse(url), Options::public()) else {
        return;
    };
    let Some(key) = key(token) else {
        report.add(CHECK, CheckStatus::Unknown, NOT_ASKED);
        return;
    };
    let finding = reach::check(&url, &key, &options).await;
    let (verdict, message) = judge(&finding, token.is_some(), known);
    report.add(CHECK, verdict, message);
}

/// The key that signs the question: the token, or a random key, so that nobody can compute the answer either.
/// `None` if there are no random numbers.
fn key(token: Option<&SecretString>) -> Option<SecretSlice<u8>> {
    let key = if let Some(token) = token {
        token.expose_secret().as_bytes().to_vec()
    } else {
        let mut key = vec![0; KEY_BYTES];
        getrandom::fill(&mut key).ok()?;
        key
    };
    Some(key.into())
}

fn judge(finding: &Finding, has_token: bool, known: Expectation) -> (CheckStatus, String) {
    let message = || finding.message.clone();
    match finding.cause {
        Cause::Reachable if has_token => (CheckStatus::Ok, message()),
        // The proxy in front cannot reach a receiver that does not exist yet.
        Cause::OtherServer | Cause::UnexpectedStatus(404 | 500..=599)
            if known == Expectation::NotApplied =>
        {
            (CheckStatus::Unknown, NOT_APPLIED.into())
        }
        // The receiver itself answers 404 to a question that was not signed with its token.
        Cause::Reachable | Cause::OtherServer | Cause::UnexpectedStatus(404) if !has_token => {
            (CheckStatus::Unknown, CANNOT_TELL.into())
        }
        // The answer comes from the owner of this host's certificate, so it counts even if the operator gets
        // another one.
        Cause::Redirected(_) | Cause::UnexpectedStatus(_) => (CheckStatus::ToDo, message()),
        _ if known == Expectation::Reached || !finding.is_obstacle() => {
            (CheckStatus::Unknown, message())
        }
        _ => (CheckStatus::ToDo, message()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reach::{Certificate, Connection};

    const HERE: &str = "The receiver of this integration.";

    fn judged(cause: Cause, has_token: bool, known: Expectation) -> (CheckStatus, String) {
        let finding = Finding {
            cause,
            message: HERE.into(),
        };
        judge(&finding, has_token, known)
    }

    #[test]
    fn who_answers_is_judged_by_who_can_tell() {
        use CheckStatus::{Ok, ToDo, Unknown};
        use Expectation::{Applied, NotApplied, Reached};

        let expired = Cause::CertificateInvalid(Certificate::Expired);
        let refused = Cause::ConnectionFailed(Connection::Refused);
        let status = Cause::UnexpectedStatus;
        for (cause, has_token, known, wanted) in [
            (Cause::Reachable, true, Applied, Ok),
            (Cause::Reachable, true, NotApplied, Ok),
            (Cause::OtherServer, true, Applied, ToDo),
            (Cause::OtherServer, false, Applied, Unknown),
            (Cause::OtherServer, false, Reached, Unknown),
            (status(404), false, Applied, Unknown),
            (status(404), false, Reached, Unknown),
            (status(404), true, Applied, ToDo),
            (status(401), false, Applied, ToDo),
            (status(403), false, Reached, ToDo),
            (status(502), false, Applied, ToDo),
            (status(405), false, Applied, ToDo),
            (Cause::Redirected(302), false, Applied, ToDo),
            (Cause::Redirected(302), false, Reached, ToDo),
            (Cause::OtherServer, true, NotApplied, Unknown),
            (status(404), true, NotApplied, Unknown),
            (status(503), false, NotApplied, Unknown),
            (status(403), true, NotApplied, ToDo),
            (Cause::Redirected(301), false, NotApplied, ToDo),
            (expired, true, NotApplied, ToDo),
            (expired, false, Applied, ToDo),
            (refused, false, Reached, Unknown),
            (Cause::ResolverFailed, true, Applied, Unknown),
        ] {
            let (verdict, message) = judged(cause, has_token, known);
            assert_eq!(verdict, wanted, "{cause:?} {known:?}");
            assert!(verdict != ToDo || message == HERE, "{cause:?}: {message}");
        }
    }

    #[test]
    fn without_the_token_no_answer_is_a_proof() {
        for known in [
            Expectation::NotApplied,
            Expectation::Applied,
            Expectation::Reached,
        ] {
            let (verdict, message) = judged(Cause::Reachable, false, known);
            assert_eq!(verdict, CheckStatus::Unknown);
            assert!(!message.contains(HERE), "{message}");
        }
        // And nobody can compute one.
        let own = || key(None).unwrap().expose_secret().to_vec();
        assert_eq!(own().len(), KEY_BYTES);
        assert_ne!(own(), own());
        let token = SecretString::from("token");
        assert_eq!(key(Some(&token)).unwrap().expose_secret(), b"token");
    }
}

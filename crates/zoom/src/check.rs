//! Whether Zoom accepts the credentials of a General app, before anybody has authorized it.
//!
//! Zoom's token endpoint is asked to exchange a refresh token that nobody has. It looks at client id and
//! secret first: `invalid_client` rejects them; `invalid_grant` rejects only the refresh token, so the
//! credentials were accepted. Nothing is spent and nothing is given.

use super::{Class, Error, Fault};

/// The refresh token that nobody has. It says what it is for, should somebody read Zoom's logs.
pub const MADE_UP: &str = "zoom-operator-checks-client-id-and-secret";

/// What the answer says of client id and secret.
///
/// # Errors
/// [`Class::Person`] when they are refused or the app may not be used; every other answer says nothing
/// of them, and time may bring a better one.
pub fn judge<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) => match error.fault {
            Fault::GrantLost => Ok(()),
            Fault::CredentialsRejected
            | Fault::WrongAppKind
            | Fault::AppDisabled
            | Fault::DisabledByAdmin => Err(error),
            fault if fault.class() == Class::Person => Err(Error {
                fault: Fault::Refused,
                ..error
            }),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &str) -> Option<Fault> {
        let answer: Result<(), _> = Err(Error::from_answer(status, body.as_bytes(), None));
        judge(answer).err().map(|error| error.fault)
    }

    #[test]
    fn a_refused_refresh_token_shows_that_the_credentials_are_taken() {
        for (status, body) in [
            (
                400,
                r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#,
            ),
            (
                401,
                r#"{"reason":"Invalid Token!","error":"invalid_request"}"#,
            ),
            (400, r#"{"code":4711,"message":"Invalid refresh token"}"#),
            (400, r#"{"code":4741,"message":"Token has been revoked"}"#),
        ] {
            assert_eq!(said(status, body), None, "{body}");
        }
        assert_eq!(judge(Ok(())), Ok(()));
    }

    #[test]
    fn what_a_person_has_to_mend_is_told_from_what_says_nothing() {
        for (body, fault) in [
            (r#"{"error":"invalid_client"}"#, Fault::CredentialsRejected),
            (r#"{"error":"unsupported_grant_type"}"#, Fault::WrongAppKind),
            (r#"{"code":4717,"message":"x"}"#, Fault::AppDisabled),
            (r#"{"code":4738,"message":"x"}"#, Fault::DisabledByAdmin),
            (
                r#"{"reason":"Bad Request","error":"invalid_request"}"#,
                Fault::Refused,
            ),
            (r#"{"code":4735,"message":"x"}"#, Fault::Refused),
            (r#"{"code":4709,"message":"x"}"#, Fault::Refused),
        ] {
            assert_eq!(said(400, body), Some(fault), "{body}");
        }
        assert_eq!(said(429, "{}"), Some(Fault::RateLimited));
        assert_eq!(said(503, ""), Some(Fault::Unavailable));
        assert_eq!(said(400, "<html>"), Some(Fault::Unintelligible));
    }
}

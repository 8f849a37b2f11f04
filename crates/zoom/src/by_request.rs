//! What an answer of Zoom means for the request that it answers: the same words mean different things for an
//! account's token, a code, a refresh token. Pure.

use super::{Error, Fault, Request};

// === impl Error ===

impl Error {
    /// The error as the answer to this request.
    #[must_use]
    pub fn as_answer_to(self, request: Request) -> Self {
        let fault = match (request, self.fault) {
            (Request::Code, Fault::AccountRejected | Fault::GrantLost) => {
                if self.detail.to_ascii_lowercase().contains("redirect") {
                    Fault::RedirectMismatch
                } else {
                    // A code is spent like a grant: it is of no use any more.
                    Fault::GrantLost
                }
            }
            (Request::Refresh, Fault::AccountRejected)
                if self.detail.to_ascii_lowercase().contains("refresh token") =>
            {
                Fault::GrantLost
            }
            // Only a Server-to-Server app names an account.
            (
                Request::BotToken
                | Request::Check
                | Request::Refresh
                | Request::Revoke
                | Request::Identity,
                Fault::AccountRejected,
            )
            // Only a code comes with a redirect URL.
            | (
                Request::AccountToken
                | Request::BotToken
                | Request::Check
                | Request::Refresh
                | Request::Revoke
                | Request::Identity,
                Fault::RedirectMismatch,
            )
            // Nobody authorizes a bot's token.
            | (Request::BotToken, Fault::GrantLost) => Fault::Refused,
            // Nobody authorizes a Server-to-Server app.
            (Request::AccountToken, Fault::GrantLost) => Fault::AccountRejected,
            // Nothing but client id and secret was shown.
            (
                Request::AccountToken
                | Request::BotToken
                | Request::Check
                | Request::Revoke
                | Request::Identity,
                Fault::OtherClient,
            ) => Fault::CredentialsRejected,
            (_, fault) => fault,
        };
        Self {
            fault,
            request: Some(request),
            ..self
        }
    }

    /// The error without a secret that Zoom quoted.
    #[must_use]
    pub fn without(self, secret: &str) -> Self {
        if secret.is_empty() {
            return self;
        }
        Self {
            detail: self.detail.replace(secret, "[redacted]"),
            ..self
        }
    }
}

// === impl Fault ===

impl Fault {
    /// What to do after this request, as a sentence for the status.
    #[must_use]
    pub const fn remedy_for(self, request: Request) -> &'static str {
        match (self, request) {
            (
                Self::WrongAppKind,
                Request::Check
                | Request::Code
                | Request::Refresh
                | Request::Revoke
                | Request::Identity,
            ) => {
                "Zoom does not let this app act for a person who authorized it: use the client id and secret of a General app, or create a new ZoomIntegration with app.kind: ServerToServer."
            }
            (Self::WrongAppKind, Request::BotToken) => {
                "Zoom gives this app no token for a bot: use the client id and secret of a General app, turn on Team Chat Subscription on its Surface page, and add the scope imchat:bot."
            }
            (Self::OwnerGone, Request::AccountToken | Request::BotToken) => {
                "The Zoom user who owns this app no longer exists: move the app to another owner."
            }
            (Self::OwnerGone, Request::Code | Request::Refresh | Request::Identity) => {
                "The Zoom user who authorized the app no longer exists: another person has to authorize it, in a ZoomConnection of their own."
            }
            (Self::GrantLost, Request::Code) => {
                "Zoom does not accept the authorization code: open the link again."
            }
            (Self::Refused, Request::Refresh) => {
                "Zoom refuses the refresh for a reason that is not documented: compare the app's settings in the Zoom App Marketplace; the request is made again."
            }
            (fault, _) => fault.remedy(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(request: Request, body: &str) -> Error {
        Error::from_answer(400, body.as_bytes(), None).as_answer_to(request)
    }

    const GENERAL: [Request; 6] = [
        Request::BotToken,
        Request::Check,
        Request::Code,
        Request::Refresh,
        Request::Revoke,
        Request::Identity,
    ];

    /// The words of every refusal that Zoom is known to give.
    const ANSWERS: [&str; 12] = [
        r#"{"reason":"Invalid authorization code fldCode0_AbCdEf","error":"invalid_request"}"#,
        r#"{"reason":"Bad Request","error":"invalid_request"}"#,
        r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#,
        r#"{"reason":"Invalid Token!","error":"invalid_request"}"#,
        r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
        r#"{"reason":"unsupported grant type","error":"unsupported_grant_type"}"#,
        r#"{"errorCode":4700,"errorMessage":"Invalid redirect url"}"#,
        r#"{"errorCode":4702,"errorMessage":"Client ID does not match authenticated client."}"#,
        r#"{"code":4709,"message":"Redirect URI mismatch"}"#,
        r#"{"code":4717,"message":"The app has been disabled"}"#,
        r#"{"code":4735,"message":"The owner does not exist"}"#,
        r#"{"error":"something_new"}"#,
    ];

    #[test]
    fn nothing_about_server_to_server_is_said_of_a_general_app() {
        for request in GENERAL {
            for body in ANSWERS {
                let error = answer(request, body);
                let message = error.message();
                assert_ne!(error.fault, Fault::AccountRejected, "{request:?} {body}");
                assert!(!message.contains("account id"), "{request:?}: {message}");
                assert!(
                    !message.contains("Server-to-Server"),
                    "{request:?}: {message}"
                );
            }
        }
    }

    #[test]
    fn nobody_is_asked_to_authorize_an_app_with_a_token_of_its_own() {
        for (request, body) in [Request::AccountToken, Request::BotToken]
            .into_iter()
            .flat_map(|request| ANSWERS.map(|body| (request, body)))
        {
            let message = answer(request, body).message();
            assert!(
                !message.contains("authorize") && !message.contains("redirect URL"),
                "{request:?}: {message}"
            );
        }
    }

    #[test]
    fn a_refused_code_asks_for_another_one() {
        for body in &ANSWERS[..4] {
            let error = answer(Request::Code, body);
            assert_eq!(error.fault, Fault::GrantLost, "{body}");
            assert!(error.message().contains("open the link again"));
        }
        let redirect =
            r#"{"reason":"Invalid redirect: https://a.example","error":"invalid_request"}"#;
        assert_eq!(
            answer(Request::Code, redirect).fault,
            Fault::RedirectMismatch
        );
    }

    #[test]
    fn an_unknown_refusal_costs_no_grant() {
        let unknown = answer(Request::Refresh, ANSWERS[1]);
        assert_eq!(unknown.fault, Fault::Refused);
        let token = r#"{"reason":"Invalid refresh token","error":"invalid_request"}"#;
        assert_eq!(answer(Request::Refresh, token).fault, Fault::GrantLost);
    }

    /// Only Zoom's own words about the grant cost it, whatever else stands in between.
    #[test]
    fn no_answer_of_a_proxy_or_of_zooms_trouble_costs_a_grant() {
        for (status, body, fault) in [
            (200, "<html>captive portal</html>", Fault::Unintelligible),
            (302, "", Fault::Unintelligible),
            (400, "", Fault::Unintelligible),
            (400, r#""invalid_grant""#, Fault::Unintelligible),
            (
                400,
                r#"{"error":"temporarily_unavailable"}"#,
                Fault::Refused,
            ),
            (
                400,
                r#"{"error":null,"reason":["Invalid Token!"]}"#,
                Fault::Refused,
            ),
            (
                400,
                r#"{"code":300,"message":"Validation Failed."}"#,
                Fault::Refused,
            ),
            (
                400,
                r#"{"reason":"Try later","error":"invalid_request"}"#,
                Fault::Refused,
            ),
            (
                401,
                r#"{"code":124,"message":"Invalid access token."}"#,
                Fault::Refused,
            ),
            (
                401,
                r#"{"error":"invalid_client"}"#,
                Fault::CredentialsRejected,
            ),
            (
                403,
                "<html>blocked by the firewall</html>",
                Fault::Unintelligible,
            ),
            (404, r#"{"status":404,"error":"Not Found"}"#, Fault::Refused),
            (407, "<html>", Fault::Unintelligible),
            (429, r#"{"error":"invalid_grant"}"#, Fault::RateLimited),
            (
                500,
                r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#,
                Fault::Unavailable,
            ),
            (502, "<html>", Fault::Unavailable),
            (503, "", Fault::Unavailable),
        ] {
            let error = Error::from_answer(status, body.as_bytes(), None);
            let error = error.as_answer_to(Request::Refresh);
            assert_eq!(error.fault, fault, "{status} {body}");
        }
    }

    #[test]
    fn another_apps_grant_is_told_from_a_wrong_pair() {
        for request in [Request::Code, Request::Refresh] {
            assert_eq!(answer(request, ANSWERS[7]).fault, Fault::OtherClient);
        }
        for request in [Request::AccountToken, Request::BotToken, Request::Check] {
            assert_eq!(
                answer(request, ANSWERS[7]).fault,
                Fault::CredentialsRejected
            );
        }
    }

    #[test]
    fn a_code_that_zoom_quotes_is_not_repeated() {
        let error = answer(Request::Code, ANSWERS[0]).without("fldCode0_AbCdEf");
        assert!(!error.message().contains("fldCode0"), "{}", error.message());
    }
}

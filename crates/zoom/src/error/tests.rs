use super::*;

fn fault(status: u16, body: &str) -> Fault {
    Error::from_answer(status, body.as_bytes(), None).fault
}

#[test]
fn zooms_token_errors_are_told_apart() {
    let cases = [
        (
            400,
            r#"{"reason":"Invalid client_id or client_secret","error":"invalid_client"}"#,
            Fault::CredentialsRejected,
        ),
        (
            401,
            r#"{"reason":"Invalid client_id or client_secret"}"#,
            Fault::CredentialsRejected,
        ),
        (
            400,
            r#"{"reason":"unsupported grant type","error":"unsupported_grant_type"}"#,
            Fault::WrongAppKind,
        ),
        (
            400,
            r#"{"reason":"Bad Request","error":"invalid_request"}"#,
            Fault::AccountRejected,
        ),
        (
            400,
            r#"{"reason":"Invalid Token!","error":"invalid_grant"}"#,
            Fault::GrantLost,
        ),
        (
            401,
            r#"{"reason":"Invalid Token!","error":"invalid_request"}"#,
            Fault::GrantLost,
        ),
        (400, r#"{"error":"invalid_grant"}"#, Fault::GrantLost),
        (
            400,
            r#"{"status":false,"errorCode":4700,"errorMessage":"Invalid redirect url","result":null}"#,
            Fault::RedirectMismatch,
        ),
        (
            429,
            r#"{"code":429,"message":"You have reached the maximum per-second rate limit for this API. Try again later."}"#,
            Fault::RateLimited,
        ),
        (503, "<html>", Fault::Unavailable),
        (400, "<html>", Fault::Unintelligible),
        (403, r#"{"error":"something_new"}"#, Fault::Refused),
        (400, "{}", Fault::Refused),
    ];
    for (status, body, expected) in cases {
        assert_eq!(fault(status, body), expected, "{status} {body}");
    }
}

#[test]
fn every_numeric_code_of_the_list_has_its_fault() {
    let cases = [
        (4702, Fault::OtherClient),
        (4704, Fault::CredentialsRejected),
        (4705, Fault::WrongAppKind),
        (4706, Fault::CredentialsRejected),
        (4709, Fault::RedirectMismatch),
        (4711, Fault::GrantLost),
        (4717, Fault::AppDisabled),
        (4724, Fault::GrantLost),
        (4732, Fault::GrantLost),
        (4733, Fault::GrantLost),
        (4734, Fault::GrantLost),
        (4735, Fault::OwnerGone),
        (4737, Fault::GrantLost),
        (4738, Fault::DisabledByAdmin),
        (4740, Fault::Unavailable),
        (4741, Fault::GrantLost),
    ];
    for (code, expected) in cases {
        for body in [
            format!(r#"{{"code":{code},"message":"x"}}"#),
            format!(r#"{{"errorCode":"{code}","errorMessage":"x"}}"#),
        ] {
            assert_eq!(fault(400, &body), expected, "{body}");
        }
    }
}

#[test]
fn each_fault_has_a_remedy() {
    for fault in Fault::ALL {
        assert!(fault.remedy().ends_with('.'));
    }
}

#[test]
fn a_body_that_is_not_zooms_is_never_quoted() {
    let error = Error::from_answer(400, b"client_secret=hunter2", None);
    assert_eq!(error.detail, "HTTP 400");
    let long = format!(r#"{{"error":"x","reason":"{}\u0007"}}"#, "y".repeat(4000));
    let error = Error::from_answer(400, long.as_bytes(), None);
    assert!(error.detail.len() < 250 && !error.detail.contains('\u{7}'));
}

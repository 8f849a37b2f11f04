//! Authorization codes at the token endpoint.

use serde_json::json;

use crate::{
    browser::{APP, CALLBACK, GRACE, redemption, text},
    support::{FORM, Reply, Zoom, basic, http},
};

/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REFUSED: &str = r#"{"error":"invalid_grant"}"#;

fn refused(reply: &Reply, body: &str) {
    assert_eq!((reply.status, reply.body.as_str()), (400, body));
}

#[tokio::test]
async fn a_code_yields_zooms_exact_body() {
    let zoom = Zoom::with_general(json!({})).await;
    let reply = zoom.redeem(&zoom.code(GRACE, "").await, "").await;
    assert_eq!(reply.status, 200);
    let body = reply.json();
    let (access, refresh) = (text(&body, "access_token"), text(&body, "refresh_token"));
    assert!(access.len() > 400 && refresh.len() > 400 && access != refresh);
    assert_eq!(
        reply.body,
        format!(
            r#"{{"access_token":"{access}","token_type":"bearer","refresh_token":"{refresh}","expires_in":3599,"scope":"user:read:user meeting:read:list_meetings","api_url":"http://zoom.test"}}"#
        )
    );
    assert_eq!(zoom.get("/v2/users/me", access).await.status, 200);
    assert_eq!(zoom.get("/v2/users/me", refresh).await.status, 401);
}

#[tokio::test]
async fn a_code_without_a_browser_is_one_like_any_other() {
    let zoom = Zoom::with_general(json!({})).await;
    let user = zoom.email(GRACE).await;
    let consent = json!({"user": user, "redirect_uri": CALLBACK, "code_challenge": CHALLENGE});
    let told = zoom
        .admin("POST", &format!("/apps/{APP}/codes"), &consent)
        .await;
    let code = text(&told, "code").to_owned();
    refused(&zoom.redeem(&code, "").await, REFUSED);
    let told = zoom
        .admin("POST", &format!("/apps/{APP}/codes"), &consent)
        .await;
    let code = text(&told, "code").to_owned();
    let verifier = format!("&code_verifier={VERIFIER}");
    assert_eq!(zoom.redeem(&code, &verifier).await.status, 200);
}

#[tokio::test]
async fn a_code_works_once_and_its_tokens_outlive_a_replay() {
    let zoom = Zoom::with_general(json!({})).await;
    let code = zoom.code(GRACE, "").await;
    let tokens = zoom.redeem(&code, "").await.json();
    refused(&zoom.redeem(&code, "").await, REFUSED);
    let reply = zoom
        .get("/v2/users/me", text(&tokens, "access_token"))
        .await;
    assert_eq!(reply.status, 200);
    let counters = zoom.general_counters().await;
    assert_eq!(
        (
            &counters["codes_redeemed"],
            &counters["code_replays"],
            &counters["code_in_flight_max"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        counters["code_requests_by_outcome"],
        json!({"issued": 1, "invalid_grant": 1})
    );
}

#[tokio::test]
async fn codes_expire_and_belong_to_their_app() {
    let zoom = Zoom::with_general(json!({})).await;
    zoom.put_general("other", json!({})).await;
    let code = zoom.code(GRACE, "").await;
    let stolen = zoom
        .exchange("other", &redemption(&code, ""))
        .await
        .unwrap();
    refused(&stolen, REFUSED);
    let wrong = [FORM, ("authorization", &basic(APP, "wrong"))];
    let reply = http(
        zoom.addr,
        "POST",
        "/oauth/token",
        &wrong,
        &redemption(&code, ""),
    )
    .await
    .unwrap();
    assert_eq!(reply.json()["error"], "invalid_client");
    // Neither attempt has spent it.
    assert_eq!(zoom.redeem(&code, "").await.status, 200);
    refused(&zoom.redeem("unknown", "").await, REFUSED);
    zoom.admin(
        "PATCH",
        &format!("/apps/{APP}"),
        &json!({"code_lifetime_seconds": 0}),
    )
    .await;
    refused(&zoom.redeem(&zoom.code(GRACE, "").await, "").await, REFUSED);
}

#[tokio::test]
async fn the_redirect_uri_must_be_the_same_again() {
    let zoom = Zoom::with_general(json!({})).await;
    let mismatch = r#"{"code":4709,"message":"Redirect URI mismatch"}"#;
    for redirect in ["", "&redirect_uri=https://app.example.com/callback/"] {
        let code = zoom.code(GRACE, "").await;
        let body = format!("grant_type=authorization_code&code={code}{redirect}");
        refused(&zoom.exchange(APP, &body).await.unwrap(), mismatch);
        refused(&zoom.redeem(&code, "").await, REFUSED);
    }
    let missing = format!("grant_type=authorization_code&redirect_uri={CALLBACK}");
    let reply = zoom.exchange(APP, &missing).await.unwrap();
    assert_eq!(reply.json()["error"], "invalid_request");
}

#[tokio::test]
async fn pkce_wants_the_verifier_of_the_challenge() {
    let zoom = Zoom::with_general(json!({})).await;
    let other = "x".repeat(43);
    let s256 = format!("&code_challenge={CHALLENGE}&code_challenge_method=S256");
    let plain = format!("&code_challenge={VERIFIER}&code_challenge_method=plain");
    let unnamed = format!("&code_challenge={VERIFIER}");
    for (challenge, verifier, accepted) in [
        (s256.as_str(), Some(VERIFIER), true),
        (&s256, Some(CHALLENGE), false),
        (&s256, Some(other.as_str()), false),
        (&s256, None, false),
        (&plain, Some(VERIFIER), true),
        (&unnamed, Some(VERIFIER), true),
        (&unnamed, Some(other.as_str()), false),
        (&unnamed, None, false),
        ("", Some(VERIFIER), false),
    ] {
        let code = zoom.code(GRACE, challenge).await;
        let more = verifier.map_or(String::new(), |verifier| {
            format!("&code_verifier={verifier}")
        });
        let reply = zoom.redeem(&code, &more).await;
        if accepted {
            assert_eq!(reply.status, 200, "{challenge} {verifier:?}");
        } else {
            refused(&reply, REFUSED);
            // Spent by the attempt.
            refused(
                &zoom
                    .redeem(&code, &format!("&code_verifier={VERIFIER}"))
                    .await,
                REFUSED,
            );
        }
    }
}

#[tokio::test]
async fn a_code_dies_with_its_user_its_app_and_its_account() {
    let zoom = Zoom::with_general(json!({})).await;
    let [disabled, sleeping, gone] = [
        zoom.code(GRACE, "").await,
        zoom.code(GRACE, "").await,
        zoom.code(GRACE, "").await,
    ];
    let app = format!("/apps/{APP}");
    zoom.admin("PATCH", &app, &json!({"active": false})).await;
    refused(
        &zoom.redeem(&disabled, "").await,
        r#"{"code":4717,"message":"The app has been disabled"}"#,
    );
    zoom.admin("PATCH", &app, &json!({"active": true})).await;
    let policy = format!("/accounts/acc-1/apps/{APP}");
    zoom.admin("PUT", &policy, &json!({"disabled": true})).await;
    assert_eq!(zoom.redeem(&sleeping, "").await.json()["code"], 4738);
    zoom.admin("PUT", &policy, &json!({})).await;
    let user = format!(
        "/accounts/acc-1/users/{}/deactivate",
        zoom.email(GRACE).await
    );
    zoom.admin("POST", &user, &json!({})).await;
    assert_eq!(zoom.redeem(&gone, "").await.json()["code"], 4735);
    assert_eq!(zoom.general_counters().await["codes_redeemed"], 0);
}

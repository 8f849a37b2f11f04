//! Access tokens in the shape Zoom's have: three base64url parts, an HS512 header with `v` and `kid`, several hundred
//! characters. Nobody can check the signature, as nobody should: to clients the token is opaque.

use serde_json::json;

use crate::ident::{base64url, hex, uuid};

/// Mints a new token; times in epoch seconds.
pub fn mint(client_id: &str, account_id: &str, issued_at: i64, expires_at: i64) -> String {
    let header = json!({"sv": "000002", "alg": "HS512", "v": "2.0", "kid": uuid()});
    let claims = json!({
        "aud": "https://oauth.zoom.us",
        "iss": format!("urn:zoom:connect:clientid:{client_id}"),
        "accountId": account_id,
        "uid": base64url(&rand::random::<[u8; 16]>()),
        "auid": hex(&rand::random::<[u8; 32]>()),
        "code": base64url(&rand::random::<[u8; 24]>()),
        "ver": 10,
        "type": 3,
        "gno": 0,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": expires_at,
    });
    let signature: [u8; 64] = rand::random();
    [
        header.to_string().as_bytes(),
        claims.to_string().as_bytes(),
        &signature,
    ]
    .map(base64url)
    .join(".")
}

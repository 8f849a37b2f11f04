//! Others who write the token Secret.

use super::*;

const TOKEN: &str = "/api/v1/namespaces/clinics/secrets/acme-zoom-token";

/// As a tool that copies a Secret of another cluster.
#[tokio::test]
async fn another_writer_of_the_token_secret_does_not_cost_a_token_for_each_write() {
    let rehearsal = rehearsed(|_, _, _| None, &integration(|_| {}), []).await;
    assert_eq!(rehearsal.writes("/oauth/token").len(), 1);
    for _ in 0..10 {
        let mut secret = rehearsal.object(TOKEN);
        secret["data"]["access-token"] = json!("b3RoZXI=");
        rehearsal.put(TOKEN, secret);
        again(&rehearsal, |_| ()).await;
    }
    assert_eq!(rehearsal.writes("/oauth/token").len(), 1 + 3);
    let (status, reason, message) = said(&rehearsal, "TokenFresh");
    assert_eq!((&*status, &*reason), ("False", "TokenSecretContested"));
    assert!(message.contains("Secret acme-zoom-token"), "{message}");
    assert_eq!(said(&rehearsal, "Ready").1, "TokenSecretContested");
}

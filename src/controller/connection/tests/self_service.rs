//! Consents that began without a connection.

use super::*;

/// Zoom did not say for more than an hour who authorized: another access token is needed first. Meanwhile a tool created
/// the integration again.
#[tokio::test]
async fn what_a_code_gave_is_refreshed_although_the_integration_was_created_again() {
    let mut consent = redeemed("former");
    let mut handoff = handoff::read(&consent).unwrap();
    handoff.connection_uid = None;
    let long_ago = Timestamp::now() - Duration::from_hours(2);
    let mut kept = kept(long_ago);
    kept.grant.id = "zoom-consent-t".into();
    kept.identified = false;
    let metadata = consent.metadata;
    consent = handoff::rebuild("zoom-consent-t", "operator", &handoff, &kept).unwrap();
    consent.metadata = metadata;
    let objects = [
        (APP, app(&json!({"from": "All"}))),
        (CONSENTS, listed(&[json!({"metadata": consent.metadata})])),
        (CONSENT, json!(consent)),
    ];
    let found = rehearsal(&tenant("True", BEFORE), objects).await;
    pass(&found).await;
    assert!(refreshed(&found), "Zoom was asked for a token");
    assert!(!found.writes(GRANT_WRITE).is_empty(), "adopted");
    let said = found.writes(&format!("PATCH {OWN}/status"));
    let consent = &said.last().unwrap()["status"]["consent"];
    assert_eq!(consent["outcome"], "Succeeded", "{consent}");
}

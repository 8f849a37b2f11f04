//! What becomes of consents whose grants the connection has not adopted when it is deleted.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};

use crate::{
    api::v1alpha1::ZoomConnection,
    controller::{
        Context,
        connection::{
            model::Consent,
            observe::{self, Sources},
        },
        error::Error,
        grants::client_of,
        published::{self, Exactly},
    },
};
use grant::{Grant, Standing};
use zoom::{App, Fault};

/// So often some consents are read: a link starts a few each minute, and they stay for minutes.
const ROUNDS: usize = 16;

/// Revokes the grants of all these consents, once each, and removes them. Nobody waits for them: their persons are told
/// that the connection no longer exists. Returns whether a grant may be left at Zoom.
///
/// # Errors
/// When a request to the API server fails.
pub(super) async fn end(
    context: &Context,
    connection: &ZoomConnection,
    app: Option<&App>,
) -> Result<bool, Error> {
    let (mut done, mut is_left) = (BTreeSet::new(), false);
    for _ in 0..ROUNDS {
        let consents = observe::consents(Sources::of(context), connection, &done).await?;
        if consents.is_empty() {
            break;
        }
        done.extend(consents.iter().map(|consent| consent.secret_name.clone()));
        is_left |= end_each(context, connection, app, &consents).await?;
    }
    Ok(is_left)
}

async fn end_each(
    context: &Context,
    connection: &ZoomConnection,
    app: Option<&App>,
    consents: &[Consent],
) -> Result<bool, Error> {
    let mut is_left = false;
    for consent in consents.iter().filter(|consent| is_of(consent, connection)) {
        let grant = app.and_then(|app| Some((app, to_revoke(consent, app, Timestamp::now())?)));
        if let Some((app, grant)) = grant
            && let Some(access) = &grant.access
        {
            context.writer.lead()?;
            match context.zoom.client.revoke(app, &access.token).await {
                Ok(()) => tracing::info!("revoked the grant of a consent"),
                Err(error) => {
                    tracing::warn!(%error, "the grant of a consent was not revoked");
                    // These say that Zoom does not know the token any more.
                    is_left |= !matches!(error.fault, Fault::GrantLost | Fault::OwnerGone);
                }
            }
        } else {
            is_left |= may_live(consent);
        }
        let secret = Exactly {
            name: consent.secret_name.clone(),
            uid: consent.uid.clone(),
            resource_version: None,
        };
        let secrets: Api<Secret> = context.writer.within(&context.config.lease_namespace)?;
        published::remove(&secrets, &secret).await?;
    }
    Ok(is_left)
}

/// Whether it is a consent of this very connection.
fn is_of(consent: &Consent, connection: &ZoomConnection) -> bool {
    let handoff = consent.handoff.as_ref();
    handoff.is_some_and(|handoff| {
        let meant = handoff.connection_uid.as_ref();
        meant.is_none() || meant == connection.uid().as_ref()
    })
}

/// Whether Zoom gave a grant for it that may still live.
fn may_live(consent: &Consent) -> bool {
    let grant = consent.grant.as_ref();
    consent.is_redeemed() && grant.is_some_and(|grant| grant.loss.is_none())
}

/// Its grant, if Zoom gave one that can be revoked with the access token at hand.
fn to_revoke<'a>(consent: &'a Consent, app: &App, now: Timestamp) -> Option<&'a Grant> {
    let grant = consent.grant.as_ref()?;
    let access = grant.access.as_ref()?;
    let is_usable = grant.standing(&client_of(app)) == Standing::Usable && grant.loss.is_none();
    (consent.is_redeemed() && is_usable && access.expires_at > now).then_some(grant)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use grant::{Access, Credential, Lost};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn app(id: &str) -> App {
        App {
            client_id: id.into(),
            client_secret: "secret".to_owned().into(),
        }
    }

    fn consent(uid: Option<&str>) -> Consent {
        let handoff = json!({
            "namespace": "clinics", "integration": "app", "integrationUid": "i",
            "connection": "ada", "connectionUid": uid, "clientId": "id",
            "redirectUrl": "https://connect.example.com/cb", "code": "", "codeVerifier": "",
            "begun": at(0).to_string(), "authorized": at(100).to_string(),
        });
        Consent {
            secret_name: "zoom-consent-t".into(),
            uid: None,
            handoff: serde_json::from_value(handoff).unwrap(),
            grant: Some(Grant {
                id: "zoom-consent-t".into(),
                generation: 1,
                since: at(100),
                client_id: Some("id".into()),
                credential: Credential::RefreshToken("refresh".to_owned().into()),
                access: Some(Access {
                    token: "access".to_owned().into(),
                    token_type: "bearer".into(),
                    issued_at: at(100),
                    expires_at: at(3700),
                    scope: String::new(),
                    api_url: "https://api.zoom.us".into(),
                }),
                intent: None,
                loss: None,
            }),
            identity: None,
            end: None,
            wait: None,
        }
    }

    #[test]
    fn only_consents_of_this_connection_end_with_it() {
        let connection: ZoomConnection = serde_json::from_value(json!({
            "apiVersion": "zoom-operator.io/v1alpha1", "kind": "ZoomConnection",
            "metadata": {"name": "ada", "namespace": "clinics", "uid": "c"},
            "spec": {"integrationRef": {"name": "app"}},
        }))
        .unwrap();
        for (uid, wanted) in [(Some("c"), true), (None, true), (Some("successor"), false)] {
            assert_eq!(is_of(&consent(uid), &connection), wanted, "{uid:?}");
        }
        let unreadable = Consent {
            handoff: None,
            ..consent(None)
        };
        assert!(!is_of(&unreadable, &connection));
    }

    #[test]
    fn what_zoom_gave_and_still_accepts_is_revoked() {
        let is = |consent: &Consent, client: &str, now| {
            to_revoke(consent, &app(client), at(now)).is_some()
        };
        let found = consent(Some("c"));
        assert!(is(&found, "id", 200));
        assert!(!is(&found, "id", 3700), "the access token expired");
        assert!(may_live(&found), "which is told then");
        assert!(!is(&found, "other", 200), "of another app");
        let mut lost = found.clone();
        let client = client_of(&app("id"));
        lost.grant = lost
            .grant
            .map(|grant| grant.refused(Lost::GrantLost, &client, at(150)));
        assert!(!is(&lost, "id", 200));
        assert!(!may_live(&lost));
    }
}

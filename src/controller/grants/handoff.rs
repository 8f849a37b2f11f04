//! The Secret that hands over a code, and holds its grant until it is known who the grant belongs to. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::ResourceExt as _;

use super::secret::{self, StoredGrant};
use crate::api::label;
use contract::consent::{self, Handoff, Invalid};
use grant::{Code, Credential, Grant};

/// The API server cuts off less than a second.
const WITHIN_A_SECOND: Duration = Duration::from_millis(999);

/// Reads the handoff in a Secret; `None` if it cannot be read.
#[must_use]
pub fn read(secret: &Secret) -> Option<Handoff> {
    let json = secret.data.as_ref()?.get(consent::SECRET_KEY)?;
    Handoff::from_json(&json.0).ok()
}

/// The code that was handed over, in the form of a grant.
#[must_use]
pub fn grant_of(secret: &Secret) -> Option<Grant> {
    let handoff = read(secret)?;
    Some(Grant {
        id: secret.name_any(),
        generation: 0,
        since: since(secret, &handoff),
        client_id: Some(handoff.client_id),
        credential: Credential::Code(Code {
            code: handoff.code,
            verifier: handoff.code_verifier,
            redirect_url: handoff.redirect_url,
        }),
        access: None,
        intent: None,
        loss: None,
    })
}

/// When the person authorized, by the API server's clock, which tells whole seconds: the Pods of the pages may disagree.
/// Within a second, theirs counts.
fn since(secret: &Secret, handoff: &Handoff) -> Timestamp {
    let Some(Time(created)) = secret.creation_timestamp() else {
        return handoff.authorized;
    };
    let end = created.checked_add(WITHIN_A_SECOND).unwrap_or(created);
    handoff.authorized.clamp(created, end)
}

/// The handoff without the credential.
#[must_use]
pub fn blank(handoff: &Handoff) -> Handoff {
    Handoff {
        code: String::new().into(),
        code_verifier: String::new().into(),
        ..handoff.clone()
    }
}

/// Marks a consent as redeemed. The spent code is useless: the write that stores the grant removes it.
pub fn redeem(secret: &mut Secret) {
    secret
        .labels_mut()
        .insert(label::REDEEMED.into(), "true".into());
    let Some(json) = read(secret).and_then(|handoff| blank(&handoff).to_json().ok()) else {
        return;
    };
    let data = secret.data.get_or_insert_default();
    data.insert(consent::SECRET_KEY.into(), ByteString(json));
}

/// The Secret of a redeemed consent, restored after somebody removed it. Searches for consents find it, and
/// ask who its grant belongs to.
///
/// # Errors
/// When the handoff is too large.
pub fn rebuild(
    name: &str,
    namespace: &str,
    handoff: &Handoff,
    kept: &StoredGrant,
) -> Result<Secret, Invalid> {
    let elsewhere = handoff.integration_namespace.as_deref();
    let labels = [
        (label::MANAGED_BY, label::MANAGER),
        (label::USE, label::CONSENT),
        (label::INTEGRATION, &handoff.integration),
        (label::CONNECTION, &handoff.connection),
        (label::NAMESPACE, &handoff.namespace),
        (label::REDEEMED, "true"),
    ]
    .into_iter()
    .chain(elsewhere.map(|namespace| (label::INTEGRATION_NAMESPACE, namespace)));
    let mut secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(
                labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            ),
            ..ObjectMeta::default()
        },
        type_: Some(consent::SECRET_TYPE.into()),
        data: Some(
            [(
                consent::SECRET_KEY.to_owned(),
                ByteString(blank(handoff).to_json()?),
            )]
            .into(),
        ),
        ..Secret::default()
    };
    secret::put(&mut secret, kept);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn handoff() -> Handoff {
        Handoff {
            namespace: "clinics".into(),
            integration_namespace: None,
            integration: "app".into(),
            integration_uid: "i".into(),
            connection: "ada".into(),
            connection_uid: Some("c".into()),
            client_id: "id".into(),
            redirect_url: "https://connect.example.com/callback/clinics/app".into(),
            code: "the-code".into(),
            code_verifier: "the-verifier".into(),
            begun: Timestamp::UNIX_EPOCH,
            authorized: Timestamp::UNIX_EPOCH,
        }
    }

    fn handed_over() -> Secret {
        Secret {
            metadata: ObjectMeta {
                name: Some("zoom-consent-x".into()),
                ..ObjectMeta::default()
            },
            data: Some(
                [(
                    consent::SECRET_KEY.to_owned(),
                    ByteString(handoff().to_json().unwrap()),
                )]
                .into(),
            ),
            ..Secret::default()
        }
    }

    #[test]
    fn a_spent_code_is_not_kept() {
        let mut secret = handed_over();
        let grant = grant_of(&secret).unwrap();
        assert_eq!(
            (grant.generation, grant.client_id.as_deref()),
            (0, Some("id"))
        );
        redeem(&mut secret);
        let read = read(&secret).unwrap();
        assert_eq!(read.code.expose_secret(), "");
        assert_eq!(read.code_verifier.expose_secret(), "");
        assert_eq!(read.connection, "ada");
        assert_eq!(secret.labels().get(label::REDEEMED).unwrap(), "true");
    }

    /// The clocks of the pages' Pods differ by minutes.
    #[test]
    fn the_order_of_consents_is_that_of_the_api_server() {
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let since = |created: Option<i64>, authorized| {
            let mut secret = handed_over();
            secret.metadata.creation_timestamp = created.map(|created| Time(at(created)));
            let handoff = Handoff {
                authorized: at(authorized),
                ..handoff()
            };
            let json = ByteString(handoff.to_json().unwrap());
            let data = secret.data.get_or_insert_default();
            data.insert(consent::SECRET_KEY.to_owned(), json);
            grant_of(&secret).unwrap().since
        };
        let ahead = since(Some(100_000), 400_000);
        let behind = since(Some(160_000), 10_000);
        assert!(ahead < behind, "{ahead} {behind}");
        assert_eq!(behind, at(160_000));
        // Two in one second.
        assert_eq!(since(Some(100_000), 100_400), at(100_400));
        assert_eq!(since(None, 400_000), at(400_000));
    }

    /// A reply that came after its consent was removed is found by searches for consents and by the sweep.
    /// With any other label or type, the Secret would keep its refresh token forever.
    #[test]
    fn a_late_reply_is_a_consent_again() {
        let grant = Grant {
            generation: 1,
            credential: Credential::RefreshToken("refresh".to_owned().into()),
            ..grant_of(&handed_over()).unwrap()
        };
        let kept = StoredGrant {
            grant,
            identity: None,
            identified: false,
            namespace_uid: "n".into(),
            imported: None,
        };
        let secret = rebuild("zoom-consent-x", "operator", &handoff(), &kept).unwrap();
        assert_eq!(secret.type_.as_deref(), Some(consent::SECRET_TYPE));
        for (label, value) in [
            (label::USE, label::CONSENT),
            (label::NAMESPACE, "clinics"),
            (label::CONNECTION, "ada"),
            (label::INTEGRATION, "app"),
        ] {
            assert_eq!(secret.labels().get(label).map(String::as_str), Some(value));
        }
        assert_eq!(read(&secret).unwrap().code.expose_secret(), "");
        assert_eq!(secret::get(&secret).unwrap().grant.generation, 1);
    }
}

//! What is written, and what is ours.

use jiff::Timestamp;

use super::*;

pub(super) fn connection(uid: &str, policy: &str) -> ZoomConnection {
    serde_json::from_value(json!({
        "apiVersion": "zoom-operator.io/v1alpha1",
        "kind": "ZoomConnection",
        "metadata": {"name": "ada", "namespace": "clinics", "uid": uid},
        "spec": {"integrationRef": {"name": "app"}, "token": {"deletionPolicy": policy}},
    }))
    .unwrap()
}

fn kept() -> StoredGrant {
    StoredGrant {
        grant: Grant {
            id: "g".into(),
            generation: 3,
            since: Timestamp::UNIX_EPOCH,
            client_id: None,
            credential: Credential::RefreshToken("refresh".to_owned().into()),
            access: None,
            intent: None,
            loss: None,
        },
        identity: None,
        identified: false,
        namespace_uid: "n".into(),
        imported: None,
    }
}

#[test]
fn what_was_written_is_read_back() {
    let owner = connection("u", "Delete");
    for (identified, identity) in [
        (false, None),
        (true, None),
        (
            true,
            Some(Identity {
                user_id: "z".into(),
                account_id: "a".into(),
                email: "ada@example.com".into(),
            }),
        ),
    ] {
        let before = StoredGrant {
            identified,
            identity: identity.clone(),
            imported: Some("f".into()),
            ..kept()
        };
        let secret = build(&owner, &before);
        let GrantSecret::Ours(after) = read(&owner, Some(&secret)) else {
            panic!("ours");
        };
        assert_eq!((after.identified, after.identity), (identified, identity));
        assert_eq!(after.grant.generation, 3);
        assert_eq!(after.imported.as_deref(), Some("f"));
        assert!(follows_policy(&owner, &secret));
        for policy in ["Retain", "Revoke"] {
            let other = connection("u", policy);
            assert!(!follows_policy(&other, &secret));
            assert!(follows_policy(&other, &build(&other, &before)), "{policy}");
        }
    }
}

#[test]
fn only_our_own_is_ours() {
    let owner = connection("u", "Delete");
    let secret = build(&owner, &kept());
    let found = |change: &dyn Fn(&mut Secret)| {
        let mut secret = secret.clone();
        change(&mut secret);
        read(&owner, Some(&secret))
    };
    assert!(matches!(read(&owner, None), GrantSecret::Absent));
    assert!(matches!(found(&|s| s.type_ = None), GrantSecret::Foreign));
    assert!(matches!(
        found(&|s| s.metadata.labels = None),
        GrantSecret::Foreign
    ));
    assert!(matches!(found(&|s| s.data = None), GrantSecret::Broken));
    assert!(matches!(
        read(&connection("other", "Delete"), Some(&secret)),
        GrantSecret::Leaving
    ));
    let retained = build(&connection("u", "Retain"), &kept());
    assert!(matches!(
        read(&connection("other", "Delete"), Some(&retained)),
        GrantSecret::Ours(_)
    ));
}

#[test]
fn a_code_in_a_connections_own_secret_is_not_redeemed() {
    let owner = connection("u", "Delete");
    let mut stolen = kept();
    stolen.grant.credential = Credential::Code(grant::Code {
        code: "code".to_owned().into(),
        verifier: "verifier".to_owned().into(),
        redirect_url: "https://connect.example.com/callback/platform/app".into(),
    });
    let secret = build(&owner, &stolen);
    assert!(matches!(read(&owner, Some(&secret)), GrantSecret::Broken));
}

#[test]
fn what_was_to_be_revoked_is_not_taken_over_by_a_successor() {
    let (owner, other) = (connection("u", "Revoke"), connection("other", "Revoke"));
    let secret = build(&owner, &kept());
    assert!(matches!(read(&owner, Some(&secret)), GrantSecret::Ours(_)));
    let GrantSecret::Ours(left) = read(&other, Some(&secret)) else {
        panic!("it is replaced by a consent");
    };
    assert_eq!(left.namespace_uid, ELSEWHERE, "it counts as a copy");
    assert!(follows_policy(&other, &secret), "it is not renamed");
    assert_eq!(get(&secret).unwrap().namespace_uid, "n");
    // An earlier version named nobody. The next pass does.
    let mut earlier = secret.clone();
    earlier.data.as_mut().unwrap().remove(key::CONNECTION_UID);
    assert!(matches!(read(&owner, Some(&earlier)), GrantSecret::Ours(_)));
    assert!(follows_policy(&owner, &secret) && !follows_policy(&owner, &earlier));
    let patch = alteration(&owner);
    assert_eq!(patch["data"]["connection-uid"], BASE64.encode(b"u"));
    // With another policy nobody is named: the owner is enough, or anybody may have it.
    for policy in ["Delete", "Retain"] {
        let changed = connection("u", policy);
        assert_eq!(alteration(&changed)["data"]["connection-uid"], Value::Null);
        assert!(!follows_policy(&changed, &secret), "{policy}");
        let built = build(&changed, &kept());
        assert_eq!(named_holder(&built), None, "{policy}");
    }
    // A refresh keeps the name.
    let mut refreshed = secret.clone();
    put(&mut refreshed, &kept());
    assert_eq!(named_holder(&refreshed), Some(&b"u"[..]));
}

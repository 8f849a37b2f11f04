//! Whether a grant is exported, by what exists under the name of its Secret. Pure.

use super::bundle::Entry;
use crate::controller::grants::secret::GrantSecret;
use grant::{Credential, Lost};

/// What to do with a grant.
#[derive(Debug)]
pub enum ExportDecision {
    /// Export it.
    Take,
    /// An interrupted export already took it out; it is in that export's file.
    Taken,
    /// Keep it, for this reason.
    Refuse(&'static str),
}

/// What to do with what exists under the name of a grant's Secret.
pub fn verdict(
    found: &GrantSecret,
    earlier: Option<&Entry>,
    namespace_uid: &str,
) -> ExportDecision {
    let kept = match found {
        GrantSecret::Absent => return ExportDecision::Refuse("it has no grant"),
        GrantSecret::Foreign | GrantSecret::Broken => {
            return ExportDecision::Refuse(
                "the Secret of its grant was not written by the operator, or was changed",
            );
        }
        GrantSecret::Leaving => return ExportDecision::Refuse("its grant is being removed"),
        GrantSecret::Ours(kept) => kept,
    };
    if let Some(loss) = &kept.grant.loss {
        let is_here = |entry: &Entry| {
            let grant = entry.grant();
            grant.is_some_and(|kept| kept.grant.credential.fingerprint() == loss.spent)
        };
        return match loss.reason {
            Lost::Exported if earlier.is_some_and(is_here) => ExportDecision::Taken,
            Lost::Exported => ExportDecision::Refuse("it was exported before"),
            _ => ExportDecision::Refuse("its grant is lost: the person has to authorize again"),
        };
    }
    if kept.namespace_uid != namespace_uid {
        return ExportDecision::Refuse("its grant was copied here from elsewhere and is not used");
    }
    if kept.grant.intent.is_some() {
        return ExportDecision::Refuse(
            "its refresh is under way: set spec.suspend on the integration, wait until it is over, and export again",
        );
    }
    match &kept.grant.credential {
        Credential::RefreshToken(_) => ExportDecision::Take,
        Credential::Code(_) => ExportDecision::Refuse("its consent is not finished"),
    }
}

/// Whether this cluster has a grant that is not lost.
pub fn is_alive(found: &GrantSecret) -> bool {
    matches!(found, GrantSecret::Ours(kept) if kept.grant.loss.is_none())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::api::core::v1::Secret;

    use super::{super::fixture::kept, *};
    use crate::controller::grants::secret::{self, StoredGrant};
    use grant::{Holder, Intent};

    fn judged(kept: StoredGrant, earlier: Option<&Entry>) -> String {
        let found = GrantSecret::Ours(Box::new(kept));
        format!("{:?}", verdict(&found, earlier, "n"))
    }

    fn entry(kept: &StoredGrant) -> Entry {
        let mut secret = Secret::default();
        secret::put(&mut secret, kept);
        Entry {
            namespace: "clinics".into(),
            name: "ada".into(),
            data: secret.data.unwrap(),
        }
    }

    #[test]
    fn a_grant_that_rests_is_taken() {
        assert_eq!(judged(kept(|_| ()), None), "Take");
    }

    #[test]
    fn one_that_is_being_refreshed_or_is_lost_or_copied_stays() {
        let refreshed = kept(|grant| {
            grant.intent = Some(Intent {
                holder: Holder {
                    pod: "p".into(),
                    process: "q".into(),
                    namespace: None,
                },
                attempt: 1,
                begun: Timestamp::UNIX_EPOCH,
            });
        });
        assert!(judged(refreshed, None).contains("refresh is under way"));
        let lost = kept(|grant| *grant = grant.erased(Lost::GrantLost));
        assert!(judged(lost, None).contains("lost"));
        let copied = StoredGrant {
            namespace_uid: "other".into(),
            ..kept(|_| ())
        };
        assert!(judged(copied, None).contains("copied"));
        let absent = verdict(&GrantSecret::Absent, None, "n");
        assert!(matches!(absent, ExportDecision::Refuse(_)));
    }

    /// What the file of an interrupted export has is kept unless this cluster has it.
    #[test]
    fn a_grant_is_alive_unless_it_is_lost_or_gone() {
        let of = |kept: StoredGrant| is_alive(&GrantSecret::Ours(Box::new(kept)));
        assert!(of(kept(|_| ())));
        assert!(!of(kept(|grant| *grant = grant.erased(Lost::Exported))));
        for gone in [
            GrantSecret::Absent,
            GrantSecret::Leaving,
            GrantSecret::Broken,
        ] {
            assert!(!is_alive(&gone));
        }
    }

    #[test]
    fn what_an_interrupted_export_erased_is_in_its_file() {
        let before = kept(|_| ());
        let erased = kept(|grant| *grant = grant.erased(Lost::Exported));
        assert_eq!(judged(erased.clone(), Some(&entry(&before))), "Taken");
        assert!(judged(erased.clone(), None).contains("exported before"));
        let other = kept(|grant| {
            grant.credential = Credential::RefreshToken("newer".to_owned().into());
        });
        assert!(judged(erased, Some(&entry(&other))).contains("exported before"));
    }

    #[test]
    fn the_erased_grant_holds_no_token_and_the_entry_all() {
        let before = kept(|_| ());
        let erased = before.grant.erased(Lost::Exported);
        assert!(erased.credential.is_empty() && erased.access.is_none());
        let read = entry(&before).grant().unwrap();
        assert_eq!(
            read.grant.credential.fingerprint(),
            before.grant.credential.fingerprint()
        );
    }
}

//! When a refresh token is taken over from the Secret of `importSecretRef`. Whether it works, only its use shows.

use super::{mismatch::mismatch, refresh, view::AppView};
use crate::{
    api::v1alpha1::ZoomConnection,
    controller::{
        connection::model::{Attempted, Import, Observed, Purpose, Step},
        grants::secret::{GrantSecret, StoredGrant},
        token_secret::TokenSecret,
    },
};
use grant::{Credential, Grant};

/// Id prefix of grants that started with an imported credential.
const IMPORTED: &str = "import-";

/// Takes a refresh token over, unless the connection has a grant that stays.
pub fn next(view: &AppView<'_>) -> Option<Step> {
    let observed = view.observed();
    let before = match &observed.grant {
        GrantSecret::Ours(kept) => Some(&**kept),
        GrantSecret::Absent => None,
        _ => return None,
    };
    let credential = due(&observed.import, before)?;
    let imported = credential.fingerprint();
    if stays(view.view.connection, observed) || view.situation().tried.has(Attempted::Refresh) {
        return None;
    }
    if !view.may_write() || before.is_none() && was_spent(&imported, &observed.token) {
        return None;
    }
    let kept = StoredGrant {
        grant: Grant {
            id: imported_id(&imported),
            generation: 0,
            since: view.view.now,
            client_id: None,
            credential,
            access: None,
            intent: None,
            loss: None,
        },
        identity: None,
        identified: false,
        namespace_uid: observed.namespace_uid.clone(),
        imported: Some(imported),
    };
    Some(Step::Store(Box::new(kept), Purpose::Imported))
}

/// The refresh token to import, unless it was imported before.
#[must_use]
pub fn due(import: &Import, kept: Option<&StoredGrant>) -> Option<Credential> {
    let Import::Present(token) = import else {
        return None;
    };
    let credential = Credential::RefreshToken(token.clone());
    let known = kept.and_then(|kept| kept.imported.as_deref());
    (known != Some(&credential.fingerprint())).then_some(credential)
}

/// Whether the connection has a grant that serves it. A refresh token to import does not replace that: whether the token
/// works, only its use shows, and by then the grant would be gone.
#[must_use]
pub fn serves(connection: &ZoomConnection, observed: &Observed) -> bool {
    let Some(kept) = observed.kept().filter(|_| !observed.is_copy()) else {
        return false;
    };
    let integration = observed.integration.as_ref();
    let client_id = integration.and_then(|found| found.credentials.client_id.as_deref());
    kept.grant.loss.is_none()
        && kept.grant.access.is_some()
        && refresh::other_client(kept, client_id).is_none()
        && mismatch(connection, observed).is_none()
}

/// Whether the connection's grant stays although another refresh token is to be imported. What is wrong with it may be
/// corrected in a minute: the credentials, the expected person. A grant that was imported may itself be the mistake,
/// which the next import corrects.
#[must_use]
pub fn stays(connection: &ZoomConnection, observed: &Observed) -> bool {
    is_barred(observed) || serves(connection, observed)
}

/// Whether the connection has a grant that a person gave by a consent. Without a loss, no import replaces it by itself,
/// and after one only once nothing is left of it.
#[must_use]
pub fn is_barred(observed: &Observed) -> bool {
    let own = observed.kept().filter(|_| !observed.is_copy());
    own.is_some_and(|kept| {
        let grant = &kept.grant;
        !grant.id.starts_with(IMPORTED) && (grant.loss.is_none() || grant.is_sealed())
    })
}

/// Whether a refresh token to import waits for the end of the connection's grant.
#[must_use]
pub fn waits(connection: &ZoomConnection, observed: &Observed) -> bool {
    due(&observed.import, observed.kept()).is_some() && stays(connection, observed)
}

/// Id of the grant that started with the imported credential of this fingerprint.
#[must_use]
pub fn imported_id(fingerprint: &str) -> String {
    format!("{IMPORTED}{fingerprint}")
}

/// Whether the imported credential of this fingerprint was spent, according to the token that consumers got
/// for it. It must not be sent again because somebody deleted the grant's Secret.
#[must_use]
pub fn was_spent(fingerprint: &str, published: &TokenSecret) -> bool {
    let TokenSecret::Ours(published) = published else {
        return false;
    };
    let grant = published.source.split_once('/').map(|(id, _)| id);
    grant == Some(&imported_id(fingerprint))
}

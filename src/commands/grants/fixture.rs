//! A grant for tests of this folder.

use jiff::Timestamp;

use crate::controller::grants::secret::StoredGrant;
use grant::{Credential, Grant};

/// A grant that rests, with this change.
pub fn kept(change: impl Fn(&mut Grant)) -> StoredGrant {
    let mut grant = Grant {
        id: "g".into(),
        generation: 3,
        since: Timestamp::UNIX_EPOCH,
        client_id: Some("app".into()),
        credential: Credential::RefreshToken("r".to_owned().into()),
        access: None,
        intent: None,
        loss: None,
    };
    change(&mut grant);
    StoredGrant {
        grant,
        identity: None,
        identified: true,
        namespace_uid: "n".into(),
        imported: None,
    }
}

//! Whether the stored grant may be this connection's.

use crate::{
    api::v1alpha1::{AppKind, ZoomConnection},
    controller::connection::{
        model::Observed,
        subject::{self, Mismatch},
    },
};

/// Why the stored grant must not be this connection's, if so. Checked again after every change.
#[must_use]
pub fn mismatch(connection: &ZoomConnection, observed: &Observed) -> Option<Mismatch> {
    let kept = observed.kept().filter(|kept| kept.identified)?;
    let integration = observed.integration.as_ref()?;
    if integration.resource.spec.app.kind != AppKind::General {
        return None;
    }
    let expected = observed.expected(connection, observed.other.as_ref());
    subject::judge(kept.identity.as_ref(), expected).err()
}

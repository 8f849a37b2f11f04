//! What of the operator's configuration a status depends on.

use std::time::Duration;

use url::Url;

/// The operator's configuration.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The class of this operator.
    pub operator_class: Option<&'a str>,
    /// Public address of the consent pages.
    pub pages: Option<&'a Url>,
    /// Lifetime of an unused refresh token.
    pub refresh_token_life: Duration,
    /// How long a refresh token that Zoom refused is kept.
    pub sealed_grant: Duration,
    /// Time to delete a person's data after the app was removed.
    pub data_deletion: Duration,
}

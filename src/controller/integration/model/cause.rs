//! Why Zoom is asked for a token.

/// Why a token is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no token Secret.
    NoSecret,
    /// The Secret is not as we wrote it.
    SecretModified,
    /// The credentials Secret changed.
    CredentialsChanged,
    /// The token is due for a refresh.
    RefreshDue,
    /// Zoom granted fewer scopes than required; somebody may have added them since.
    ScopesMissing,
    /// Zoom refused to prove the last one.
    Unproven,
    /// Somebody requested another token.
    Requested,
}

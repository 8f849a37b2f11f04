//! The requests that Zoom answers.

/// A request that Zoom answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A token of a Server-to-Server app.
    AccountToken,
    /// A token of a Team Chat bot.
    BotToken,
    /// A try of a General app's client id and secret.
    Check,
    /// The exchange of an authorization code.
    Code,
    /// The exchange of a refresh token.
    Refresh,
    /// The revocation of a grant.
    Revoke,
    /// Who a token belongs to.
    Identity,
}

//! Zoom as the issuer of grants.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use grant::{Access, Client, Credential, Grant, Issuer, Lost, Pair, Refusal, Revoker};
use zoom::{AccessToken, Error, Fault};

/// Spends credentials at Zoom's token endpoint on behalf of an app.
#[derive(Clone, Debug)]
pub struct ZoomIssuer {
    zoom: Arc<zoom::Client>,
    app: zoom::App,
}

/// Revokes nothing, because the app's credentials are not known.
#[derive(Clone, Copy, Debug)]
pub struct WithoutApp;

/// The client that identifies an app at Zoom.
#[must_use]
pub fn client_of(app: &zoom::App) -> Client {
    Client::new(&app.client_id, &app.client_secret)
}

// === impl ZoomIssuer ===

impl ZoomIssuer {
    /// An issuer for the grants of `app`.
    #[must_use]
    pub fn new(zoom: Arc<zoom::Client>, app: zoom::App) -> Self {
        Self { zoom, app }
    }
}

impl Issuer for ZoomIssuer {
    type Error = Error;

    fn client(&self) -> Client {
        client_of(&self.app)
    }

    fn time_limit(&self) -> Duration {
        self.zoom.spending_limit()
    }

    async fn exchange(&self, credential: &Credential) -> Result<Pair, Refusal<Error>> {
        let now = Timestamp::now();
        let tokens = match credential {
            Credential::Code(code) => {
                let (url, verifier) = (&code.redirect_url, &code.verifier);
                self.zoom
                    .authorization_code(&self.app, &code.code, verifier, url, now)
                    .await
            }
            Credential::RefreshToken(token) => self.zoom.refresh_token(&self.app, token, now).await,
        }
        .map_err(refusal)?;
        Ok(Pair {
            refresh_token: tokens.refresh,
            access: access_of(tokens.access),
        })
    }
}

impl Revoker for ZoomIssuer {
    async fn revoke(&self, grant: &Grant) {
        let Some(access) = &grant.access else {
            return;
        };
        match self.zoom.revoke(&self.app, &access.token).await {
            Ok(()) => tracing::info!("revoked a grant that is no longer needed"),
            Err(error) => tracing::warn!(%error, "failed to revoke a grant"),
        }
    }
}

// === impl WithoutApp ===

impl Revoker for WithoutApp {
    async fn revoke(&self, _: &Grant) {
        tracing::warn!("a grant that is no longer needed stays alive at Zoom until it expires");
    }
}

fn refusal(error: Error) -> Refusal<Error> {
    Refusal {
        ambiguous: error.ambiguous,
        ends: match error.fault {
            Fault::GrantLost => Some(Lost::GrantLost),
            Fault::OwnerGone => Some(Lost::OwnerGone),
            _ => None,
        },
        error,
    }
}

fn access_of(token: AccessToken) -> Access {
    Access {
        token: token.secret,
        token_type: token.token_type,
        issued_at: token.issued_at,
        expires_at: token.expires_at,
        scope: token.scope,
        api_url: token.api_url.into(),
    }
}

/// The access token of a stored grant.
#[must_use]
pub fn token_of(access: &Access, zoom: &zoom::Client) -> AccessToken {
    AccessToken {
        secret: access.token.clone(),
        token_type: access.token_type.clone(),
        expires_at: access.expires_at,
        issued_at: access.issued_at,
        scope: access.scope.clone(),
        api_url: zoom.api_url(&access.api_url),
    }
}
